import Synchronization

/// The revision of a control store and those who wait for the next one. Shared by the stores of this target, so that
/// waiting, cancellation and closing are the same everywhere.
final class RevisionWaiters: Sendable {
    /// One per edge, worker and directory is normal; more than this is a leak, and is refused.
    static let limit = 1024

    private struct Waiter {
        let after: Int64
        let continuation: CheckedContinuation<Int64, any Error>
    }

    private struct State {
        var revision: Int64
        var nextID: UInt64 = 0
        var waiters: [UInt64: Waiter] = [:]
        var isClosed = false
    }

    private let state: Mutex<State>

    init(revision: Int64) { state = Mutex(State(revision: revision)) }

    var revision: Int64 { state.withLock { $0.revision } }

    /// Wakes everyone who waits for a revision below this one. Lower revisions than the known one change nothing.
    func advance(to revision: Int64) {
        let woken: [Waiter] = state.withLock { state in
            guard revision > state.revision else { return [] }
            state.revision = revision
            let ready = state.waiters.filter { $0.value.after < revision }
            for id in ready.keys { state.waiters[id] = nil }
            return Array(ready.values)
        }
        for waiter in woken { waiter.continuation.resume(returning: revision) }
    }

    /// Everyone who waits, and everyone who comes later, gets `ControlStoreError.unavailable`.
    func close() {
        let woken: [Waiter] = state.withLock { state in
            state.isClosed = true
            defer { state.waiters = [:] }
            return Array(state.waiters.values)
        }
        for waiter in woken { waiter.continuation.resume(throwing: Self.closed) }
    }

    /// The revision once it is above `revision`, or the revision at the time when the task is cancelled.
    func changed(after revision: Int64) async throws -> Int64 {
        let id: UInt64 = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let result: Result<Int64, any Error>? = state.withLock { state in
                    if state.isClosed { return .failure(Self.closed) }
                    // Cancellation is marked before its handler runs: either this sees the mark, or the handler finds
                    // the waiter.
                    if state.revision > revision || Task.isCancelled { return .success(state.revision) }
                    guard state.waiters.count < Self.limit else {
                        return .failure(ControlStoreError.unavailable(reason: "more than \(Self.limit) watchers"))
                    }
                    state.waiters[id] = Waiter(after: revision, continuation: continuation)
                    return nil
                }
                if let result { continuation.resume(with: result) }
            }
        } onCancel: {
            let woken: (Waiter, Int64)? = state.withLock { state in
                state.waiters.removeValue(forKey: id).map { ($0, state.revision) }
            }
            if let (waiter, revision) = woken { waiter.continuation.resume(returning: revision) }
        }
    }

    private static var closed: ControlStoreError { .unavailable(reason: "the control store is closed") }
}
