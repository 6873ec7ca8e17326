import Synchronization

/// Counts the readers of each blob. The collector leaves leased blobs alone.
final class BlobLeases: Sendable {
    private let counts = Mutex<[BlobID: Int]>([:])

    /// The blobs stay until the lease is released (deinitialised).
    func take(_ blobs: [BlobID]) -> BlobLease {
        counts.withLock { counts in for blob in blobs { counts[blob, default: 0] += 1 } }
        return BlobLease(blobs, in: self)
    }

    func isLeased(_ blob: BlobID) -> Bool { counts.withLock { $0[blob] != nil } }

    /// How many blobs are leased.
    var count: Int { counts.withLock { $0.count } }

    fileprivate func give(back blobs: [BlobID]) {
        counts.withLock { counts in
            for blob in blobs {
                let left = (counts[blob] ?? 1) - 1
                counts[blob] = left > 0 ? left : nil
            }
        }
    }
}

/// Held by one reader.
final class BlobLease: Sendable {
    private let blobs: [BlobID]
    private let leases: BlobLeases

    fileprivate init(_ blobs: [BlobID], in leases: BlobLeases) {
        self.blobs = blobs
        self.leases = leases
    }

    deinit { leases.give(back: blobs) }
}

/// Blobs of failed requests that could not be removed at once. Bounded: what does not fit is found by the next start,
/// because a store with doubts is not closed cleanly.
struct DoubtfulBlobs: Sendable {
    static let limit = 4096
    private(set) var blobs: [BlobID] = []
    private(set) var isOverflowing = false

    var isEmpty: Bool { blobs.isEmpty && !isOverflowing }

    mutating func add(_ more: [BlobID]) {
        let room = Self.limit - blobs.count
        if more.count > room { isOverflowing = true }
        blobs.append(contentsOf: more.prefix(max(0, room)))
    }

    mutating func takeAll() -> [BlobID] {
        defer { blobs = [] }
        return blobs
    }
}
