import NIOPosix
import SQLite
import Storage
import Synchronization

/// The control store of one machine: a SQLite file of its own (write-ahead log, `synchronous=FULL`), used by this process
/// alone. All statements run on one thread, off the event loops; control traffic is small.
package final class EmbeddedControlStore: ControlStore {
    /// Calls in flight or waiting for the thread. More means that the disk has stopped answering.
    static let callLimit = 1024

    private let database: ControlDatabase
    private let thread: NIOThreadPool
    private let waiters: RevisionWaiters
    private let calls = Mutex(0)
    private let isClosed = Mutex(false)

    private init(database: ControlDatabase, thread: NIOThreadPool, revision: Int64) {
        self.database = database
        self.thread = thread
        waiters = RevisionWaiters(revision: revision)
    }

    /// Opens the file at `path`, or makes it. Throws `StorageError.unusable` when it is another program's, a newer
    /// version's, or in use by another process, `StorageError.corrupt` when it is damaged.
    package static func open(path: String) async throws -> EmbeddedControlStore {
        let thread = NIOThreadPool(numberOfThreads: 1)
        thread.start()
        do {
            let (database, revision) = try await thread.runIfActive {
                do {
                    let database = try ControlDatabase(path: path)
                    return (database, try database.revision())
                } catch let error as SQLiteError {
                    throw ControlDatabase.openingError(error, path: path)
                }
            }
            return EmbeddedControlStore(database: database, thread: thread, revision: revision)
        } catch {
            try? await thread.shutdownGracefully()
            throw error
        }
    }

    package func snapshot(prefix: String) async throws -> ControlSnapshot {
        try await call { try $0.snapshot(prefix: prefix) }
    }

    package func record(_ key: String) async throws -> ControlRecord? { try await call { try $0.record(key) } }

    package func commit(_ transaction: ControlTransaction) async throws -> Int64 {
        let waiters = self.waiters
        return try await call { database in
            let revision = try database.commit(transaction)
            // On the store's thread, so that a watcher is woken even when the caller has gone away.
            waiters.advance(to: revision)
            return revision
        }
    }

    package func changed(after revision: Int64) async throws -> Int64 { try await waiters.changed(after: revision) }

    /// Ends all watches, waits for what is under way, copies the log into the file. Idempotent.
    package func close() async throws {
        let wasClosed = isClosed.withLock { closed in
            defer { closed = true }
            return closed
        }
        if wasClosed { return }
        waiters.close()
        let database = self.database
        try await thread.runIfActive { database.close() }
        try await thread.shutdownGracefully()
    }

    /// Runs `body` on the store's thread; trouble of the database becomes `ControlStoreError.unavailable`.
    private func call<Value: Sendable>(_ body: @escaping @Sendable (ControlDatabase) throws -> Value) async throws
        -> Value
    {
        guard !isClosed.withLock({ $0 }) else { throw ControlStoreError.unavailable(reason: "it is closed") }
        let admitted = calls.withLock { calls in
            guard calls < Self.callLimit else { return false }
            calls += 1
            return true
        }
        guard admitted else {
            throw ControlStoreError.unavailable(reason: "more than \(Self.callLimit) calls are waiting")
        }
        defer { calls.withLock { $0 -= 1 } }
        let database = self.database
        return try await thread.runIfActive {
            do { return try body(database) } catch let error as SQLiteError {
                throw ControlStoreError.unavailable(reason: error.description)
            }
        }
    }
}
