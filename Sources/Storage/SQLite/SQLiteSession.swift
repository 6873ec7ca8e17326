import NIOCore
import S3Model
import SQLite

/// One transaction on one connection: reading, and on the writing connection also writing. The statements are spread
/// over one file per concern.
struct SQLiteSession: MetadataTransaction {
    let connection: Connection
    /// Learns of every key whose versions are written; `nil` on reading connections.
    let touched: TouchedKeys?
    /// Gathers what the batch changes in the digests; `nil` on reading connections.
    let pending: PendingDigests?

    init(_ connection: Connection, touched: TouchedKeys? = nil, pending: PendingDigests? = nil) {
        self.connection = connection
        self.touched = touched
        self.pending = pending
    }

    /// Turns a mistake in a stored record into `StorageError.corrupt` that says which one it is.
    func decoding<Value>(_ what: @autoclosure () -> String, _ body: () throws(RecordError) -> Value) throws -> Value {
        do {
            return try body()
        } catch {
            throw StorageError.corrupt(detail: "The record of \(what()) \(error.reason)")
        }
    }
}

// MARK: Buckets

extension SQLiteSession {
    func buckets() throws -> [Bucket] {
        try connection.all("SELECT id, name, record FROM buckets ORDER BY name", row: bucket(in:))
    }

    func bucket(named name: BucketName) throws -> Bucket? {
        try connection.first("SELECT id, name, record FROM buckets WHERE name = ?1") {
            try $0.bind(1, text: name.rawValue)
        } row: {
            try bucket(in: $0)
        }
    }

    private func bucket(in row: Statement) throws -> Bucket {
        let text = row.text(1)
        guard let name = BucketName(text) else {
            throw StorageError.corrupt(detail: "\(text.debugDescription) is stored as a bucket name")
        }
        return try row.withBlob(2) { bytes in
            try decoding("bucket \(name)") { () throws(RecordError) in
                try BucketRecord.decode(bytes, id: row.int64(0), name: name)
            }
        }
    }

    func insert(bucket: Bucket) throws -> Bucket {
        try connection.run("INSERT INTO buckets (name, record) VALUES (?1, ?2)") {
            try $0.bind(1, text: bucket.name.rawValue)
            try $0.bind(2, blob: BucketRecord.encode(bucket))
        }
        var stored = bucket
        stored.id = connection.lastInsertRowID
        return stored
    }

    func update(bucket: Bucket) throws {
        try connection.run("UPDATE buckets SET name = ?2, record = ?3 WHERE id = ?1") {
            try $0.bind(1, bucket.id)
            try $0.bind(2, text: bucket.name.rawValue)
            try $0.bind(3, blob: BucketRecord.encode(bucket))
        }
    }

    func delete(bucket: Int64) throws {
        try connection.run("DELETE FROM buckets WHERE id = ?1") { try $0.bind(1, bucket) }
        try deleteDigests(bucket: bucket)
        try deleteErasures(bucket: bucket)
        try deleteArrivals(bucket: bucket)
        try deleteFailures(bucket: bucket)
        try deleteOutbox(bucket: bucket)
    }

    func isEmpty(bucket: Int64) throws -> Bool {
        let found = try connection.first(
            """
            SELECT EXISTS (SELECT 1 FROM current_objects WHERE bucket = ?1)
                OR EXISTS (SELECT 1 FROM other_versions WHERE bucket = ?1)
                OR EXISTS (SELECT 1 FROM uploads WHERE bucket = ?1)
            """
        ) {
            try $0.bind(1, bucket)
        } row: {
            $0.int64(0)
        }
        return found == 0
    }
}

// MARK: Clock

extension SQLiteSession {
    func clockHighWater() throws -> VersionStamp {
        let bytes = try connection.first("SELECT high_water FROM state WHERE id = 1") { $0.blob(0) } ?? []
        guard let stamp = bytes.withUnsafeBytes({ VersionStamp(bytes: $0) }) else {
            throw StorageError.corrupt(detail: "The clock's high water has \(bytes.count) bytes instead of 16")
        }
        return stamp
    }

    func raiseHighWater(to version: ObjectVersion) throws {
        try connection.run("UPDATE state SET high_water = ?1 WHERE id = 1 AND high_water < ?1") {
            try $0.bind(1, blob: max(version.stamp, version.attributesStamp).bytes)
        }
    }
}
