import S3Model
import Storage

extension ObjectOperations {
    func copyObject(_ target: BucketRequest) async throws -> S3Response {
        let key = try target.objectKey()
        try target.refuseUnsupportedWriteHeaders()
        let source = try await copySource(target)
        let replacesMetadata = try Self.directive("x-amz-metadata-directive", target)
        let replacesTags = try Self.directive("x-amz-tagging-directive", target)
        let given = try target.objectMetadata()
        try Self.refuseCopyToItself(target, key, source, replacesMetadata: replacesMetadata, given)
        guard source.content.size <= Self.maximumPut else {
            throw S3Error(
                .invalidRequest,
                "The specified copy source is larger than the maximum allowable size for a copy source: \(Self.maximumPut)"
            )
        }
        var metadata = replacesMetadata ? given : source.content.metadata
        if !replacesMetadata {
            metadata.storageClass = given.storageClass
            metadata.websiteRedirectLocation = given.websiteRedirectLocation
        }
        var put = ObjectPut(bucket: target.bucket.name, key: key, owner: target.bucket.owner, metadata: metadata)
        put.tags = replacesTags ? try target.headerTags() : source.content.tags
        put.conditions = try target.writeConditions()
        let stored = try await store(put, from: source, in: target)
        // Unlike PUT, a copy names the null version of a suspended bucket too.
        var facts: [S3Response.Fact] = []
        if target.bucket.versioning != .unversioned { facts.append(.versionID(stored.versionID)) }
        if !source.version.isNull { facts.append(.copySourceVersion(source.version.versionID)) }
        return .document(
            CopyResult(
                kind: .object, lastModified: stored.modified, etag: stored.object?.etag ?? ETag(""),
                checksum: stored.object?.checksum
            ).xml(), facts)
    }

    private func store(_ put: ObjectPut, from source: CopySourceObject, in target: BucketRequest) async throws
        -> ObjectVersion
    {
        let algorithm = try target.checksumAlgorithm() ?? source.content.checksum?.algorithm ?? .crc64nvme
        let bytes = try await source.bytes(0..<source.content.size, for: target.request)
        let staged = try await target.store.stage(bytes, digests: DigestPlan(checksum: algorithm))
        do {
            var put = put
            try source.check(staged.digests.checksum, algorithm)
            put.checksum = staged.digests.checksum.map {
                ObjectChecksum(algorithm: algorithm, type: .fullObject, value: Base64.encode($0))
            }
            return try await target.store.putObject(put, content: staged)
        } catch {
            await target.store.discard(staged)
            throw error
        }
    }

    /// `COPY` (the default) or `REPLACE`.
    private static func directive(_ name: String, _ target: BucketRequest) throws(S3Error) -> Bool {
        switch target.header(name) {
        case nil, "COPY": return false
        case "REPLACE": return true
        case .some(let value):
            throw .invalidArgument("Unknown directive; expected COPY or REPLACE.", name: name, value: value)
        }
    }

    private static func refuseCopyToItself(
        _ target: BucketRequest, _ key: ObjectKey, _ source: CopySourceObject, replacesMetadata: Bool,
        _ given: ObjectMetadata
    ) throws(S3Error) {
        let isSame = source.bucket == target.bucket.name && source.version.key == key && source.version.isCurrent
        guard isSame, !replacesMetadata, given.storageClass == nil, given.websiteRedirectLocation == nil,
            !source.isNamedVersion
        else { return }
        throw S3Error(
            .invalidRequest,
            "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes."
        )
    }
}

extension BucketRequest {
    /// `x-amz-checksum-algorithm`.
    func checksumAlgorithm() throws(S3Error) -> ChecksumAlgorithm? {
        guard let name = header("x-amz-checksum-algorithm") else { return nil }
        guard let algorithm = ChecksumAlgorithm(rawValue: name.uppercased()) else {
            throw S3Error(
                .invalidRequest,
                "Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]"
            )
        }
        return algorithm
    }
}
