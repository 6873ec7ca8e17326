import CSQLite

/// A call into SQLite that failed.
package struct SQLiteError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The primary result code, for example `SQLITE_FULL`.
    package let code: Int32
    /// The extended result code, for example `SQLITE_IOERR_FSYNC`; equal to `code` when there is none.
    package let extendedCode: Int32
    package let message: String

    package init(extendedCode: Int32, message: String) {
        code = extendedCode & 0xFF
        self.extendedCode = extendedCode
        self.message = message
    }

    /// The disk, or the limit of the database file, is full.
    package var isFull: Bool { code == SQLITE_FULL }
    /// The file is damaged, or no database at all.
    package var isCorrupt: Bool { code == SQLITE_CORRUPT || code == SQLITE_NOTADB }
    /// The file is not a SQLite database.
    package var isNotADatabase: Bool { code == SQLITE_NOTADB }
    /// Another connection holds a lock for longer than the busy timeout.
    package var isBusy: Bool { code == SQLITE_BUSY }

    package var description: String { "SQLite error \(extendedCode): \(message)" }
}
