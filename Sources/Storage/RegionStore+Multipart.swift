package import S3Model

extension RegionStore {
    package func createUpload(
        _ key: ObjectKey, bucket: BucketName, owner: Owner, metadata: ObjectMetadata, tags: [Tag],
        checksumAlgorithm: ChecksumAlgorithm?, checksumType: ChecksumType?
    ) async throws -> MultipartUpload { preconditionFailure("unwritten") }
    package func upload(_ id: String, key: ObjectKey, bucket: BucketName) throws -> MultipartUpload {
        preconditionFailure("unwritten")
    }
    package func putPart(
        _ number: Int, upload id: String, key: ObjectKey, bucket: BucketName, content: StagedContent,
        checksum: ObjectChecksum?
    ) async throws -> UploadedPart { preconditionFailure("unwritten") }
    package func completeUpload(_ completion: MultipartCompletion) async throws -> ObjectVersion {
        preconditionFailure("unwritten")
    }
    package func abortUpload(_ id: String, key: ObjectKey, bucket: BucketName) async throws {
        preconditionFailure("unwritten")
    }
    package func parts(upload id: String, key: ObjectKey, bucket: BucketName, after: Int, limit: Int) throws
        -> (parts: [UploadedPart], next: Int?)
    { preconditionFailure("unwritten") }
}
