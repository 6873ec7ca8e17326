import NIOPosix
import Synchronization

/// Runs calls that block on threads of their own. Unlike `NIOThreadPool`'s own async call this does not look at the
/// task's cancellation: a file that was begun must be finished or removed in any case.
struct BlockingPool: Sendable {
    private let pool: NIOThreadPool

    init(threads: Int) {
        pool = NIOThreadPool(numberOfThreads: max(1, threads))
        pool.start()
    }

    func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            pool.submit { state in
                guard case .active = state else {
                    continuation.resume(throwing: StorageError.closed)
                    return
                }
                continuation.resume(with: Result { try body() })
            }
        }
    }

    /// Starts `body` and returns at once; the result is picked up once.
    func start(_ body: @escaping @Sendable () throws -> Void) -> PoolJob {
        let job = PoolJob()
        pool.submit { state in
            guard case .active = state else {
                job.finish(.failure(StorageError.closed))
                return
            }
            job.finish(Result { try body() })
        }
        return job
    }

    func shutDown() async throws { try await pool.shutdownGracefully() }
}

/// One call under way on the pool.
final class PoolJob: Sendable {
    private enum State {
        case running
        case waiting(CheckedContinuation<Void, any Error>)
        case finished(Result<Void, any Error>)
    }

    private let state = Mutex<State>(.running)

    /// Waits for the end; called at most once.
    func value() async throws {
        try await withCheckedThrowingContinuation { continuation in
            let result: Result<Void, any Error>? = state.withLock { state in
                if case .finished(let result) = state { return result }
                state = .waiting(continuation)
                return nil
            }
            if let result { continuation.resume(with: result) }
        }
    }

    fileprivate func finish(_ result: Result<Void, any Error>) {
        let waiter: CheckedContinuation<Void, any Error>? = state.withLock { state in
            defer { state = .finished(result) }
            if case .waiting(let continuation) = state { return continuation }
            return nil
        }
        waiter?.resume(with: result)
    }
}
