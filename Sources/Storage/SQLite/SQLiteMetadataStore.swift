package import S3Model
import SQLite

/// The metadata of one region in one SQLite file (write-ahead log, `synchronous=FULL`, group commit).
///
/// Reads are synchronous on connections of their own and never wait for writes. All writes go through one thread.
package final class SQLiteMetadataStore: MetadataStore {
    private let readers: SQLiteReaderPool
    private let writer: GroupCommitWriter
    private let commits: CommitCount
    let newest: NewestObjects

    private init(
        readers: SQLiteReaderPool, writer: GroupCommitWriter, commits: CommitCount, newest: NewestObjects
    ) {
        self.readers = readers
        self.writer = writer
        self.commits = commits
        self.newest = newest
    }

    /// Opens the file at `path`, creating it or bringing it up to date.
    ///
    /// `readers` connections are opened now, more when more threads read at once, up to `maximumReaders`.
    /// `queueLimit` bounds the writes that wait; beyond it they are refused with `SlowDown`. `checkpointPages` is how
    /// many pages the write-ahead log may have before they are copied into the file.
    ///
    /// Throws `StorageError.unusable` for a file that belongs to another program or a newer version.
    package static func open(
        path: String, readers: Int = 2, maximumReaders: Int = 16, queueLimit: Int = 4096, checkpointPages: Int = 4000
    ) throws -> SQLiteMetadataStore {
        do {
            let connection = try Connection(path: path, mode: .readWrite, busyTimeout: 1_000)
            try SQLiteSchema.identify(connection, path: path)
            try configure(connection, path: path)
            try SQLiteSchema.migrate(connection)
            let commits = CommitCount()
            let newest = NewestObjects()
            let pool = try SQLiteReaderPool(
                path: path, initial: readers, limit: max(1, readers, maximumReaders), commits: commits)
            return SQLiteMetadataStore(
                readers: pool,
                writer: GroupCommitWriter(
                    connection, queueLimit: queueLimit, checkpointPages: checkpointPages, commits: commits,
                    newest: newest, beforeCheckpoint: { pool.endIdleSnapshots() }),
                commits: commits, newest: newest)
        } catch let error as SQLiteError {
            throw StorageError(error)
        }
    }

    /// Makes the writing connection durable at every commit, and reads back that it is.
    private static func configure(_ connection: Connection, path: String) throws {
        let journal = try connection.pragma("journal_mode = WAL")
        try connection.pragma("synchronous = FULL")
        let synchronous = try connection.pragma("synchronous")
        guard journal == "wal", synchronous == "2" else {
            throw StorageError.unusable(
                detail: "\(path) cannot be written durably: journal_mode is \(journal) and synchronous \(synchronous), "
                    + "expected wal and 2. Network file systems do not support this")
        }
        // Without these macOS leaves data in the drive's cache; elsewhere they do nothing.
        try connection.pragma("fullfsync = ON")
        try connection.pragma("checkpoint_fullfsync = ON")
        try connection.pragma("journal_size_limit = 67108864")
        try connection.pragma("cache_size = -32768")
        try connection.pragma("temp_store = MEMORY")
        try connection.pragma("trusted_schema = OFF")
        connection.observeLog()
    }

    /// Throws `StorageError.closed` after ``close()``. May nest; an inner read sees the outer one's snapshot.
    package func read<Result>(_ body: (any MetadataReader) throws -> Result) throws -> Result {
        do {
            return try readers.withReader { connection, _ in try body(SQLiteSession(connection)) }
        } catch let error as SQLiteError {
            throw StorageError(error)
        }
    }

    /// Throws `StorageError.closed` after ``close()``, unless the object is in memory.
    package func newestObject(bucket: Int64, key: ObjectKey) throws -> NewestObject? {
        let place = NewestObjects.Key(bucket: bucket, key: key)
        if let known = newest.find(place) { return known }
        do {
            return try readers.withReader { connection, snapshot in
                let found = try SQLiteSession(connection).newestObject(bucket: bucket, key: key)
                // Within another read this is what was newest when that one began.
                if let found, let snapshot { newest.keep(found, place, settled: snapshot, in: commits) }
                return found
            }
        } catch let error as SQLiteError {
            throw StorageError(error)
        }
    }

    /// Throws `S3Error(.slowDown)` when too many writes wait, `StorageError.closed` after ``close()``.
    package func write<Result: Sendable>(
        _ body: @escaping @Sendable (any MetadataTransaction) throws -> Result
    ) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            writer.enqueue(
                GroupCommitWriter.Request(
                    run: { session in
                        let result = try body(session)
                        return { continuation.resume(returning: result) }
                    },
                    fail: { continuation.resume(throwing: $0) }))
        }
    }

    package func close() async throws {
        try await writer.close { [readers] in readers.close() }
    }
}

extension StorageError {
    init(_ error: SQLiteError) {
        if error.isFull {
            self = .diskFull
        } else if error.isCorrupt {
            self = .corrupt(detail: error.message)
        } else {
            self = .io(operation: "SQLite", detail: error.description)
        }
    }
}
