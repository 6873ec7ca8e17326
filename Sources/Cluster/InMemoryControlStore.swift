import Synchronization

/// A control store for tests and the simulation: the same contract as the embedded one, without a disk.
package final class InMemoryControlStore: ControlStore {
    private struct State {
        /// By the key's bytes: `String` takes two spellings of one letter for equal.
        var records: [[UInt8]: ControlRecord] = [:]
        var revision: Int64 = 0
        var outage: String?
    }

    private let state = Mutex(State())
    private let waiters = RevisionWaiters(revision: 0)

    package init() {}

    /// While `reason` is not `nil`, reads and commits throw `ControlStoreError.unavailable` and nothing is written.
    package func setOutage(_ reason: String?) { state.withLock { $0.outage = reason } }

    package func snapshot(prefix: String) async throws -> ControlSnapshot {
        try read { state in
            let records = state.records.values.filter { $0.key.utf8.starts(with: prefix.utf8) }
            return ControlSnapshot(
                revision: state.revision,
                records: records.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) })
        }
    }

    package func record(_ key: String) async throws -> ControlRecord? { try read { $0.records[Array(key.utf8)] } }

    package func commit(_ transaction: ControlTransaction) async throws -> Int64 {
        let revision: Int64 = try state.withLock { state in
            if let outage = state.outage { throw ControlStoreError.unavailable(reason: outage) }
            for expectation in transaction.expectations where !Self.holds(expectation, in: state) {
                throw ControlStoreError.conflict
            }
            guard !transaction.writes.isEmpty else { return state.revision }
            state.revision += 1
            for write in transaction.writes {
                switch write {
                case .put(let key, let value):
                    state.records[Array(key.utf8)] = ControlRecord(key: key, value: value, revision: state.revision)
                case .delete(let key): state.records[Array(key.utf8)] = nil
                }
            }
            return state.revision
        }
        waiters.advance(to: revision)
        return revision
    }

    package func changed(after revision: Int64) async throws -> Int64 { try await waiters.changed(after: revision) }

    package func close() async throws { waiters.close() }

    private func read<Value>(_ body: (State) throws -> Value) throws -> Value {
        try state.withLock { state in
            if let outage = state.outage { throw ControlStoreError.unavailable(reason: outage) }
            return try body(state)
        }
    }

    private static func holds(_ expectation: ControlTransaction.Expectation, in state: State) -> Bool {
        switch expectation {
        case .absent(let key): state.records[Array(key.utf8)] == nil
        case .unchanged(let key, let revision): state.records[Array(key.utf8)]?.revision == revision
        }
    }
}
