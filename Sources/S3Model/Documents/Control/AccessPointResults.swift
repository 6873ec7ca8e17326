/// The answer of the three calls that are accepted now and done later (spec/mrap.md §6.1, §6.2, §6.6).
package struct AsyncRequestResult: Sendable {
    /// One of Create-, DeleteMultiRegionAccessPoint and PutMultiRegionAccessPointPolicy.
    package var operation: S3Operation
    package var requestTokenARN: String

    package init(operation: S3Operation, requestTokenARN: String) {
        self.operation = operation
        self.requestTokenARN = requestTokenARN
    }

    package func xml() -> [UInt8] {
        XMLWriter.control("\(operation.rawValue)Result") { $0.element("RequestTokenARN", requestTokenARN) }
    }
}

/// An access point as Get- and ListMultiRegionAccessPoints show it (spec/mrap.md §6.4).
package struct MultiRegionAccessPointReport: Sendable {
    package struct Region: Sendable {
        package var bucket: String
        package var region: String
        package var bucketAccountID: String

        package init(bucket: String, region: String, bucketAccountID: String) {
            self.bucket = bucket
            self.region = region
            self.bucketAccountID = bucketAccountID
        }
    }

    package var name: String
    /// With `.mrap`; `nil` while there is none.
    package var alias: String?
    package var createdAt: Timestamp
    package var publicAccessBlock: PublicAccessBlockConfiguration
    /// For example `READY` (spec/mrap.md §7.3).
    package var status: String
    package var regions: [Region]

    package init(
        name: String, alias: String?, createdAt: Timestamp, publicAccessBlock: PublicAccessBlockConfiguration,
        status: String, regions: [Region]
    ) {
        self.name = name
        self.alias = alias
        self.createdAt = createdAt
        self.publicAccessBlock = publicAccessBlock
        self.status = status
        self.regions = regions
    }

    /// The answer of GetMultiRegionAccessPoint.
    package func xml() -> [UInt8] {
        XMLWriter.control("GetMultiRegionAccessPointResult") { write(&$0) }
    }

    fileprivate func write(_ writer: inout XMLWriter) {
        writer.element("AccessPoint") { writer in
            writer.element("Name", name)
            writer.element(ifPresent: "Alias", alias)
            writer.element("CreatedAt", createdAt)
            writer.element("PublicAccessBlock") { publicAccessBlock.write(&$0) }
            writer.element("Status", status)
            writer.element("Regions") { writer in
                for region in regions {
                    // The member element and its name element are both called Region.
                    writer.element("Region") { writer in
                        writer.element("Bucket", region.bucket)
                        writer.element("Region", region.region)
                        writer.element("BucketAccountId", region.bucketAccountID)
                    }
                }
            }
        }
    }
}

/// The answer of ListMultiRegionAccessPoints (spec/mrap.md §6.5).
package struct ListMultiRegionAccessPointsResult: Sendable {
    package var accessPoints: [MultiRegionAccessPointReport]
    package var nextToken: String?

    package init(accessPoints: [MultiRegionAccessPointReport], nextToken: String? = nil) {
        self.accessPoints = accessPoints
        self.nextToken = nextToken
    }

    package func xml() -> [UInt8] {
        XMLWriter.control("ListMultiRegionAccessPointsResult") { writer in
            writer.element("AccessPoints") { writer in
                for point in accessPoints { point.write(&writer) }
            }
            writer.element(ifPresent: "NextToken", nextToken)
        }
    }
}

/// The answer of GetMultiRegionAccessPointPolicy (spec/mrap.md §6.7). Without any policy: an empty `<Policy/>`.
package struct GetMultiRegionAccessPointPolicyResult: Sendable {
    package var established: String?
    package var proposed: String?

    package init(established: String?, proposed: String?) {
        self.established = established
        self.proposed = proposed
    }

    package func xml() -> [UInt8] {
        XMLWriter.control("GetMultiRegionAccessPointPolicyResult") { writer in
            guard established != nil || proposed != nil else { return writer.empty("Policy") }
            writer.element("Policy") { writer in
                if let established { writer.element("Established") { $0.element("Policy", established) } }
                if let proposed { writer.element("Proposed") { $0.element("Policy", proposed) } }
            }
        }
    }
}

/// The answer of GetMultiRegionAccessPointPolicyStatus (spec/mrap.md §6.8).
package struct GetMultiRegionAccessPointPolicyStatusResult: Sendable {
    package var isPublic: Bool

    package init(isPublic: Bool) { self.isPublic = isPublic }

    package func xml() -> [UInt8] {
        XMLWriter.control("GetMultiRegionAccessPointPolicyStatusResult") { writer in
            writer.element("Established") { $0.element("IsPublic", isPublic) }
        }
    }
}

extension XMLWriter {
    /// A document of S3 Control.
    static func control(_ root: String, _ content: (inout XMLWriter) -> Void) -> [UInt8] {
        document(root, namespace: XMLNamespace.s3Control, content)
    }
}
