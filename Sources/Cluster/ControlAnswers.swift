package import Environment

/// Answers ``ControlCall``s against the store of this process, for ``RemoteControlStore`` in others.
package final class ControlAnswers: Sendable {
    /// How long a question for changes waits; those who ask must have more patience.
    package static let patienceMilliseconds: Int64 = 20_000

    private let store: any ControlStore
    private let time: any TimeSource
    private let end = RevisionWaiters(revision: 0)

    package init(store: any ControlStore, time: any TimeSource) {
        self.store = store
        self.time = time
    }

    /// Throws ``ControlValue/Unreadable`` when `call` is none; what goes wrong in the store is part of the answer.
    package func answer(_ call: [UInt8]) async throws -> [UInt8] {
        let call = try ControlCall.decode(call)
        do {
            return try await answer(to: call).encoded()
        } catch let error as ControlStoreError {
            return try ControlAnswer.failed(error).encoded()
        }
    }

    /// Everyone who waits for changes is told that the store is away, and nobody waits any more, so that a server can stop.
    package func close() { end.close() }

    private func answer(to call: ControlCall) async throws -> ControlAnswer {
        switch call {
        case .snapshot(let prefix): return .snapshot(try await store.snapshot(prefix: prefix))
        case .record(let key): return .record(try await store.record(key))
        case .commit(let expectations, let writes):
            var transaction = ControlTransaction()
            transaction.expectations = expectations
            transaction.writes = writes
            return .revision(try await store.commit(transaction))
        case .changed(let revision): return .revision(try await changed(after: revision))
        }
    }

    private func changed(after revision: Int64) async throws -> Int64 {
        try await withThrowingTaskGroup(of: Int64?.self) { group in
            group.addTask { try await self.store.changed(after: revision) }
            group.addTask {
                try? await self.time.sleep(milliseconds: Self.patienceMilliseconds)
                return nil
            }
            group.addTask {
                _ = try await self.end.changed(after: 0)
                return nil
            }
            defer { group.cancelAll() }
            // The asker's own revision says: nothing new, ask again.
            return try await group.next().flatMap { $0 } ?? revision
        }
    }
}
