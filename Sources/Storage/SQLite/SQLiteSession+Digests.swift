import S3Model
import SQLite

/// The digests of slots, kept in the commit of the version that changes them.
extension SQLiteSession {
    func digests(bucket: Int64) throws -> DigestTable {
        let stored = try digestRecord(bucket: bucket)
        return (pending?.current(stored, bucket: bucket) ?? stored).table
    }

    private func digestRecord(bucket: Int64) throws -> DigestRecord {
        let found = try connection.first("SELECT record FROM bucket_digests WHERE bucket = ?1") {
            try $0.bind(1, bucket)
        } row: { row in
            try row.withBlob(0) { bytes in
                guard let record = DigestRecord(bytes) else {
                    throw StorageError.corrupt(detail: "The digests of bucket \(bucket) are no record of digests")
                }
                return record
            }
        }
        return found ?? DigestRecord()
    }

    /// One version in place of another, either of which may be none. Written with the batch (``writeDigests()``).
    func moveDigest(from old: ObjectVersion?, to new: ObjectVersion?, bucket: Int64) throws {
        guard let key = (new ?? old)?.key, let change = DigestTable.Node(from: old, to: new) else { return }
        guard let pending else { throw StorageError.io(operation: "write", detail: "on a connection for reading") }
        try pending.add(change, slot: DigestTable.slot(of: key), bucket: bucket) { try digestRecord(bucket: bucket) }
    }

    /// Writes what the batch has changed. Nothing of it is in the file before.
    func writeDigests() throws { try pending?.flush(write) }

    private func write(bucket: Int64, _ record: DigestRecord) throws {
        try connection.run(
            """
            INSERT INTO bucket_digests (bucket, record) VALUES (?1, ?2)
            ON CONFLICT DO UPDATE SET record = excluded.record
            """
        ) {
            try $0.bind(1, bucket)
            try $0.bind(2, blob: record.bytes)
        }
    }

    func deleteDigests(bucket: Int64) throws {
        try connection.run("DELETE FROM bucket_digests WHERE bucket = ?1") { try $0.bind(1, bucket) }
        pending?.remove(bucket: bucket)
    }

    /// Computes the digests of everything that is stored: once, when a file of an older format is opened. Records that
    /// cannot be read are left out, as they cannot be changed or removed either.
    func computeDigests() throws {
        try connection.execute("DELETE FROM bucket_digests")
        for bucket in try buckets() {
            var table = DigestTable()
            try addVersions(
                to: &table, bucket: bucket.id,
                "SELECT key, stamp, record, large FROM current_objects WHERE bucket = ?1")
            try addVersions(
                to: &table, bucket: bucket.id, "SELECT key, stamp, record, large FROM other_versions WHERE bucket = ?1")
            try write(bucket: bucket.id, DigestRecord(table))
        }
    }

    private func addVersions(to table: inout DigestTable, bucket: Int64, _ sql: StaticString) throws {
        try connection.withStatement(sql) { rows in
            try rows.bind(1, bucket)
            while try rows.step() {
                do {
                    table.insert(try version(in: rows))
                } catch StorageError.corrupt {
                    continue
                }
            }
        }
    }
}
