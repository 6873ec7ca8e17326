import AccessPoints
import Cluster
import Environment
import NIOCore
import S3Model
import Storage

/// The object that CopyObject and UploadPartCopy read.
struct CopySourceObject: Sendable {
    let place: ReadSource.Place
    let bucket: BucketName
    let version: ObjectVersion
    let content: ObjectContent
    let isNamedVersion: Bool

    /// To be pulled by the task of `request`.
    func bytes(_ range: Range<Int64>, for request: S3Request) async throws -> any ByteSource {
        switch place {
        case .peer(let member):
            guard !range.isEmpty else { return BufferSource(ByteBuffer()) }
            return try await member.content(of: version, range, on: request.eventLoop)
        case .here(let store):
            guard let whole = try store.inlineContent(of: version) else {
                return try store.content(of: version, range: range)
            }
            let slice = whole.getSlice(at: whole.readerIndex + Int(range.lowerBound), length: range.count)
            return BufferSource(slice ?? ByteBuffer())
        }
    }

    /// What came from another process is what was stored there, where there is a checksum that says so.
    func check(_ found: [UInt8]?, _ algorithm: ChecksumAlgorithm) throws(S3Error) {
        guard case .peer = place, let found, let stored = content.checksum, stored.type == .fullObject,
            stored.algorithm == algorithm, stored.value != Base64.encode(found)
        else { return }
        throw S3Error(.serviceUnavailable, "The source did not arrive as it is stored; try again.")
    }
}

extension ObjectOperations {
    /// Finds, authorizes and checks the conditions of `x-amz-copy-source`.
    func copySource(_ target: BucketRequest) async throws -> CopySourceObject {
        let request = target.request
        let source = try CopySource.parse(request.header("x-amz-copy-source") ?? "")
        let endpoint: Endpoint =
            switch source.container {
            case .name(let label): .bucket(label: label, key: source.key.rawValue, region: nil)
            case .accessPoint(let arn): .accessPoint(label: arn.label, account: arn.account, key: source.key.rawValue)
            }
        let reading = request.reading(version: source.versionID?.description)
        let place: ReadSource.Place
        let bucket: BucketName
        let version: ObjectVersion
        if let member = try router.sourceElsewhere(reading, endpoint) {
            version = try await member.find(source.key, version: source.versionID)
            (place, bucket) = (.peer(member), member.bucket)
        } else {
            let found = try await router.promisedSource(try router.route(reading, to: endpoint), source)
            (place, bucket, version) = (found.place, found.bucket, found.version)
        }
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
            place: place, bucket: bucket, version: version, content: content,
            isNamedVersion: source.versionID != nil)
    }
}

extension Router {
    /// The version that a copy is made from: the routed region's, or one that is still on its way there.
    fileprivate func promisedSource(
        _ found: BucketRequest, _ source: CopySource
    ) async throws -> (place: ReadSource.Place, bucket: BucketName, version: ObjectVersion) {
        do {
            let version = try found.store.object(source.key, version: source.versionID, bucket: found.bucket.name)
            return (.here(found.store), found.bucket.name, version)
        } catch let missing as S3Error
            where found.accessPoint != nil && (missing.code == .noSuchKey || missing.code == .noSuchVersion)
        {
            let promised = try await readSource(found)
            return (promised.place, found.bucket.name, promised.version)
        }
    }

    /// The bucket that a copy is read from when another process has it, authorized as ``route(_:to:)`` does; `nil` when
    /// it is here, or nowhere. Of an access point's active members those that are here come first.
    fileprivate func sourceElsewhere(_ reading: S3Request, _ endpoint: Endpoint) throws -> PeerReads.Member? {
        let entry: RoutingEntry?
        switch endpoint {
        case .bucket(let label, _, _):
            if let location = BucketName(label).flatMap({ directory.location(of: $0) }) {
                return try source(location.name, in: location.region, owner: location.owner.account, reading)
            }
            entry = accessPoint(label: label, account: nil, reading)
        case .accessPoint(let label, let account, _):
            entry = accessPoint(label: label, account: account, reading)
        case .control, .console, .service: return nil
        }
        guard let entry else { return nil }
        let choice = RouteChooser.choose(
            entry, home: home, healthy: { regions[$0] != nil }, random: random.next(), distance: places.distance)
        guard let member = choice?.member, isElsewhere(member.region) else { return nil }
        let point = entry.accessPoint
        try authorize(reading, action: reading.action, arn: point.arn.description, owner: point.account)
        return try source(member.bucket, in: member.region, owner: member.account, reading)
    }

    private func source(
        _ bucket: BucketName, in region: RegionName, owner: AccountID, _ reading: S3Request
    ) throws -> PeerReads.Member? {
        guard isElsewhere(region) else { return nil }
        try authorize(reading, action: reading.action, arn: "arn:aws:s3:::\(bucket)", owner: owner)
        guard let peer = peerReads[region] else {
            throw S3Error(.notImplemented, "The source is in \(region), which this process cannot read from.")
        }
        return PeerReads.Member(peer: peer, bucket: bucket)
    }
}
