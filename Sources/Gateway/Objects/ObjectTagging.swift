import S3Model
import Storage

extension ObjectOperations {
    func getObjectTagging(_ target: BucketRequest) async throws -> S3Response {
        let source: ReadSource
        do { source = try await router.metadataSource(target) } catch { throw target.taggingError(error) }
        return .document(
            Tagging(tags: source.content.tags).xml(), Self.versionFact(source.version, target) + source.facts)
    }

    func putObjectTagging(_ target: BucketRequest) async throws -> S3Response {
        let document = try Tagging.parse(
            try await target.request.readDocument(limit: 256 * 1024), kind: .object)
        return try await setTags(document.tags, target, status: 200)
    }

    func deleteObjectTagging(_ target: BucketRequest) async throws -> S3Response {
        try await setTags([], target, status: 204)
    }

    private func setTags(_ tags: [Tag], _ target: BucketRequest, status: Int) async throws -> S3Response {
        let (found, _) = try target.taggedVersion()
        let version = try await target.store.setTags(
            tags, key: found.key, version: try target.versionID(), bucket: target.bucket.name)
        return S3Response(status: status, Self.versionFact(version, target))
    }

    private static func versionFact(_ version: ObjectVersion, _ target: BucketRequest) -> [S3Response.Fact] {
        target.bucket.versioning == .unversioned ? [] : [.versionID(version.versionID)]
    }
}

extension BucketRequest {
    /// As ``readableVersion()``, except that a delete marker is `MethodNotAllowed` also when it is the current version.
    fileprivate func taggedVersion() throws -> (version: ObjectVersion, content: ObjectContent) {
        do { return try readableVersion() } catch { throw taggingError(error) }
    }

    /// What the error of a read is for an operation on tags.
    fileprivate func taggingError(_ error: any Error) -> any Error {
        guard let missing = error as? S3Error, missing.code == .noSuchKey,
            missing.headers.contains(where: { $0.name == "x-amz-delete-marker" })
        else { return error }
        return isDeleteMarker
    }
}
