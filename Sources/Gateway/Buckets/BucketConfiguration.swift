import Cluster
import Replication
import S3Model
import Storage

// MARK: Versioning

extension BucketOperations {
    func getBucketVersioning(_ target: BucketRequest) -> S3Response {
        .document(VersioningConfiguration(state: target.bucket.versioning).xml())
    }

    func putBucketVersioning(_ target: BucketRequest) async throws -> S3Response {
        let document = try VersioningConfiguration.parse(try await target.request.readDocument(limit: 64 * 1024))
        try await target.store.setVersioning(document.state, bucket: target.bucket.name)
        return S3Response()
    }
}

// MARK: Replication

extension BucketOperations {
    func getBucketReplication(_ target: BucketRequest) throws -> S3Response {
        guard let configuration = target.bucket.replication else {
            throw S3Error(
                .replicationConfigurationNotFoundError, fields: [.init("BucketName", target.bucket.name.rawValue)])
        }
        return .document(configuration.xml())
    }

    func putBucketReplication(_ target: BucketRequest) async throws -> S3Response {
        let configuration = try ReplicationConfiguration.parse(
            try await target.request.readDocument(limit: 1024 * 1024))
        let validator = ReplicationValidator(
            locate: { router.directory.location(of: $0) },
            versioning: { try await versioning(of: $0) })
        try await validator.validate(configuration, source: target.bucket)
        try await target.store.setReplication(configuration, bucket: target.bucket.name)
        return S3Response()
    }

    /// `nil` when its region cannot be asked now.
    private func versioning(of location: BucketLocation) async throws -> VersioningState? {
        if let store = router.regions[location.region] { return try store.bucket(location.name).versioning }
        do {
            if let state = try await peers.versioning(of: location.name, in: location.region) { return state }
        } catch is PeerFault {
            return nil
        }
        throw S3Error(
            .invalidRequest,
            "Destination bucket must exist; the region \(location.region) has no '\(location.name)'.")
    }

    func deleteBucketReplication(_ target: BucketRequest) async throws -> S3Response {
        try await target.store.setReplication(nil, bucket: target.bucket.name)
        return S3Response(status: 204)
    }
}

// MARK: Tags

extension BucketOperations {
    func getBucketTagging(_ target: BucketRequest) throws -> S3Response {
        guard !target.bucket.tags.isEmpty else {
            throw S3Error(.noSuchTagSet, fields: [.init("BucketName", target.bucket.name.rawValue)])
        }
        return .document(Tagging(tags: target.bucket.tags).xml())
    }

    func putBucketTagging(_ target: BucketRequest) async throws -> S3Response {
        let document = try Tagging.parse(
            try await target.request.readDocument(limit: 256 * 1024), kind: .bucket)
        try await target.store.setTags(document.tags, bucket: target.bucket.name)
        return S3Response(status: 204)
    }

    func deleteBucketTagging(_ target: BucketRequest) async throws -> S3Response {
        try await target.store.setTags([], bucket: target.bucket.name)
        return S3Response(status: 204)
    }
}

// MARK: Access control

extension BucketOperations {
    func getBucketAcl(_ target: BucketRequest) -> S3Response {
        .document(AccessControlPolicy.xml(owner: target.bucket.owner))
    }

    func putBucketAcl(_ target: BucketRequest) async throws -> S3Response {
        try await target.refuseOpenAcl()
        return S3Response()
    }

    func getOwnershipControls(_ target: BucketRequest) -> S3Response {
        .document(OwnershipControls(ownership: .bucketOwnerEnforced).xml())
    }

    func putOwnershipControls(_ target: BucketRequest) async throws -> S3Response {
        let document = try OwnershipControls.parse(try await target.request.readDocument(limit: 64 * 1024))
        guard document.ownership == .bucketOwnerEnforced else {
            throw S3Error(
                .notImplemented,
                "Only the object ownership BucketOwnerEnforced is implemented, not '\(document.ownership.rawValue)'.")
        }
        return S3Response()
    }
}

// MARK: What a bucket here never has

extension BucketOperations {
    /// Reads of configurations that no bucket can have yet: the answer AWS gives when there is none. Tools that look
    /// before they act (Terraform reads them all) can go on; writes are refused by name elsewhere.
    func unconfigured(_ target: BucketRequest) throws -> S3Response? {
        let name = S3Error.Field("BucketName", target.bucket.name.rawValue)
        switch target.request.operation {
        case .getBucketPolicy: throw S3Error(.noSuchBucketPolicy, "The bucket policy does not exist", fields: [name])
        case .getBucketCors: throw S3Error(.noSuchCORSConfiguration, fields: [name])
        case .getBucketLifecycleConfiguration: throw S3Error(.noSuchLifecycleConfiguration, fields: [name])
        case .getBucketWebsite: throw S3Error(.noSuchWebsiteConfiguration, fields: [name])
        case .getBucketEncryption: throw S3Error(.serverSideEncryptionConfigurationNotFoundError, fields: [name])
        case .getObjectLockConfiguration: throw S3Error(.objectLockConfigurationNotFoundError, fields: [name])
        case .getPublicAccessBlock: throw S3Error(.noSuchPublicAccessBlockConfiguration, fields: [name])
        case .getBucketAccelerateConfiguration: return .document(EmptyConfiguration.accelerate.xml())
        case .getBucketLogging: return .document(EmptyConfiguration.logging.xml())
        case .getBucketRequestPayment: return .document(EmptyConfiguration.requestPayment.xml())
        case .getBucketNotificationConfiguration: return .document(EmptyConfiguration.notification.xml())
        default: return nil
        }
    }
}

/// The documents of configurations that are always as on a new bucket.
enum EmptyConfiguration: String {
    case accelerate = "AccelerateConfiguration"
    case logging = "BucketLoggingStatus"
    case requestPayment = "RequestPaymentConfiguration"
    case notification = "NotificationConfiguration"

    func xml() -> [UInt8] {
        let inner = self == .requestPayment ? "<Payer>BucketOwner</Payer>" : ""
        return Array(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<\(rawValue) xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\(inner)</\(rawValue)>"
                .utf8)
    }
}
