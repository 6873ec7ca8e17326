import Foundation
import SQLite
import Testing

/// A folder that is gone after `body`.
func withTemporaryFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("meridian-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(folder.path)
}

@Suite struct ConnectionTests {
    private func withConnection(_ body: (Connection) throws -> Void) throws {
        try withTemporaryFolder { try body(Connection(path: "\($0)/test.db", mode: .readWrite)) }
    }

    @Test func valuesComeBackAsTheyWereBound() throws {
        try withConnection { connection in
            try connection.execute("CREATE TABLE t (i INTEGER, t TEXT, b BLOB, k BLOB, n TEXT)")
            let blob: [UInt8] = [0, 255, 1, 0, 128]
            try connection.run("INSERT INTO t VALUES (?1, ?2, ?3, ?4, ?5)") {
                try $0.bind(1, Int64.min)
                try $0.bind(2, text: "naïve\u{0}🙂 after a null")
                try $0.bind(3, blob: blob)
                try $0.bind(4, bytesOf: "e\u{301}")
                try $0.bind(5, optionalText: nil)
            }
            #expect(connection.changes == 1)
            #expect(connection.lastInsertRowID == 1)
            let found: Void? = try connection.first("SELECT i, t, b, k, n FROM t") { row in
                #expect(row.int64(0) == Int64.min)
                #expect(Array(row.text(1).utf8) == Array("naïve\u{0}🙂 after a null".utf8))
                #expect(row.blob(2) == blob)
                #expect(row.withBlob(2) { $0.count } == blob.count)
                #expect(row.blob(3) == Array("e\u{301}".utf8))
                #expect(row.isNull(4))
                #expect(row.text(4) == "")
            }
            #expect(found != nil)
        }
    }

    /// SQLite takes a null pointer for NULL; empty values must not become that.
    @Test func emptyIsNotNull() throws {
        try withConnection { connection in
            try connection.execute(
                "CREATE TABLE t (a BLOB NOT NULL, b BLOB NOT NULL, c TEXT NOT NULL, d BLOB NOT NULL)")
            try connection.run("INSERT INTO t VALUES (?1, ?2, ?3, ?4)") {
                try $0.bind(1, blob: [])
                try $0.bind(2, bytesOf: "")
                try $0.bind(3, text: "")
                try $0.bind(4, unownedBlob: UnsafeRawBufferPointer(start: nil, count: 0))
            }
            let sizes = try connection.first("SELECT length(a) + length(b) + length(c) + length(d) FROM t") {
                $0.isNull(0) ? -1 : $0.int64(0)
            }
            #expect(sizes == 0)
        }
    }

    @Test func sameTextNestsWithoutDisturbingTheOuterScan() throws {
        try withConnection { connection in
            try connection.execute("CREATE TABLE t (i INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2), (3)")
            func rows(_ depth: Int) throws -> [Int64] {
                try connection.withStatement("SELECT i FROM t ORDER BY i") { statement in
                    var found: [Int64] = []
                    while try statement.step() {
                        found.append(statement.int64(0))
                        if depth > 0 { #expect(try rows(depth - 1) == [1, 2, 3]) }
                    }
                    return found
                }
            }
            #expect(try rows(3) == [1, 2, 3])
        }
    }

    @Test func bindingsAreForgottenAfterUse() throws {
        try withConnection { connection in
            func value(_ bind: (Statement) throws -> Void) throws -> Bool? {
                try connection.first("SELECT ?1", bind) { $0.isNull(0) }
            }
            let bound = try value { try $0.bind(1, 5) }
            let unbound = try value { _ in }
            #expect(bound == false)
            #expect(unbound == true)
        }
    }

    @Test func aFullDatabaseIsFull() throws {
        try withConnection { connection in
            try connection.execute("CREATE TABLE t (b BLOB)")
            try connection.pragma("max_page_count = 4")
            let error = #expect(throws: SQLiteError.self) {
                try connection.run("INSERT INTO t VALUES (zeroblob(100000))")
            }
            #expect(error?.isFull == true)
            #expect(error?.isCorrupt == false)
        }
    }

    @Test func aFileThatIsNoDatabaseIsCorrupt() throws {
        try withTemporaryFolder { folder in
            let path = "\(folder)/noise"
            try Data(repeating: 0x5A, count: 8192).write(to: URL(fileURLWithPath: path))
            let error = #expect(throws: SQLiteError.self) {
                try Connection(path: path, mode: .readWrite).pragma("user_version")
            }
            #expect(error?.isCorrupt == true)
            #expect(error?.isNotADatabase == true)
        }
    }

    @Test func aMissingFolderIsAnErrorWithThePath() throws {
        let error = #expect(throws: SQLiteError.self) {
            try Connection(path: "/nonexistent/folder/x.db", mode: .readWrite)
        }
        #expect(error?.message.contains("/nonexistent/folder/x.db") == true)
    }

    @Test func wrongStatementsAreErrors() throws {
        try withConnection { connection in
            #expect(throws: SQLiteError.self) { try connection.run("SELEC 1") }
            #expect(throws: SQLiteError.self) { try connection.run("") }
            #expect(throws: SQLiteError.self) { try connection.execute("INSERT INTO missing VALUES (1)") }
            #expect(throws: SQLiteError.self) { try connection.run("SELECT 1") { try $0.bind(2, 1) } }
        }
    }

    @Test func readOnlyConnectionsDoNotWrite() throws {
        try withTemporaryFolder { folder in
            let writer = try Connection(path: "\(folder)/test.db", mode: .readWrite)
            try writer.execute("CREATE TABLE t (i INTEGER)")
            let reader = try Connection(path: "\(folder)/test.db", mode: .readOnly)
            #expect(throws: SQLiteError.self) { try reader.execute("INSERT INTO t VALUES (1)") }
        }
    }

    @Test func theLogIsCountedAndShortened() throws {
        try withTemporaryFolder { folder in
            let path = "\(folder)/test.db"
            let connection = try Connection(path: path, mode: .readWrite)
            #expect(try connection.pragma("journal_mode = WAL") == "wal")
            connection.observeLog()
            try connection.execute("CREATE TABLE t (b BLOB); INSERT INTO t VALUES (zeroblob(100000))")
            #expect(connection.logPages > 20)
            #expect(try connection.checkpoint(.truncate))
            let size = try FileManager.default.attributesOfItem(atPath: path + "-wal")[.size] as? Int
            #expect(size == 0)
        }
    }

    @Test func transactionsAreSeen() throws {
        try withConnection { connection in
            #expect(!connection.isInTransaction)
            try connection.execute("BEGIN")
            #expect(connection.isInTransaction)
            try connection.execute("ROLLBACK")
            #expect(!connection.isInTransaction)
        }
    }
}
