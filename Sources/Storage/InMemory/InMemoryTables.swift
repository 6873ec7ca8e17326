import NIOCore
import S3Model

/// Orders versions by bucket, key bytes and then newest first, as listings want them.
struct VersionRowKey: Comparable, Sendable {
    var bucket: Int64
    var key: [UInt8]
    /// `nil` is before every version of the key.
    var stamp: VersionStamp?

    static func < (left: Self, right: Self) -> Bool {
        if left.bucket != right.bucket { return left.bucket < right.bucket }
        if left.key != right.key { return left.key.lexicographicallyPrecedes(right.key) }
        switch (left.stamp, right.stamp) {
        case (nil, .some): return true
        case (.some(let left), .some(let right)): return right < left
        default: return false
        }
    }
}

/// Orders uploads by bucket, key bytes and id.
struct UploadRowKey: Comparable, Sendable {
    var bucket: Int64
    var key: [UInt8]
    var id: String

    static func < (left: Self, right: Self) -> Bool {
        if left.bucket != right.bucket { return left.bucket < right.bucket }
        if left.key != right.key { return left.key.lexicographicallyPrecedes(right.key) }
        return left.id.utf8.lexicographicallyPrecedes(right.id.utf8)
    }
}

struct PartRowKey: Comparable, Sendable {
    var upload: String
    var number: Int

    static func < (left: Self, right: Self) -> Bool {
        left.upload != right.upload ? left.upload < right.upload : left.number < right.number
    }
}

/// Orders digests by bucket and slot.
struct SlotRowKey: Comparable, Sendable {
    var bucket: Int64
    var slot: Int

    static func < (left: Self, right: Self) -> Bool {
        left.bucket != right.bucket ? left.bucket < right.bucket : left.slot < right.slot
    }
}

/// Orders parts of replicas by bucket, version and place.
struct ArrivalRowKey: Comparable, Sendable {
    var bucket: Int64
    var stamp: VersionStamp
    var offset: Int64

    static func < (left: Self, right: Self) -> Bool {
        if left.bucket != right.bucket { return left.bucket < right.bucket }
        return left.stamp != right.stamp ? left.stamp < right.stamp : left.offset < right.offset
    }
}

/// The whole state of one in-memory metadata store, as a value: a transaction is a copy that replaces it, or does not.
struct InMemoryTables: Sendable {
    var buckets: [Int64: Bucket] = [:]
    var versions = OrderedTable<VersionRowKey, ObjectVersion>()
    var digests = OrderedTable<SlotRowKey, DigestTable.Node>()
    var inlineData = OrderedTable<Int64, ByteBuffer>()
    /// How many versions and parts refer to each blob.
    var references = OrderedTable<String, Int>()
    var garbage = OrderedTable<String, Bool>()
    var uploads = OrderedTable<String, MultipartUpload>()
    var uploadOrder = OrderedTable<UploadRowKey, Bool>()
    var parts = OrderedTable<PartRowKey, UploadedPart>()
    var outbox = OrderedTable<Int64, OutboxEntry>()
    /// Outbox ids by the version they are about.
    var outboxByVersion = OrderedTable<VersionRowKey, [Int64]>()
    var failures = OrderedTable<Int64, ReplicationFailure>()
    var nextFailure: Int64 = 1
    var conflicts = OrderedTable<Int64, WriteConflict>()
    var nextConflict: Int64 = 1
    /// When versions were removed for good; the key of a row is empty.
    var erasures = OrderedTable<VersionRowKey, Timestamp>()
    /// Parts of replicas that have not arrived whole.
    var arrivals = OrderedTable<ArrivalRowKey, (part: BlobSegment, time: Timestamp)>()
    var nextBucket: Int64 = 1
    var nextInlineData: Int64 = 1
    var nextOutbox: Int64 = 1
    var clockHighWater = VersionStamp.zero
}

extension InMemoryTables {
    /// One version in place of another, either of which may be none.
    mutating func moveDigest(from old: ObjectVersion?, to new: ObjectVersion?, bucket: Int64) {
        guard let key = (new ?? old)?.key, let change = DigestTable.Node(from: old, to: new) else { return }
        let row = SlotRowKey(bucket: bucket, slot: DigestTable.slot(of: key))
        var node = digests[row] ?? DigestTable.Node()
        node.combine(change)
        digests[row] = node
    }

    mutating func retain(_ data: ObjectData) {
        guard case .blobs(let segments) = data else { return }
        for segment in segments {
            let id = segment.blob.rawValue
            references[id] = (references[id] ?? 0) + 1
            garbage[id] = nil
        }
    }

    /// Takes one reference away. Blobs without any become garbage unless the caller takes them over.
    mutating func release(_ data: ObjectData, toGarbage: Bool = true) {
        switch data {
        case .empty: break
        case .inline(let id, _): inlineData[id] = nil
        case .blobs(let segments):
            for segment in segments {
                let id = segment.blob.rawValue
                let left = (references[id] ?? 1) - 1
                references[id] = left > 0 ? left : nil
                if left <= 0, toGarbage { garbage[id] = true }
            }
        }
    }
}
