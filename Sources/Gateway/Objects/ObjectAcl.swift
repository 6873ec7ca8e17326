import S3Model
import Storage

/// ACLs are off, as in every new bucket of AWS (BucketOwnerEnforced): they can be read, and show the owner's full control;
/// they can only be "changed" to what they are.
extension ObjectOperations {
    func getObjectAcl(_ target: BucketRequest) async throws -> S3Response {
        let source = try await router.metadataSource(target)
        let facts: [S3Response.Fact] =
            target.bucket.versioning == .unversioned ? [] : [.versionID(source.version.versionID)]
        return .document(AccessControlPolicy.xml(owner: target.bucket.owner), facts + source.facts)
    }

    func putObjectAcl(_ target: BucketRequest) async throws -> S3Response {
        _ = try target.readableVersion()
        try await target.refuseOpenAcl()
        return S3Response()
    }
}

extension BucketRequest {
    /// Throws `AccessControlListNotSupported` unless the ACL asked for is the owner's full control alone.
    func refuseOpenAcl() async throws {
        try refuseUnsupportedWriteHeaders()
        let body = try await request.readDocument(limit: 256 * 1024)
        guard header("x-amz-acl") == nil else { return }
        guard !body.isEmpty else {
            throw S3Error(
                .missingSecurityHeader,
                "Your request was missing a required header: x-amz-acl, or a document with grants.")
        }
        guard try AccessControlPolicy.parse(body).isOwnerFullControl(bucket.owner) else {
            throw S3Error(.accessControlListNotSupported)
        }
    }
}
