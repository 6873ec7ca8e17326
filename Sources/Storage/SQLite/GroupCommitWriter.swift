import NIOPosix
import S3Model
import SQLite
import Synchronization

/// The one thread that writes. It takes all the requests that wait (up to a limit), runs them in one transaction and
/// answers them after the commit: one fsync for all (spec/performance.md §7). A request that comes alone is committed
/// alone, at once; requests gather only while a commit is running.
final class GroupCommitWriter: Sendable {
    /// One waiting write. `run` returns what to do once its transaction is durable; exactly one of that and `fail` is
    /// called.
    struct Request: Sendable {
        let run: @Sendable (SQLiteSession) throws -> @Sendable () -> Void
        let fail: @Sendable (any Error) -> Void
    }

    private enum Outcome {
        case done(@Sendable () -> Void)
        case refused(any Error)
    }

    private struct State {
        var queue: [Request] = []
        var isDraining = false
        var isClosed = false
    }

    /// What only the writing thread touches.
    ///
    /// `@unchecked Sendable`: made before the thread starts, used by work items of a pool of one thread only.
    private final class Confined: @unchecked Sendable {
        var connection: Connection?
        let pending = PendingDigests()
        /// The length of the log, in pages, at which the next checkpoint is tried.
        var nextCheckpoint: Int
        init(connection: sending Connection, nextCheckpoint: Int) {
            self.connection = connection
            self.nextCheckpoint = nextCheckpoint
        }
    }

    private static let batchLimit = 256

    private let state = Mutex(State())
    private let thread = NIOThreadPool(numberOfThreads: 1)
    private let confined: Confined
    private let queueLimit: Int
    private let checkpointPages: Int
    private let commits: CommitCount
    private let newest: NewestObjects
    private let beforeCheckpoint: @Sendable () -> Void

    /// Every commit is counted in `commits`, and `newest` forgets what it touches. `beforeCheckpoint` lets go of what keeps the log long.
    init(
        _ connection: sending Connection, queueLimit: Int, checkpointPages: Int, commits: CommitCount,
        newest: NewestObjects, beforeCheckpoint: @escaping @Sendable () -> Void
    ) {
        self.commits = commits
        self.newest = newest
        self.beforeCheckpoint = beforeCheckpoint
        confined = Confined(connection: connection, nextCheckpoint: checkpointPages)
        self.queueLimit = queueLimit
        self.checkpointPages = checkpointPages
        thread.start()
    }

    func enqueue(_ request: Request) {
        enum Decision { case refuse(any Error), wake, queued }
        let decision: Decision = state.withLock { state in
            guard !state.isClosed else { return .refuse(StorageError.closed) }
            guard state.queue.count < queueLimit else {
                return .refuse(
                    S3Error(
                        .slowDown, "\(queueLimit) writes are waiting for the disk. Please reduce your request rate."))
            }
            state.queue.append(request)
            defer { state.isDraining = true }
            return state.isDraining ? .queued : .wake
        }
        switch decision {
        case .refuse(let error): request.fail(error)
        case .wake: thread.submit { _ in self.drain() }
        case .queued: break
        }
    }

    /// Finishes the queue, then runs `beforeLast` (closes the readers), checkpoints and closes. Further calls return at
    /// once.
    func close(_ beforeLast: @escaping @Sendable () -> Void) async throws {
        let isFirst = state.withLock { state in
            defer { state.isClosed = true }
            return !state.isClosed
        }
        guard isFirst else { return }
        // One thread, first in first out: this runs after the drain that takes the last requests.
        let failure: SQLiteError? = try await thread.runIfActive { [self] in
            beforeLast()
            defer { confined.connection = nil }
            do {
                try confined.connection?.checkpoint(.truncate)
                return nil
            } catch let error as SQLiteError {
                return error
            }
        }
        try await thread.shutdownGracefully()
        if let failure { throw StorageError(failure) }
    }

    // MARK: On the writing thread

    private func drain() {
        while true {
            let batch: [Request] = state.withLock { state in
                let batch = Array(state.queue.prefix(Self.batchLimit))
                state.queue.removeFirst(batch.count)
                if batch.isEmpty { state.isDraining = false }
                return batch
            }
            guard !batch.isEmpty else { return }
            guard let connection = confined.connection else {
                for request in batch { request.fail(StorageError.closed) }
                continue
            }
            commit(batch, on: connection)
            shortenLog(of: connection)
        }
    }

    /// Runs a batch in one transaction. A request that throws is undone alone; but its answer, too, waits for the
    /// commit, because what it saw may be the work of others in the batch.
    private func commit(_ batch: [Request], on connection: Connection) {
        var outcomes: [Outcome] = []
        let touched = TouchedKeys()
        let session = SQLiteSession(connection, touched: touched, pending: confined.pending)
        outcomes.reserveCapacity(batch.count)
        do {
            try connection.run("BEGIN IMMEDIATE")
            for request in batch { outcomes.append(try perform(request, session)) }
            try session.writeDigests()
            commits.begin()
            defer { commits.end() }
            newest.forget(touched.keys)
            try connection.run("COMMIT")
        } catch {
            if connection.isInTransaction { try? connection.execute("ROLLBACK") }
            confined.pending.abandon()
            let shown = (error as? SQLiteError).map { StorageError($0) as any Error } ?? error
            for request in batch { request.fail(shown) }
            return
        }
        for (request, outcome) in zip(batch, outcomes) {
            switch outcome {
            case .done(let resume): resume()
            case .refused(let error): request.fail(error)
            }
        }
    }

    /// Throws only when the whole transaction is lost: SQLite ends it on its own when the disk is full or fails.
    private func perform(_ request: Request, _ session: SQLiteSession) throws -> Outcome {
        let connection = session.connection
        try connection.run("SAVEPOINT request")
        session.pending?.begin()
        do {
            let resume = try request.run(session)
            // A body may have swallowed the error that ended the transaction.
            guard connection.isInTransaction else { throw StorageError.io(operation: "write", detail: "rolled back") }
            try connection.run("RELEASE request")
            return .done(resume)
        } catch {
            guard connection.isInTransaction else { throw error }
            try connection.run("ROLLBACK TO request")
            session.pending?.undo()
            try connection.run("RELEASE request")
            return .refused((error as? SQLiteError).map { StorageError($0) as any Error } ?? error)
        }
    }

    /// Copies the log into the file once it is long. The requests of the batch have been answered already. An error is
    /// not one of theirs: everything is safe in the log, and the next batch tries again.
    private func shortenLog(of connection: Connection) {
        let pages = connection.logPages
        guard pages >= confined.nextCheckpoint else { return }
        // Readers that overlap all the time can keep the log from starting anew; far above the mark, wait for them.
        beforeCheckpoint()
        let kind: Connection.Checkpoint = pages >= checkpointPages * 16 ? .restart : .passive
        let isWhole = (try? connection.checkpoint(kind)) ?? false
        confined.nextCheckpoint = isWhole ? checkpointPages : pages + max(1, checkpointPages / 4)
    }
}
