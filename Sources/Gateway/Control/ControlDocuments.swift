import AccessPoints
import S3Model

// Access points and their operations → the documents of S3 Control.

extension MultiRegionAccessPointReport {
    init(_ point: AccessPoint) {
        self.init(
            name: point.name.rawValue, alias: point.alias.rawValue, createdAt: point.created,
            publicAccessBlock: PublicAccessBlockConfiguration(point.publicAccessBlock), status: point.status.rawValue,
            regions: point.regions.map {
                Region(
                    bucket: $0.bucket.rawValue, region: $0.region.rawValue, bucketAccountID: $0.account.rawValue)
            })
    }
}

extension PublicAccessBlockConfiguration {
    init(_ block: PublicAccessBlock) {
        self.init(all: true)
        blockPublicAcls = block.blockPublicAcls
        ignorePublicAcls = block.ignorePublicAcls
        blockPublicPolicy = block.blockPublicPolicy
        restrictPublicBuckets = block.restrictPublicBuckets
    }
}

extension DescribeMultiRegionAccessPointOperationResult {
    init(_ operation: AsyncOperation) {
        self.init(
            creationTime: operation.created, requestTokenARN: operation.requestTokenARN,
            parameters: Parameters(operation.parameters), status: operation.status.rawValue,
            details: Details(operation))
    }
}

extension DescribeMultiRegionAccessPointOperationResult.Parameters {
    init(_ parameters: AsyncOperation.Parameters) {
        switch parameters {
        case .create(let request):
            self = .create(
                CreateMultiRegionAccessPointRequest(
                    name: request.name,
                    publicAccessBlock: PublicAccessBlockConfiguration(request.publicAccessBlock),
                    regions: request.regions.map { .init(bucket: $0.bucket, bucketAccountID: $0.account) }))
        case .delete(let name): self = .delete(DeleteMultiRegionAccessPointRequest(name: name))
        case .putPolicy(let name, let policy):
            self = .putPolicy(PutMultiRegionAccessPointPolicyRequest(name: name, policy: policy))
        }
    }
}

extension DescribeMultiRegionAccessPointOperationResult.Details {
    /// `nil` while the operation runs (spec/mrap.md §6.3).
    init?(_ operation: AsyncOperation) {
        if let failure = operation.failure {
            self = .error(
                code: failure.code.rawValue, message: failure.message, resource: failure.resource, requestID: nil)
        } else if operation.status.isFinal {
            self = .regions(operation.regions.map { .init(name: $0.region.rawValue, status: $0.status.rawValue) })
        } else {
            return nil
        }
    }
}
