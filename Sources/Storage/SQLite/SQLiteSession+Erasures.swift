import S3Model
import SQLite

extension SQLiteSchema {
    /// Versions that were removed for good and may still be sent here (``RegionStore/wasErased(_:bucket:)``). A stamp is
    /// unique, so the key is not needed.
    static let erasures = """
        CREATE TABLE erasures (
            bucket INTEGER NOT NULL,
            stamp BLOB NOT NULL,
            erased INTEGER NOT NULL,
            PRIMARY KEY (bucket, stamp)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX erasures_by_age ON erasures (erased);
        """
}

extension SQLiteSession {
    func isErased(bucket: Int64, stamp: VersionStamp) throws -> Bool {
        try connection.first("SELECT 1 FROM erasures WHERE bucket = ?1 AND stamp = ?2") {
            try $0.bind(1, bucket)
            try $0.bind(2, blob: stamp.bytes)
        } row: { _ in
            true
        } ?? false
    }

    func hasErasures(until time: Timestamp) throws -> Bool {
        try connection.first("SELECT 1 FROM erasures WHERE erased <= ?1 LIMIT 1") {
            try $0.bind(1, time.milliseconds)
        } row: { _ in
            true
        } ?? false
    }

    /// Reads the whole outbox: for what happens rarely.
    func oldestReplicationWork() throws -> VersionStamp? {
        let found = try connection.first(
            "SELECT min(stamp) FROM (SELECT stamp FROM outbox UNION ALL SELECT stamp FROM replication_failures)"
        ) { row -> VersionStamp? in
            guard !row.isNull(0) else { return nil }
            guard let stamp = row.withBlob(0, { VersionStamp(bytes: $0) }) else {
                throw StorageError.corrupt(detail: "The oldest replication work has a stamp that is none")
            }
            return stamp
        }
        return found ?? nil
    }

    // MARK: Writing

    func insert(erasure stamp: VersionStamp, bucket: Int64, at time: Timestamp) throws {
        try connection.run("INSERT OR REPLACE INTO erasures (bucket, stamp, erased) VALUES (?1, ?2, ?3)") {
            try $0.bind(1, bucket)
            try $0.bind(2, blob: stamp.bytes)
            try $0.bind(3, time.milliseconds)
        }
    }

    func deleteErasures(until time: Timestamp, below stamp: VersionStamp?, limit: Int) throws -> Int {
        try connection.run(
            """
            DELETE FROM erasures WHERE (bucket, stamp) IN (
                SELECT bucket, stamp FROM erasures INDEXED BY erasures_by_age
                WHERE erased <= ?1 AND (?2 IS NULL OR stamp < ?2) ORDER BY erased LIMIT ?3)
            """
        ) {
            try $0.bind(1, time.milliseconds)
            if let stamp { try $0.bind(2, blob: stamp.bytes) }
            try $0.bind(3, Int64(max(0, limit)))
        }
        return Int(connection.changes)
    }

    func deleteErasures(bucket: Int64) throws {
        try connection.run("DELETE FROM erasures WHERE bucket = ?1") { try $0.bind(1, bucket) }
    }
}
