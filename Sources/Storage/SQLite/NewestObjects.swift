import S3Model
import Synchronization

/// Objects that were read lately, so that reading them again takes no statement. Nobody ever finds one in here that is
/// older than what a commit has made visible:
///
/// * The writer calls ``CommitCount/begin()``, then ``forget(_:)`` with every key that the transaction touched, and only
///   then commits. While the commit runs, those keys are read from the file.
/// * A reader knows the settled count from before its snapshot, and ``keep(_:_:settled:in:)`` takes what it read only if
///   the count is still the same. That is decided under the lock that `forget` takes: either no commit had begun, and
///   the one that comes will find the entry and remove it, or one had, and nothing is kept.
///
/// Bounded by ``capacity``: two generations, of which the older goes when the younger is full. What is used in the older
/// one moves to the younger.
final class NewestObjects: Sendable {
    struct Key: Hashable, Sendable {
        let bucket: Int64
        let key: ObjectKey
    }

    private struct Generations {
        var young: [Key: NewestObject] = [:]
        var old: [Key: NewestObject] = [:]
        var youngCost = 0
    }

    /// Bytes, about; for both generations together.
    let capacity: Int
    private let state = Mutex(Generations())

    init(capacity: Int = 16 << 20) { self.capacity = capacity }

    func find(_ key: Key) -> NewestObject? {
        state.withLock { state in
            if let found = state.young[key] { return found }
            guard let found = state.old.removeValue(forKey: key) else { return nil }
            add(found, key, to: &state)
            return found
        }
    }

    /// `settled`: what the count of `commits` was before the snapshot that the object was read from.
    func keep(_ object: NewestObject, _ key: Key, settled: UInt64, in commits: CommitCount) {
        // One object may not push out all the others.
        guard object.cost <= capacity / 8 else { return }
        state.withLock { state in
            guard commits.settled == settled else { return }
            state.old[key] = nil
            add(object, key, to: &state)
        }
    }

    /// Between ``CommitCount/begin()`` and the commit.
    func forget(_ keys: Set<Key>) {
        guard !keys.isEmpty else { return }
        state.withLock { state in
            for key in keys {
                if let gone = state.young.removeValue(forKey: key) { state.youngCost -= gone.cost }
                state.old[key] = nil
            }
        }
    }

    /// Entries of both generations.
    var count: Int { state.withLock { $0.young.count + $0.old.count } }

    private func add(_ object: NewestObject, _ key: Key, to state: inout Generations) {
        if state.youngCost + object.cost > capacity / 2 {
            state.old = state.young
            state.young = [:]
            state.youngCost = 0
        }
        if let replaced = state.young.updateValue(object, forKey: key) { state.youngCost -= replaced.cost }
        state.youngCost += object.cost
    }
}

/// The keys whose versions a batch of transactions has touched, whether they were kept or undone. Used on the writing
/// thread only.
final class TouchedKeys {
    private(set) var keys: Set<NewestObjects.Key> = []

    func insert(bucket: Int64, key: ObjectKey) { keys.insert(NewestObjects.Key(bucket: bucket, key: key)) }
}
