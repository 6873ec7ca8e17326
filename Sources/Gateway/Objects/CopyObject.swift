import AccessPoints
import Cluster
import NIOCore
import S3Model
import Storage

extension ObjectOperations {
    func copyObject(_ target: BucketRequest) async throws -> S3Response {
        let key = try target.objectKey()
        try target.refuseUnsupportedWriteHeaders()
        let source = try copySource(target)
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
        let bytes = try source.bytes(0..<source.content.size)
        let staged = try await target.store.stage(bytes, digests: DigestPlan(checksum: algorithm))
        do {
            var put = put
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
        let isSame = source.bucket.name == target.bucket.name && source.version.key == key && source.version.isCurrent
        guard isSame, !replacesMetadata, given.storageClass == nil, given.websiteRedirectLocation == nil,
            !source.isNamedVersion
        else { return }
        throw S3Error(
            .invalidRequest,
            "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes."
        )
    }
}

/// The object that CopyObject and UploadPartCopy read.
struct CopySourceObject: Sendable {
    let store: RegionStore
    let bucket: Bucket
    let version: ObjectVersion
    let content: ObjectContent
    let isNamedVersion: Bool

    func bytes(_ range: Range<Int64>) throws -> any ByteSource {
        guard let whole = try store.inlineContent(of: version) else {
            return try store.content(of: version, range: range)
        }
        let slice = whole.getSlice(at: whole.readerIndex + Int(range.lowerBound), length: range.count)
        return BufferSource(slice ?? ByteBuffer())
    }
}

extension ObjectOperations {
    /// Finds, authorizes and checks the conditions of `x-amz-copy-source`.
    func copySource(_ target: BucketRequest) throws -> CopySourceObject {
        let request = target.request
        let source = try CopySource.parse(request.header("x-amz-copy-source") ?? "")
        let endpoint: Endpoint =
            switch source.container {
            case .name(let label): .bucket(label: label, key: source.key.rawValue, region: nil)
            case .accessPoint(let arn): .accessPoint(label: arn.label, account: arn.account, key: source.key.rawValue)
            }
        let reading = request.reading(version: source.versionID?.description)
        try refuseSourceElsewhere(endpoint, reading)
        let found = try router.route(reading, to: endpoint)
        let version = try found.store.object(source.key, version: source.versionID, bucket: found.bucket.name)
        guard let content = version.object else {
            throw S3Error(
                .invalidRequest,
                "The source of a copy request may not specifically refer to a delete marker by version id.")
        }
        switch ReadConditions(.copySource, header: { request.header($0) }).check(
            etag: content.etag, modified: version.modified)
        {
        case .proceed: break
        case .notModified: throw S3Error.preconditionFailed(condition: "x-amz-copy-source-If-None-Match")
        case .failed(let condition): throw S3Error.preconditionFailed(condition: condition)
        }
        return CopySourceObject(
            store: found.store, bucket: found.bucket, version: version, content: content,
            isNamedVersion: source.versionID != nil)
    }
}

extension ObjectOperations {
    /// What only other processes have cannot be copied from: throws `NotImplemented` with a way out.
    private func refuseSourceElsewhere(_ endpoint: Endpoint, _ reading: S3Request) throws {
        let entry: RoutingEntry?
        switch endpoint {
        case .bucket(let label, _, _):
            if let location = BucketName(label).flatMap({ router.directory.location(of: $0) }) {
                guard router.isElsewhere(location.region) else { return }
                try router.authorize(
                    reading, action: reading.action, arn: "arn:aws:s3:::\(location.name)",
                    owner: location.owner.account)
                throw Self.elsewhere(location.region)
            }
            entry = router.accessPoint(label: label, account: nil, reading)
        case .accessPoint(let label, let account, _):
            entry = router.accessPoint(label: label, account: account, reading)
        case .control, .console, .service: return
        }
        let active = entry?.members.filter(\.isActive) ?? []
        guard let first = active.first, active.allSatisfy({ router.isElsewhere($0.region) }) else { return }
        throw Self.elsewhere(first.region)
    }

    private static func elsewhere(_ region: RegionName) -> S3Error {
        S3Error(
            .notImplemented,
            "The source is in \(region), which another process serves; copying from there is not implemented. "
                + "Read the object and write it, or let replication bring it.")
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
