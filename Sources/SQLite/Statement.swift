import CSQLite

/// A prepared statement. Parameters count from 1, columns from 0, as in SQLite.
@usableFromInline
package final class Statement {
    /// Not the `Connection`, which keeps idle statements: the two would keep each other alive.
    private let database: OpaquePointer
    private let handle: OpaquePointer

    /// Tells SQLite to copy the bytes before the bind call returns.
    private static var transient: sqlite3_destructor_type { unsafeBitCast(-1, to: sqlite3_destructor_type.self) }

    /// Compiles the first statement in `sql`. Statements that are kept say so with `isPersistent`.
    package init(_ connection: Connection, sql: String, isPersistent: Bool) throws(SQLiteError) {
        database = connection.handle
        var prepared: OpaquePointer?
        let flags = isPersistent ? UInt32(SQLITE_PREPARE_PERSISTENT) : 0
        try connection.check(sqlite3_prepare_v3(connection.handle, sql, -1, flags, &prepared, nil))
        guard let prepared else {
            throw SQLiteError(extendedCode: SQLITE_MISUSE, message: "not a statement: \(sql)")
        }
        handle = prepared
    }

    deinit { sqlite3_finalize(handle) }

    /// Ends the current run, frees its locks and forgets the bindings. An error of that run has been thrown already.
    package func reset() {
        sqlite3_reset(handle)
        sqlite3_clear_bindings(handle)
    }

    /// Ends the current run but keeps the bindings, so that a scan can go on elsewhere.
    package func rewind() { sqlite3_reset(handle) }

    /// Goes to the next row; `false` at the end.
    @usableFromInline
    package func step() throws(SQLiteError) -> Bool {
        switch sqlite3_step(handle) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        case let result: throw SQLiteError(extendedCode: result, message: String(cString: sqlite3_errmsg(database)))
        }
    }

    // MARK: Parameters

    package func bind(_ index: Int32, _ value: Int64) throws(SQLiteError) {
        try check(sqlite3_bind_int64(handle, index, value))
    }

    package func bind(_ index: Int32, text value: String) throws(SQLiteError) {
        var value = value
        let result = value.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) { characters -> Int32 in
                // A null pointer would bind NULL.
                guard let start = characters.baseAddress else { return sqlite3_bind_text(handle, index, "", 0, nil) }
                return sqlite3_bind_text64(
                    handle, index, start, UInt64(bytes.count), Self.transient, UInt8(SQLITE_UTF8))
            }
        }
        try check(result)
    }

    /// Binds the text, or NULL.
    package func bind(_ index: Int32, optionalText value: String?) throws(SQLiteError) {
        if let value {
            try bind(index, text: value)
        } else {
            try check(sqlite3_bind_null(handle, index))
        }
    }

    /// Binds the text's bytes as a blob, so that it is compared byte by byte.
    package func bind(_ index: Int32, bytesOf value: String) throws(SQLiteError) {
        var value = value
        try check(value.withUTF8 { bindBlob(index, UnsafeRawBufferPointer($0), Self.transient) })
    }

    package func bind(_ index: Int32, blob value: [UInt8]) throws(SQLiteError) {
        try check(value.withUnsafeBytes { bindBlob(index, $0, Self.transient) })
    }

    /// Binds bytes without copying them: they must stay where they are until the statement is reset or bound anew.
    package func bind(_ index: Int32, unownedBlob value: UnsafeRawBufferPointer) throws(SQLiteError) {
        try check(bindBlob(index, value, nil))
    }

    private func bindBlob(_ index: Int32, _ bytes: UnsafeRawBufferPointer, _ destructor: sqlite3_destructor_type?)
        -> Int32
    {
        // A null pointer would bind NULL.
        guard let start = bytes.baseAddress, !bytes.isEmpty else { return sqlite3_bind_zeroblob(handle, index, 0) }
        return sqlite3_bind_blob64(handle, index, start, UInt64(bytes.count), destructor)
    }

    private func check(_ result: Int32) throws(SQLiteError) {
        guard result == SQLITE_OK else {
            throw SQLiteError(extendedCode: result, message: String(cString: sqlite3_errmsg(database)))
        }
    }

    // MARK: Columns of the current row

    package func int64(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }
    package func isNull(_ column: Int32) -> Bool { sqlite3_column_type(handle, column) == SQLITE_NULL }

    /// The column as text, empty for NULL. Bytes that are not UTF-8 are replaced.
    package func text(_ column: Int32) -> String {
        guard let start = sqlite3_column_text(handle, column) else { return "" }
        let count = Int(sqlite3_column_bytes(handle, column))
        return String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    }

    /// The bytes of a blob or text where SQLite has them; valid only inside `body`. Empty for NULL.
    @inlinable
    package func withBlob<Result>(_ column: Int32, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows
        -> Result
    {
        try body(bytes(column))
    }

    /// Valid until the next step or reset.
    @usableFromInline
    func bytes(_ column: Int32) -> UnsafeRawBufferPointer {
        let start = sqlite3_column_blob(handle, column)
        let count = Int(sqlite3_column_bytes(handle, column))
        return UnsafeRawBufferPointer(start: start, count: start == nil ? 0 : count)
    }

    /// A copy of the bytes of a blob.
    package func blob(_ column: Int32) -> [UInt8] { withBlob(column) { Array($0) } }
}
