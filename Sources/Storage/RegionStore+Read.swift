package import NIOCore
package import S3Model
import Synchronization

extension RegionStore {
    /// Runs `body` on one snapshot (in SQLite): every read in it sees the same state, for the price of one. Not for
    /// ``content(of:range:)``, which has to see what has changed since.
    package func withSnapshot<Result>(_ body: () throws -> Result) throws -> Result {
        try metadata.read { _ in try body() }
    }

    /// The current version, or the one named. Throws `NoSuchBucket`, `NoSuchKey`, `NoSuchVersion`; a current delete
    /// marker is `NoSuchKey` with headers `x-amz-delete-marker: true` and `x-amz-version-id`; a delete marker asked for by
    /// id is returned as it is (the caller answers MethodNotAllowed).
    package func object(_ key: ObjectKey, version: VersionID?, bucket: BucketName) throws -> ObjectVersion {
        let bucket = try self.bucket(bucket)
        return try metadata.read { try self.find(key, version: version, in: bucket, $0) }
    }

    /// The current object with its bytes when they are small; the quickest way to it, often without the metadata store's
    /// file. Throws as ``object(_:version:bucket:)`` without a version.
    package func newestObject(_ key: ObjectKey, bucket: BucketName) throws -> NewestObject {
        let known = try self.bucket(bucket)
        if let found = try metadata.newestObject(bucket: known.id, key: key) { return found }
        // Says why there is none. A write may have come in between.
        let version = try object(key, version: nil, bucket: bucket)
        guard
            let found = try NewestObject(version, inlineData: { id in try metadata.read { try $0.inlineData(id: id) } })
        else { throw S3Error.noSuchKey(key) }
        return found
    }

    func find(_ key: ObjectKey, version id: VersionID?, in bucket: Bucket, _ reader: any MetadataReader) throws
        -> ObjectVersion
    {
        let newest: ObjectVersion?
        do {
            newest = try reader.newestVersion(bucket: bucket.id, key: key)
        } catch StorageError.corrupt where id != nil {
            // Then no version that can be read is the newest.
            newest = nil
        }
        guard let id else {
            guard var newest else { throw S3Error.noSuchKey(key) }
            if newest.isDeleteMarker { throw S3Error.hidden(by: newest) }
            newest.isCurrent = true
            return newest
        }
        guard var found = try exactVersion(key, id, in: bucket, reader) else {
            throw S3Error.noSuchVersion(key, id)
        }
        found.isCurrent = found.stamp == newest?.stamp
        return found
    }

    /// The version with this id. A null version has no other id than `null`.
    func exactVersion(_ key: ObjectKey, _ id: VersionID, in bucket: Bucket, _ reader: any MetadataReader) throws
        -> ObjectVersion?
    {
        switch id {
        case .null: return try reader.nullVersion(bucket: bucket.id, key: key)
        case .stamp(let stamp):
            let found = try reader.version(bucket: bucket.id, key: key, stamp: stamp)
            return found?.isNull == true ? nil : found
        }
    }

    /// The bytes of `range` (within the object's size), verified against their checksums. The bytes stay readable until
    /// the source is released, whatever happens to the version. Throws `ServiceUnavailable` when the version went away
    /// since it was found, `InvalidRange` when the range is not within it.
    package func content(of version: ObjectVersion, range: Range<Int64>) throws -> any ByteSource {
        guard let object = version.object else { throw S3Error(.methodNotAllowed) }
        guard range.lowerBound >= 0, range.upperBound <= object.size else {
            throw S3Error(.invalidRange, "The range \(range) is not within the object's \(object.size) bytes.")
        }
        guard case .blobs(let segments) = object.data else {
            let bytes = try inlineContent(of: version) ?? ByteBuffer()
            let slice = bytes.getSlice(at: bytes.readerIndex + Int(range.lowerBound), length: range.count)
            return BufferSource(slice ?? ByteBuffer())
        }
        let pieces = Self.pieces(of: segments, range: range)
        guard let first = pieces.first else { return BufferSource(ByteBuffer()) }
        let lease = leases.take(pieces.map(\.blob))
        // Looked at after the lease was taken: from here on the collector leaves the files alone.
        guard try metadata.read({ try $0.isReferenced(blob: first.blob) }) else {
            throw S3Error.replacedWhileReading(version.key)
        }
        return SegmentedSource(pieces, blobs: blobs, lease: lease)
    }

    /// Small objects in one piece without a stream; `nil` when the bytes are in blobs.
    package func inlineContent(of version: ObjectVersion) throws -> ByteBuffer? {
        guard let object = version.object else { throw S3Error(.methodNotAllowed) }
        switch object.data {
        case .empty: return ByteBuffer()
        case .blobs: return nil
        case .inline(let id, let crc32c):
            guard let bytes = try metadata.read({ try $0.inlineData(id: id) }) else {
                throw S3Error.replacedWhileReading(version.key)
            }
            guard Int64(bytes.readableBytes) == object.size, bytes.crc32c == crc32c else {
                throw StorageError.corruptInlineData(id, of: version, found: bytes)
            }
            return bytes
        }
    }

    /// The parts of `segments` that a range covers.
    static func pieces(of segments: [BlobSegment], range: Range<Int64>) -> [BlobPiece] {
        var pieces: [BlobPiece] = []
        var start: Int64 = 0
        for segment in segments {
            let end = start + segment.size
            let from = max(start, range.lowerBound)
            let to = min(end, range.upperBound)
            if from < to { pieces.append(BlobPiece(blob: segment.blob, range: from - start..<to - start)) }
            if end >= range.upperBound { break }
            start = end
        }
        return pieces
    }
}

/// A stretch of one blob.
struct BlobPiece: Sendable, Hashable {
    var blob: BlobID
    var range: Range<Int64>
}

/// Reads stretches of blobs one after another.
private final class SegmentedSource: ByteSource {
    private struct State {
        var pieces: ArraySlice<BlobPiece>
        var current: (any ByteSource)?
    }

    private let state: Mutex<State>
    private let blobs: any BlobStore
    private let lease: BlobLease

    init(_ pieces: [BlobPiece], blobs: any BlobStore, lease: BlobLease) {
        state = Mutex(State(pieces: pieces[...], current: nil))
        self.blobs = blobs
        self.lease = lease
    }

    func next() async throws -> ByteBuffer? {
        while let source = try current() {
            if let bytes = try await source.next() { return bytes }
            state.withLock { $0.current = nil }
        }
        return nil
    }

    private func current() throws -> (any ByteSource)? {
        try state.withLock { state in
            if let current = state.current { return current }
            guard let piece = state.pieces.popFirst() else { return nil }
            let source = try blobs.reader(of: piece.blob, range: piece.range)
            state.current = source
            return source
        }
    }
}
