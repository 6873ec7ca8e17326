import Synchronization

/// Counts the commits of the one writing connection, so that a reader knows whether the snapshot it has is still the
/// newest. Odd while a commit is running: then nobody may rely on it.
///
/// A commit is answered only after ``end()``, so whoever has seen an answer also sees the new count.
final class CommitCount: Sendable {
    private let count = Atomic<UInt64>(0)

    func begin() { count.wrappingAdd(1, ordering: .sequentiallyConsistent) }
    func end() { count.wrappingAdd(1, ordering: .sequentiallyConsistent) }

    /// `nil` while a commit is running.
    var settled: UInt64? {
        let count = count.load(ordering: .sequentiallyConsistent)
        return count.isMultiple(of: 2) ? count : nil
    }
}
