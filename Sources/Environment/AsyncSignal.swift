import Synchronization

/// Wakes one waiting worker. A `notify` with nobody waiting is remembered, once; many become one. So a worker that
/// drains its queue and then waits never misses work, and nothing here can grow.
package final class AsyncSignal: Sendable {
    private enum State {
        case idle
        case notified
        case waiting(CheckedContinuation<Void, Never>)
    }

    private let state = Mutex<State>(.idle)

    package init() {}

    package func notify() {
        let waiter: CheckedContinuation<Void, Never>? = state.withLock { state in
            switch state {
            case .idle, .notified:
                state = .notified
                return nil
            case .waiting(let continuation):
                state = .idle
                return continuation
            }
        }
        waiter?.resume()
    }

    /// Returns after the next `notify` (or at once after a remembered one), or when the task is cancelled. One waiter at
    /// a time.
    package func wait() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isReady: Bool = state.withLock { state in
                    switch state {
                    case .idle:
                        state = .waiting(continuation)
                        return false
                    case .notified:
                        state = .idle
                        return true
                    case .waiting:
                        preconditionFailure("AsyncSignal has one waiter at a time")
                    }
                }
                if isReady { continuation.resume() }
            }
        } onCancel: {
            notify()
        }
    }
}
