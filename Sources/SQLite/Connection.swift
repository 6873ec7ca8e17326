import CSQLite

/// One connection to a database file. Not `Sendable`: whoever holds it uses it from one thread at a time (SQLite is
/// opened without its own mutexes).
@usableFromInline
package final class Connection {
    package enum Mode: Sendable {
        /// Creates the file when it is missing.
        case readWrite
        case readOnly
    }

    /// How far ``checkpoint(_:)`` goes.
    package enum Checkpoint: Sendable {
        /// Copies what it can without waiting for anybody.
        case passive
        /// Waits for readers (up to the busy timeout), so that the next write starts the log anew.
        case restart
        /// As `restart`, and cuts the log file to zero bytes.
        case truncate
    }

    let handle: OpaquePointer
    /// The database's file; `nil` for one in memory.
    package let file: String?
    /// Prepared statements that nobody uses now, by the address of their text.
    private var idle: [UnsafePointer<UInt8>: [Statement]] = [:]
    /// Pages in the write-ahead log after the last commit of this connection, once ``observeLog()`` was called.
    package private(set) var logPages = 0

    /// Opens `path`. `busyTimeout` is in milliseconds: how long a call waits for another connection's lock.
    package init(path: String, mode: Mode, busyTimeout: Int32 = 5_000) throws(SQLiteError) {
        var flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
        switch mode {
        case .readWrite: flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
        case .readOnly: flags |= SQLITE_OPEN_READONLY
        }
        var opened: OpaquePointer?
        let result = sqlite3_open_v2(path, &opened, flags, nil)
        guard result == SQLITE_OK, let opened else {
            let message = opened.map { String(cString: sqlite3_errmsg($0)) } ?? String(cString: sqlite3_errstr(result))
            sqlite3_close_v2(opened)
            throw SQLiteError(extendedCode: result, message: "cannot open \(path): \(message)")
        }
        handle = opened
        file = path.isEmpty || path.hasPrefix(":memory:") ? nil : path
        sqlite3_busy_timeout(handle, busyTimeout)
    }

    deinit {
        idle.removeAll()
        // A statement that is still alive keeps the connection until it is finalized.
        sqlite3_close_v2(handle)
    }

    /// Runs one or more statements, ignoring rows.
    package func execute(_ sql: String) throws(SQLiteError) {
        try check(sqlite3_exec(handle, sql, nil, nil, nil))
    }

    /// Gives `body` the prepared statement for `sql`, reset and without bindings. Each text is compiled once and kept.
    /// Calls may nest, also with the same text: every level has a statement of its own.
    ///
    /// Inlinable, as all generic functions here: they are called for every row, from another module.
    @inlinable
    package func withStatement<Result>(_ sql: StaticString, _ body: (Statement) throws -> Result) throws -> Result {
        let statement = try borrowStatement(sql)
        defer { giveBack(statement, sql) }
        return try body(statement)
    }

    @usableFromInline
    func borrowStatement(_ sql: StaticString) throws -> Statement {
        try idle[sql.utf8Start]?.popLast() ?? Statement(self, sql: "\(sql)", isPersistent: true)
    }

    @usableFromInline
    func giveBack(_ statement: Statement, _ sql: StaticString) {
        statement.reset()
        idle[sql.utf8Start, default: []].append(statement)
    }

    /// Runs a statement that returns no rows, after `bind` has set its parameters.
    package func run(_ sql: StaticString, _ bind: (Statement) throws -> Void = { _ in }) throws {
        try withStatement(sql) { statement in
            try bind(statement)
            while try statement.step() {}
        }
    }

    /// The first row of a query through `row`, `nil` when there is none.
    @inlinable
    package func first<Result>(
        _ sql: StaticString, _ bind: (Statement) throws -> Void = { _ in }, row: (Statement) throws -> Result
    ) throws -> Result? {
        try withStatement(sql) { statement in
            try bind(statement)
            return try statement.step() ? try row(statement) : nil
        }
    }

    /// All rows of a query through `row`.
    @inlinable
    package func all<Result>(
        _ sql: StaticString, _ bind: (Statement) throws -> Void = { _ in }, row: (Statement) throws -> Result
    ) throws -> [Result] {
        try withStatement(sql) { statement in
            try bind(statement)
            var rows: [Result] = []
            while try statement.step() { rows.append(try row(statement)) }
            return rows
        }
    }

    /// The value of a pragma as text, empty when it has none. `name` may carry an assignment: `journal_mode=WAL`.
    @discardableResult
    package func pragma(_ name: String) throws(SQLiteError) -> String {
        let statement = try Statement(self, sql: "PRAGMA \(name)", isPersistent: false)
        return try statement.step() ? statement.text(0) : ""
    }

    package var lastInsertRowID: Int64 { sqlite3_last_insert_rowid(handle) }
    /// Rows changed by the last INSERT, UPDATE or DELETE.
    package var changes: Int { Int(sqlite3_changes64(handle)) }
    /// Whether a transaction is open. Some errors (disk full, input/output) end it on their own.
    package var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }

    /// From now on ``logPages`` is kept, and SQLite checkpoints no more on its own: the caller does.
    package func observeLog() {
        let context = Unmanaged.passUnretained(self).toOpaque()
        sqlite3_wal_hook(
            handle,
            { context, _, _, pages in
                if let context {
                    Unmanaged<Connection>.fromOpaque(context).takeUnretainedValue().logPages = Int(pages)
                }
                return SQLITE_OK
            }, context)
    }

    /// Copies the write-ahead log into the database file. Returns whether all of it was copied.
    @discardableResult
    package func checkpoint(_ kind: Checkpoint) throws(SQLiteError) -> Bool {
        let mode =
            switch kind {
            case .passive: SQLITE_CHECKPOINT_PASSIVE
            case .restart: SQLITE_CHECKPOINT_RESTART
            case .truncate: SQLITE_CHECKPOINT_TRUNCATE
            }
        var logged: Int32 = 0
        var copied: Int32 = 0
        let result = sqlite3_wal_checkpoint_v2(handle, nil, mode, &logged, &copied)
        if result == SQLITE_BUSY { return false }
        try check(result)
        return logged == copied
    }

    func check(_ result: Int32) throws(SQLiteError) {
        guard result == SQLITE_OK else {
            throw SQLiteError(extendedCode: result, message: String(cString: sqlite3_errmsg(handle)))
        }
    }
}
