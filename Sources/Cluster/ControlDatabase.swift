import SQLite
import Storage

/// The SQLite file behind ``EmbeddedControlStore``.
///
/// Unchecked: the connection is opened, used and closed on the store's single thread only.
final class ControlDatabase: @unchecked Sendable {
    /// `PRAGMA application_id` of control stores: "MRDC".
    static let applicationID: Int64 = 0x4D52_4443
    static let schemaVersion: Int64 = 1

    private var connection: Connection?

    init(path: String) throws {
        let connection = try Connection(path: path, mode: .readWrite, busyTimeout: 1_000)
        try Self.checkIdentity(connection, path: path)
        // One process has the file: only then does it see every change, which watching relies on.
        try connection.pragma("locking_mode = EXCLUSIVE")
        try connection.pragma("journal_mode = WAL")
        try connection.pragma("synchronous = FULL")
        try Self.migrate(connection)
        self.connection = connection
    }

    static func openingError(_ error: SQLiteError, path: String) -> StorageError {
        if error.isBusy { return .unusable(detail: "\(path) is in use by another process") }
        if error.isNotADatabase { return .unusable(detail: "\(path) is not a control store") }
        if error.isCorrupt { return .corrupt(detail: "\(path): \(error.message)") }
        return error.isFull ? .diskFull : .io(operation: "open \(path)", detail: error.description)
    }

    private static func checkIdentity(_ connection: Connection, path: String) throws {
        let application = Int64(try connection.pragma("application_id")) ?? 0
        let version = Int64(try connection.pragma("user_version")) ?? 0
        let tables =
            try connection.first("SELECT count(*) FROM sqlite_schema") { _ in
            } row: {
                $0.int64(0)
            } ?? 0
        guard application == applicationID || (application == 0 && version == 0 && tables == 0) else {
            throw StorageError.unusable(detail: "\(path) is another program's database, not a control store")
        }
        guard version <= schemaVersion else {
            throw StorageError.unusable(
                detail: "\(path) has version \(version); this build knows versions up to \(schemaVersion)")
        }
    }

    private static func migrate(_ connection: Connection) throws {
        guard Int64(try connection.pragma("user_version")) ?? 0 == 0 else { return }
        try connection.execute(
            """
            BEGIN IMMEDIATE;
            CREATE TABLE record (
                key BLOB PRIMARY KEY NOT NULL,
                value BLOB NOT NULL,
                revision INTEGER NOT NULL
            ) STRICT, WITHOUT ROWID;
            CREATE TABLE revision (id INTEGER PRIMARY KEY CHECK (id = 1), latest INTEGER NOT NULL) STRICT;
            INSERT INTO revision (id, latest) VALUES (1, 0);
            PRAGMA application_id = \(applicationID);
            PRAGMA user_version = \(schemaVersion);
            COMMIT;
            """)
    }

    private func opened() throws -> Connection {
        guard let connection else { throw ControlStoreError.unavailable(reason: "it is closed") }
        return connection
    }

    /// Copies the log into the file and lets go of it.
    func close() {
        if let connection { _ = try? connection.checkpoint(.truncate) }
        connection = nil
    }

    func revision() throws -> Int64 {
        try opened().first("SELECT latest FROM revision") { _ in
        } row: {
            $0.int64(0)
        } ?? 0
    }

    func record(_ key: String) throws -> ControlRecord? {
        try opened().first("SELECT value, revision FROM record WHERE key = ?1") {
            try $0.bind(1, bytesOf: key)
        } row: {
            ControlRecord(key: key, value: $0.blob(0), revision: $0.int64(1))
        }
    }

    /// No other connection writes, so the rows and the revision belong together.
    func snapshot(prefix: String) throws -> ControlSnapshot {
        let connection = try opened()
        let query: StaticString =
            "SELECT key, value, revision FROM record WHERE key >= ?1 AND key < ?2 ORDER BY key"
        // The first bytes after all keys with the prefix. No byte of UTF-8 is 255, so the last one can be raised.
        var end = Array(prefix.utf8)
        if let last = end.popLast() { end.append(last + 1) } else { end = [255] }
        var records: [ControlRecord] = []
        try connection.withStatement(query) { statement in
            try statement.bind(1, bytesOf: prefix)
            try statement.bind(2, blob: end)
            while try statement.step() {
                records.append(
                    ControlRecord(
                        key: String(decoding: statement.blob(0), as: UTF8.self), value: statement.blob(1),
                        revision: statement.int64(2)))
            }
        }
        return ControlSnapshot(revision: try revision(), records: records)
    }

    func commit(_ transaction: ControlTransaction) throws -> Int64 {
        let connection = try opened()
        try connection.execute("BEGIN IMMEDIATE")
        do {
            let revision = try apply(transaction, to: connection)
            try connection.execute("COMMIT")
            return revision
        } catch {
            // Some errors end the transaction on their own.
            if connection.isInTransaction { try? connection.execute("ROLLBACK") }
            throw error
        }
    }

    private func apply(_ transaction: ControlTransaction, to connection: Connection) throws -> Int64 {
        for expectation in transaction.expectations {
            let holds =
                switch expectation {
                case .absent(let key): try written(key, in: connection) == nil
                case .unchanged(let key, let revision): try written(key, in: connection) == revision
                }
            guard holds else { throw ControlStoreError.conflict }
        }
        let latest = try revision()
        guard !transaction.writes.isEmpty else { return latest }
        for write in transaction.writes {
            switch write {
            case .put(let key, let value):
                try connection.run("INSERT OR REPLACE INTO record (key, value, revision) VALUES (?1, ?2, ?3)") {
                    try $0.bind(1, bytesOf: key)
                    try $0.bind(2, blob: value)
                    try $0.bind(3, latest + 1)
                }
            case .delete(let key):
                try connection.run("DELETE FROM record WHERE key = ?1") { try $0.bind(1, bytesOf: key) }
            }
        }
        try connection.run("UPDATE revision SET latest = ?1") { try $0.bind(1, latest + 1) }
        return latest + 1
    }

    private func written(_ key: String, in connection: Connection) throws -> Int64? {
        try connection.first("SELECT revision FROM record WHERE key = ?1") {
            try $0.bind(1, bytesOf: key)
        } row: {
            $0.int64(0)
        }
    }
}
