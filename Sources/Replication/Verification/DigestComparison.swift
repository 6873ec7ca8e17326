package import Storage

/// Finds in which slots buckets differ, from their digests alone. Pure.
package struct DigestComparison: Sendable, Hashable {
    /// Slots in which not all buckets have the same.
    package let differingSlots: Set<Int>
    /// What has to be told to compare: the slots of each bucket but the first.
    package let exchangedBytes: Int

    package var isEqual: Bool { differingSlots.isEmpty }

    package init(_ digests: [DigestTable]) {
        let first = digests.first ?? DigestTable()
        differingSlots = Set(
            first.slots.indices.filter { slot in digests.contains { $0.slots[slot] != first.slots[slot] } })
        exchangedBytes = digests.dropFirst().count * DigestTable.byteCount
    }
}

/// Compares pages of fingerprints of the same slots, one page per bucket, that begin at the same place. Pure.
package struct FingerprintComparison: Sendable {
    /// Versions that not all buckets have alike or can read.
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
        // What one bucket cannot read the others need not have told of, when the digest of its slot is the same.
        let damaged = pages.flatMap(\.damaged).filter { position in end.map { position <= $0 } ?? true }
        let different = seen.filter { !$0.value.isSame || $0.value.count < pages.count }.keys
        differences = Set(damaged).union(different).sorted()
    }
}
