package import Storage

/// Finds where buckets differ from their digests alone: the roots first, then only what lies below a difference. Pure.
package struct DigestComparison: Sendable, Hashable {
    /// Slots in which not all buckets have the same.
    package private(set) var differingSlots: Set<Int> = []
    /// What has to be told to compare: a root of each bucket but the first when all is equal.
    package private(set) var exchangedBytes = 0

    package var isEqual: Bool { differingSlots.isEmpty }

    package init(_ trees: [DigestTree]) {
        guard let first = trees.first else { return }
        for other in trees.dropFirst() { compare(first, other) }
    }

    private mutating func compare(_ first: DigestTree, _ other: DigestTree) {
        exchangedBytes += DigestTree.Node.byteCount
        guard first.root != other.root else { return }
        exchangedBytes += DigestTree.groupCount * DigestTree.Node.byteCount
        for group in 0..<DigestTree.groupCount where first.group(group) != other.group(group) {
            exchangedBytes += DigestTree.slotsPerGroup * DigestTree.Node.byteCount
            let start = group * DigestTree.slotsPerGroup
            for slot in start..<start + DigestTree.slotsPerGroup where first.slots[slot] != other.slots[slot] {
                differingSlots.insert(slot)
            }
        }
    }
}

/// Compares pages of fingerprints of the same slots, one page per bucket, that begin at the same place. Pure.
package struct FingerprintComparison: Sendable {
    /// Versions that not all buckets have alike.
    package private(set) var differences: [VersionPosition] = []
    /// How far the pages are all complete: where the next ones begin; `nil` at the end of all buckets.
    package let end: VersionPosition?

    package init(_ pages: [FingerprintPage]) {
        let end = pages.compactMap(\.end).min()
        self.end = end
        var seen: [VersionPosition: (digest: VersionDigest, count: Int, isSame: Bool)] = [:]
        for page in pages {
            for fingerprint in page.fingerprints {
                if let end, end < fingerprint.position { break }
                guard let known = seen[fingerprint.position] else {
                    seen[fingerprint.position] = (fingerprint.digest, 1, true)
                    continue
                }
                seen[fingerprint.position] = (
                    known.digest, known.count + 1, known.isSame && known.digest == fingerprint.digest
                )
            }
        }
        differences = seen.filter { !$0.value.isSame || $0.value.count < pages.count }.keys.sorted()
    }
}
