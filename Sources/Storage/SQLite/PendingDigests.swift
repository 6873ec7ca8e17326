/// The digests of a bucket's slots as they are stored: a version byte, then 24 bytes for each slot. One row per bucket,
/// so that a batch of transactions writes one row whatever keys it touches.
struct DigestRecord: Hashable {
    private static let version: UInt8 = 1
    private static let size = 1 + DigestTable.slotCount * DigestTable.Node.byteCount

    private(set) var bytes: [UInt8]

    /// Of a bucket without versions.
    init() {
        bytes = Array(repeating: 0, count: Self.size)
        bytes[0] = Self.version
    }

    /// `nil` when these bytes are no such record.
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count == Self.size, bytes.first == Self.version else { return nil }
        self.bytes = Array(bytes)
    }

    init(_ table: DigestTable) {
        self.init()
        for (slot, node) in table.slots.enumerated() { combine(node, slot: slot) }
    }

    var table: DigestTable {
        var table = DigestTable()
        for slot in 0..<DigestTable.slotCount { table.set(node(at: Self.offset(slot)), slot: slot) }
        return table
    }

    mutating func combine(_ change: DigestTable.Node, slot: Int) {
        let offset = Self.offset(slot)
        var node = node(at: offset)
        node.combine(change)
        bytes.withUnsafeMutableBytes { bytes in
            bytes.storeBytes(of: node.digest.high.bigEndian, toByteOffset: offset, as: UInt64.self)
            bytes.storeBytes(of: node.digest.low.bigEndian, toByteOffset: offset + 8, as: UInt64.self)
            bytes.storeBytes(of: node.versions.bigEndian, toByteOffset: offset + 16, as: Int64.self)
        }
    }

    private static func offset(_ slot: Int) -> Int { 1 + slot * DigestTable.Node.byteCount }

    private func node(at offset: Int) -> DigestTable.Node {
        bytes.withUnsafeBytes { bytes in
            DigestTable.Node(
                digest: Digest128(
                    high: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)),
                    low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self))),
                versions: Int64(bigEndian: bytes.loadUnaligned(fromByteOffset: offset + 16, as: Int64.self)))
        }
    }
}

/// What a batch of transactions changes in the digests: gathered in memory, written just before the batch is committed,
/// one row for each bucket. A transaction that is undone takes its changes back. Used on the writing thread only.
final class PendingDigests {
    private struct Change {
        var bucket: Int64
        /// `nil` when the bucket was removed. Its id never comes again.
        var slot: Int?
        var node = DigestTable.Node()
    }

    /// Records in memory between batches, at most; one has about 3 KiB.
    private static let limit = 64

    /// As they are in the file but for `changes`.
    private var records: [Int64: DigestRecord] = [:]
    private var changes: [Change] = []
    private var start = 0

    /// The next transaction of the batch begins.
    func begin() { start = changes.count }

    /// It is undone.
    func undo() { changes.removeLast(changes.count - start) }

    /// The whole batch is lost, and with it what is known of the file.
    func abandon() {
        changes.removeAll()
        records.removeAll()
    }

    /// `stored` is asked for the bucket's record when it is not in memory. It throws here, where only one transaction
    /// suffers from a damaged record, rather than when the batch is written.
    func add(
        _ node: DigestTable.Node, slot: Int, bucket: Int64, stored: () throws -> DigestRecord
    ) rethrows {
        if records[bucket] == nil { records[bucket] = try stored() }
        changes.append(Change(bucket: bucket, slot: slot, node: node))
    }

    func remove(bucket: Int64) { changes.append(Change(bucket: bucket)) }

    /// What a reader within the batch sees in place of `record`.
    func current(_ record: DigestRecord, bucket: Int64) -> DigestRecord {
        var record = record
        for change in changes where change.bucket == bucket {
            guard let slot = change.slot else { return DigestRecord() }
            record.combine(change.node, slot: slot)
        }
        return record
    }

    /// Gives `write` the records that the batch has changed. Call it as the last thing before the commit.
    func flush(_ write: (Int64, DigestRecord) throws -> Void) rethrows {
        var changed: [Int64: DigestRecord] = [:]
        var removed: Set<Int64> = []
        for change in changes {
            if let slot = change.slot {
                changed[change.bucket, default: records[change.bucket] ?? DigestRecord()]
                    .combine(change.node, slot: slot)
            } else {
                removed.insert(change.bucket)
            }
        }
        changes.removeAll(keepingCapacity: true)
        start = 0
        for (bucket, record) in changed where !removed.contains(bucket) && records[bucket] != record {
            try write(bucket, record)
            records[bucket] = record
        }
        for bucket in removed { records[bucket] = nil }
        if records.count > Self.limit { records.removeAll(keepingCapacity: true) }
    }
}
