import AccessPoints
import NIOCore
import S3Model
import Storage

extension ObjectOperations {
    /// `nil` when nothing here answers and the other members of the access point have to be asked: ``getPromised(_:)``. A
    /// read that is answered from here never waits for anything.
    func getObject(_ target: BucketRequest) throws -> S3Response? {
        try find(target, withBytes: true).map { try answer(target, $0, try $0.bytes()) }
    }

    /// As ``getObject(_:)``, with ``headPromised(_:)``.
    func headObject(_ target: BucketRequest) throws -> S3Response? {
        try find(target, withBytes: false).map { try answer(target, $0, .none) }
    }

    /// What is on its way to the routed region, from where it is now; else as that region answers.
    func getPromised(_ target: BucketRequest) async throws -> S3Response {
        let found = try Self.look(at: try await router.readSource(target), target, withBytes: true)
        guard case .peer(let peer) = found.source.place, !found.selection.range.isEmpty else {
            return try answer(target, found, try found.bytes())
        }
        let bytes = try await peer.content(
            of: found.source.version, found.selection.range, on: target.request.eventLoop)
        return try answer(target, found, .source(bytes))
    }

    func headPromised(_ target: BucketRequest) async throws -> S3Response {
        try answer(
            target, try Self.look(at: try await router.readSource(target), target, withBytes: false), .none)
    }

    private struct Found {
        let source: ReadSource
        let selection: Selection
        let inline: ByteBuffer?

        /// From this process.
        func bytes() throws -> ObjectAnswer.Bytes {
            guard case .here(let store) = source.place else { return .buffer(ByteBuffer()) }
            return try ObjectOperations.bytes(of: source.version, inline, selection.range, in: store)
        }
    }

    /// What the routed region has, from one snapshot; `nil` where that is nothing, or not enough, and others may have it.
    private func find(_ target: BucketRequest, withBytes: Bool) throws -> Found? {
        let reads = target.accessPoint?.reads ?? .local
        guard reads != .freshest else { return nil }
        do {
            if let newest = try Self.newest(target, withBytes: withBytes) { return newest }
            return try target.store.withSnapshot {
                try Self.look(at: Router.local(target), target, withBytes: withBytes)
            }
        } catch let missing as S3Error
            where reads == .readThrough && (missing.code == .noSuchKey || missing.code == .noSuchVersion)
        {
            return nil
        }
    }

    /// The current object, the one most reads are about; `nil` for a request that names a version.
    private static func newest(_ target: BucketRequest, withBytes: Bool) throws -> Found? {
        guard !target.query.contains("versionId") else { return nil }
        let newest = try target.store.newestObject(try target.objectKey(), bucket: target.bucket.name)
        try checkConditions(target, newest.version, newest.content)
        return Found(
            source: ReadSource(
                place: .here(target.store), version: newest.version, content: newest.content, servedBy: nil),
            selection: try select(target, newest.content), inline: withBytes ? try newest.inlineContent() : nil)
    }

    private static func look(at source: ReadSource, _ target: BucketRequest, withBytes: Bool) throws -> Found {
        try checkConditions(target, source.version, source.content)
        let selection = try select(target, source.content)
        guard withBytes, case .here(let store) = source.place else {
            return Found(source: source, selection: selection, inline: nil)
        }
        return Found(source: source, selection: selection, inline: try store.inlineContent(of: source.version))
    }

    private func answer(
        _ target: BucketRequest, _ found: Found, _ bytes: ObjectAnswer.Bytes
    ) throws -> S3Response {
        let (version, content, selection) = (found.source.version, found.source.content, found.selection)
        var facts = found.source.facts
        if target.bucket.versioning != .unversioned { facts.append(.versionID(version.versionID)) }
        return S3Response(
            facts,
            payload: .object(
                ObjectAnswer(
                    version: version, content: content, range: selection.range, isPartial: selection.isPartial,
                    partsCount: selection.partsCount, checksum: selection.checksum,
                    overrides: try ResponseOverrides.parse(target.query), bytes: bytes)))
    }

    private static func bytes(
        of version: ObjectVersion, _ inline: ByteBuffer?, _ range: Range<Int64>, in store: RegionStore
    ) throws -> ObjectAnswer.Bytes {
        guard let whole = inline else {
            return .source(try store.content(of: version, range: range))
        }
        guard
            let slice = whole.getSlice(
                at: whole.readerIndex + Int(range.lowerBound), length: Int(range.upperBound - range.lowerBound))
        else { throw StorageError.corrupt(detail: "inline bytes of \(version.key) are shorter than its size") }
        return .buffer(slice)
    }

    private static func checkConditions(
        _ target: BucketRequest, _ version: ObjectVersion, _ content: ObjectContent
    ) throws(S3Error) {
        let conditions = ReadConditions { target.header($0) }
        switch conditions.check(etag: content.etag, modified: version.modified) {
        case .proceed: return
        case .notModified:
            var error = S3Error(.notModified).with(header: "ETag", content.etag.quoted)
                .with(header: "Last-Modified", version.modified.httpDate)
            if target.bucket.versioning != .unversioned {
                error = error.with(header: "x-amz-version-id", version.versionID.description)
            }
            throw error
        case .failed(let condition):
            throw S3Error.preconditionFailed(condition: condition)
        }
    }

    private struct Selection {
        var range: Range<Int64>
        var isPartial: Bool
        var partsCount: Int?
        var checksum: ObjectChecksum?
    }

    private static func select(_ target: BucketRequest, _ content: ObjectContent) throws(S3Error) -> Selection {
        let showsChecksum = target.header("x-amz-checksum-mode")?.lowercased() == "enabled"
        let range = target.header("range").flatMap { ByteRange.parse($0) }
        if let text = target.query["partNumber"] {
            guard target.header("range") == nil else {
                throw S3Error(.invalidRequest, "Cannot specify both Range header and partNumber query parameter")
            }
            return try selectPart(text, content, showsChecksum: showsChecksum)
        }
        guard let range else {
            return Selection(
                range: 0..<content.size, isPartial: false, partsCount: nil,
                checksum: showsChecksum ? content.checksum : nil)
        }
        let bytes = try range.resolve(size: content.size)
        let isWhole = bytes == 0..<content.size
        return Selection(
            range: bytes, isPartial: true, partsCount: nil,
            checksum: showsChecksum && isWhole ? content.checksum : nil)
    }

    /// One part of a multipart object; part 1 of any other object is the whole of it.
    private static func selectPart(
        _ text: String, _ content: ObjectContent, showsChecksum: Bool
    ) throws(S3Error) -> Selection {
        guard let number = Int(text), (1...10_000).contains(number) else {
            throw .invalidArgument(
                "Part number must be an integer between 1 and 10000, inclusive", name: "partNumber", value: text)
        }
        let parts = content.parts
        guard !parts.isEmpty || number > 1 else {
            return Selection(
                range: 0..<content.size, isPartial: content.size > 0, partsCount: nil,
                checksum: showsChecksum ? content.checksum : nil)
        }
        var start: Int64 = 0
        for part in parts {
            if part.number == number {
                return Selection(
                    range: start..<(start + part.size), isPartial: true, partsCount: parts.count,
                    checksum: showsChecksum ? partChecksum(part, of: content) : nil)
            }
            start += part.size
        }
        throw S3Error(
            .invalidPartNumber, "The requested partnumber is not satisfiable",
            fields: [
                .init("PartNumberRequested", text), .init("ActualPartCount", "\(max(1, parts.count))"),
            ])
    }

    /// A part's own value under the type of the object's checksum, as S3 shows it.
    private static func partChecksum(_ part: ObjectContent.Part, of content: ObjectContent) -> ObjectChecksum? {
        part.checksum.map {
            ObjectChecksum(algorithm: $0.algorithm, type: content.checksum?.type ?? $0.type, value: $0.value)
        }
    }
}

extension BucketRequest {
    /// The version a read is about, when it is an object. A delete marker answers as S3 does: `NoSuchKey` when it is the
    /// current version, `MethodNotAllowed` when it was asked for by id.
    func readableVersion() throws -> (version: ObjectVersion, content: ObjectContent) {
        let id = try versionID()
        let version = try store.object(try objectKey(), version: id, bucket: bucket.name)
        guard let content = version.object else {
            throw isDeleteMarker.with(header: "x-amz-delete-marker", "true")
                .with(header: "x-amz-version-id", version.versionID.description)
                .with(header: "Last-Modified", version.modified.httpDate).with(header: "Allow", "DELETE")
        }
        return (version, content)
    }

    /// `MethodNotAllowed` for operations that a delete marker does not have.
    var isDeleteMarker: S3Error {
        let name = request.operation.rawValue
        let method = ["Head", "Put", "Delete"].first { name.hasPrefix($0) }?.uppercased() ?? "GET"
        return S3Error(
            .methodNotAllowed, fields: [.init("Method", method), .init("ResourceType", "DeleteMarker")])
    }
}
