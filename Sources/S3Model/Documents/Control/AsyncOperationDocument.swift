/// The answer of DescribeMultiRegionAccessPointOperation (spec/mrap.md §6.3). Its status is 200 for a failed operation,
/// too.
package struct DescribeMultiRegionAccessPointOperationResult: Sendable {
    /// What was asked.
    package enum Parameters: Sendable {
        case create(CreateMultiRegionAccessPointRequest)
        case delete(DeleteMultiRegionAccessPointRequest)
        case putPolicy(PutMultiRegionAccessPointPolicyRequest)

        package var operation: S3Operation {
            switch self {
            case .create: .createMultiRegionAccessPoint
            case .delete: .deleteMultiRegionAccessPoint
            case .putPolicy: .putMultiRegionAccessPointPolicy
            }
        }
    }

    /// What came of it; there is nothing to say while it runs.
    package enum Details: Sendable {
        case regions([Region])
        case error(code: String, message: String, resource: String?, requestID: String?)
    }

    package struct Region: Sendable {
        package var name: String
        package var status: String

        package init(name: String, status: String) {
            self.name = name
            self.status = status
        }
    }

    package var creationTime: Timestamp
    package var requestTokenARN: String
    package var parameters: Parameters
    /// `NEW`, `INPROGRESS`, `SUCCEEDED` or `FAILED` (spec/mrap.md §7.1).
    package var status: String
    package var details: Details?

    package init(
        creationTime: Timestamp, requestTokenARN: String, parameters: Parameters, status: String, details: Details?
    ) {
        self.creationTime = creationTime
        self.requestTokenARN = requestTokenARN
        self.parameters = parameters
        self.status = status
        self.details = details
    }

    package func xml() -> [UInt8] {
        XMLWriter.control("DescribeMultiRegionAccessPointOperationResult") { writer in
            writer.element("AsyncOperation") { writer in
                writer.element("CreationTime", creationTime)
                writer.element("Operation", parameters.operation.rawValue)
                writer.element("RequestTokenARN", requestTokenARN)
                writer.element("RequestParameters") { writer in
                    switch parameters {
                    case .create(let request): request.writeParameters(&writer)
                    case .delete(let request): request.writeParameters(&writer)
                    case .putPolicy(let request): request.writeParameters(&writer)
                    }
                }
                writer.element("RequestStatus", status)
                if let details { writer.element("ResponseDetails") { write(details, &$0) } }
            }
        }
    }

    private func write(_ details: Details, _ writer: inout XMLWriter) {
        switch details {
        case .regions(let regions):
            writer.element("MultiRegionAccessPointDetails") { writer in
                writer.element("Regions") { writer in
                    for region in regions {
                        writer.element("Region") { writer in
                            writer.element("Name", region.name)
                            writer.element("RequestStatus", region.status)
                        }
                    }
                }
            }
        case .error(let code, let message, let resource, let requestID):
            writer.element("ErrorDetails") { writer in
                writer.element("Code", code)
                writer.element("Message", message)
                writer.element(ifPresent: "Resource", resource)
                writer.element(ifPresent: "RequestId", requestID)
            }
        }
    }
}
