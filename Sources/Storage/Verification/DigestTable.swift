import CChecksums
package import S3Model

/// The digests of all versions of one bucket, by slots of their keys. Buckets whose slots are all equal hold the same
/// versions; where they differ, only the keys of these slots have to be looked at.
package struct DigestTable: Sendable, Hashable {
    /// So few that the slots of a bucket fit into one page of SQLite, which every commit writes.
    package static let slotCount = 128
    /// All slots, when they go from one region to another.
    package static let byteCount = slotCount * Node.byteCount

    package struct Node: Sendable, Hashable {
        /// What a node is when it goes from one region to another: digest and count.
        package static let byteCount = Digest128.byteCount + 8

        package var digest = Digest128.zero
        package var versions: Int64 = 0

        package init() {}

        /// What changes when one version takes the place of another, either of which may be none; `nil` when nothing does,
        /// as when only the status of a version is another. Compared by bytes, which texts are not.
        init?(from old: ObjectVersion?, to new: ObjectVersion?) {
            let before = old.map(VersionDigest.bytes)
            let after = new.map(VersionDigest.bytes)
            guard before != after else { return nil }
            if let before { combine(Node(digest: Digest128(hashing: before), versions: -1)) }
            if let after { combine(Node(digest: Digest128(hashing: after), versions: 1)) }
        }

        package init(digest: Digest128, versions: Int64) {
            self.digest = digest
            self.versions = versions
        }

        mutating func combine(_ other: Node) {
            digest.combine(other.digest)
            versions += other.versions
        }
    }

    package private(set) var slots: [Node]

    package init() { slots = Array(repeating: Node(), count: Self.slotCount) }

    /// The slot of a key: the same in every region, now and later.
    package static func slot(of key: ObjectKey) -> Int {
        var text = key.rawValue
        return text.withUTF8 { slot(ofKey: UnsafeRawBufferPointer($0)) }
    }

    static func slot(ofKey bytes: UnsafeRawBufferPointer) -> Int {
        Int(meridian_crc32c(0, bytes.baseAddress, bytes.count) % UInt32(slotCount))
    }

    package mutating func set(_ node: Node, slot: Int) {
        guard slots.indices.contains(slot) else { return }
        slots[slot] = node
    }

    package mutating func insert(_ version: ObjectVersion) {
        if let change = Node(from: nil, to: version) { slots[Self.slot(of: version.key)].combine(change) }
    }

    /// Of all slots together: what is shown of a bucket.
    package var root: Node { slots.reduce(into: Node()) { $0.combine($1) } }
}
