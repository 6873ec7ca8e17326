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

    /// One version in place of another, either of which may be none; call it when the rows are as they are to be. Written
    /// with the batch (``writeDigests()``).
    func moveDigest(from old: StoredVersion?, to new: ObjectVersion?, key: ObjectKey, bucket: Int64) throws {
        let slot = DigestTable.slot(of: key)
        let change =
            if case .damaged? = old {
                try recomputed(slot: slot, bucket: bucket)
            } else {
                DigestTable.Node(from: old?.version, to: new)
            }
        guard let change else { return }
        guard let pending else { throw StorageError.io(operation: "write", detail: "on a connection for reading") }
        try pending.add(change, slot: slot, bucket: bucket) { try digestRecord(bucket: bucket) }
    }

    /// What changes when a slot is computed anew from all records that can be read: what a damaged one has added to it
    /// nobody knows any more. Looks at every key of the bucket while other writes wait, which is seldom enough.
    private func recomputed(slot: Int, bucket: Int64) throws -> DigestTable.Node {
        let known = try digests(bucket: bucket).slots[slot]
        var table = DigestTable()
        try addAllVersions(to: &table, bucket: bucket, slot: slot)
        var change = table.slots[slot]
        change.combine(DigestTable.Node(digest: known.digest, versions: -known.versions))
        return change
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
    /// cannot be read are left out; who replaces or removes one has its slot computed anew.
    func computeDigests() throws {
        try connection.execute("DELETE FROM bucket_digests")
        for bucket in try buckets() {
            var table = DigestTable()
            try addAllVersions(to: &table, bucket: bucket.id, slot: nil)
            try write(bucket: bucket.id, DigestRecord(table))
        }
    }

    /// Of one slot, or of all.
    private func addAllVersions(to table: inout DigestTable, bucket: Int64, slot: Int?) throws {
        try addVersions(
            to: &table, bucket: bucket, slot: slot,
            "SELECT key, stamp, record, large, is_null FROM current_objects WHERE bucket = ?1")
        try addVersions(
            to: &table, bucket: bucket, slot: slot,
            "SELECT key, stamp, record, large, is_null FROM other_versions WHERE bucket = ?1")
    }

    private func addVersions(to table: inout DigestTable, bucket: Int64, slot: Int?, _ sql: StaticString) throws {
        try connection.withStatement(sql) { rows in
            try rows.bind(1, bucket)
            while try rows.step() {
                if let slot, rows.withBlob(0, DigestTable.slot(ofKey:)) != slot { continue }
                do {
                    table.insert(try version(in: rows))
                } catch StorageError.corrupt {
                    continue
                }
            }
        }
    }
}
