import S3Model
import SQLite

extension SQLiteSession {
    func failures(bucket: Int64, after: Int64, limit: Int) throws -> [ReplicationFailure] {
        try connection.all(
            """
            SELECT id, key, stamp, kind, destination, rule, bytes, enqueued, attempts, reason, failed
            FROM replication_failures INDEXED BY replication_failures_by_bucket
            WHERE bucket = ?1 AND id > ?2 ORDER BY id LIMIT ?3
            """
        ) {
            try $0.bind(1, bucket)
            try $0.bind(2, after)
            try $0.bind(3, Int64(max(0, limit)))
        } row: {
            try failure(in: $0, bucket: bucket)
        }
    }

    private func failure(in row: Statement, bucket: Int64) throws -> ReplicationFailure {
        let id = row.int64(0)
        guard let stamp = row.withBlob(2, { VersionStamp(bytes: $0) }),
            let (kind, isForJob) = Self.kind(row.int64(3))
        else {
            throw StorageError.corrupt(detail: "The replication failure \(id) has a stamp or kind that is none")
        }
        var entry = OutboxEntry(
            bucket: bucket, key: ObjectKey(stored: row.text(1)), stamp: stamp, kind: kind,
            destination: try destination(in: row, column: 4), ruleID: row.text(5), bytes: row.int64(6),
            enqueued: Timestamp(milliseconds: row.int64(7)))
        entry.attempts = Int(row.int64(8))
        entry.lastError = row.text(9)
        entry.isForJob = isForJob
        return ReplicationFailure(id: id, entry: entry, failed: Timestamp(milliseconds: row.int64(10)))
    }

    /// Passes over damaged rows, as ``undamagedOutbox(destination:after:limit:)`` does.
    func replicationWork(bucket: Int64, key: ObjectKey, stamp: VersionStamp) throws -> [OutboxEntry] {
        let waiting = try connection.all(
            """
            SELECT id, bucket, key, stamp, kind, destination, rule, bytes, enqueued, attempts, not_before, last_error
            FROM outbox INDEXED BY outbox_by_version
            WHERE bucket = ?1 AND key = ?2 AND stamp = ?3 AND kind & ~?4 IN (1, 2, 3)
            """
        ) {
            try $0.bind(1, bucket)
            try $0.bind(2, bytesOf: key.rawValue)
            try $0.bind(3, blob: stamp.bytes)
            try $0.bind(4, Self.jobMark)
        } row: {
            try entry(in: $0)
        }
        let failed = try connection.all(
            """
            SELECT id, key, stamp, kind, destination, rule, bytes, enqueued, attempts, reason, failed
            FROM replication_failures
            WHERE bucket = ?1 AND key = ?2 AND stamp = ?3 AND kind & ~?4 IN (1, 2, 3)
            """
        ) {
            try $0.bind(1, bucket)
            try $0.bind(2, bytesOf: key.rawValue)
            try $0.bind(3, blob: stamp.bytes)
            try $0.bind(4, Self.jobMark)
        } row: {
            try failure(in: $0, bucket: bucket).entry
        }
        return waiting + failed
    }

    /// SQLite merges the two indexes from their ends: nothing but what is visited is read.
    func scanPromises(
        bucket: Int64, key: ObjectKey, destination: BucketName, _ visit: (VersionStamp, String) throws -> Bool
    ) throws {
        try connection.withStatement(
            """
            SELECT stamp, rule FROM outbox INDEXED BY outbox_promises
            WHERE bucket = ?1 AND key = ?2 AND destination = ?3 AND kind IN (1, 2, 17, 18)
            UNION ALL
            SELECT stamp, rule FROM replication_failures INDEXED BY replication_failures_promises
            WHERE bucket = ?1 AND key = ?2 AND destination = ?3 AND kind IN (1, 2, 17, 18)
            ORDER BY stamp DESC
            """
        ) { row in
            try row.bind(1, bucket)
            try row.bind(2, bytesOf: key.rawValue)
            try row.bind(3, text: destination.rawValue)
            while try row.step() {
                guard let stamp = row.withBlob(0, { VersionStamp(bytes: $0) }) else { continue }
                guard try visit(stamp, row.text(1)) else { return }
            }
        }
    }

    func failureCount(bucket: Int64, key: ObjectKey, stamp: VersionStamp) throws -> Int {
        try connection.first(
            "SELECT count(*) FROM replication_failures WHERE bucket = ?1 AND key = ?2 AND stamp = ?3"
        ) {
            try $0.bind(1, bucket)
            try $0.bind(2, bytesOf: key.rawValue)
            try $0.bind(3, blob: stamp.bytes)
        } row: {
            Int($0.int64(0))
        } ?? 0
    }

    func failureSummaries() throws -> [FailureSummary] {
        try connection.all(
            """
            SELECT bucket, destination, rule, count(*), sum(bytes)
            FROM replication_failures INDEXED BY replication_failures_by_rule
            GROUP BY bucket, destination, rule ORDER BY bucket, destination, rule
            """
        ) { row in
            FailureSummary(
                bucket: row.int64(0), destination: try destination(in: row, column: 1), ruleID: row.text(2),
                versions: row.int64(3), bytes: row.int64(4))
        }
    }

    func conflicts(bucket: Int64, after: Int64, limit: Int) throws -> [WriteConflict] {
        try connection.all(
            """
            SELECT id, key, loser, winner, found FROM conflicts INDEXED BY conflicts_by_bucket
            WHERE bucket = ?1 AND id > ?2 ORDER BY id LIMIT ?3
            """
        ) {
            try $0.bind(1, bucket)
            try $0.bind(2, after)
            try $0.bind(3, Int64(max(0, limit)))
        } row: { row in
            guard let loser = row.withBlob(2, { VersionStamp(bytes: $0) }),
                let winner = row.withBlob(3, { VersionStamp(bytes: $0) })
            else { throw StorageError.corrupt(detail: "The conflict \(row.int64(0)) has a stamp that is none") }
            return WriteConflict(
                id: row.int64(0), bucket: bucket, key: ObjectKey(stored: row.text(1)), loser: loser, winner: winner,
                found: Timestamp(milliseconds: row.int64(4)))
        }
    }

    // MARK: Writing

    func insert(conflict: WriteConflict) throws {
        try connection.run(
            "INSERT OR REPLACE INTO conflicts (bucket, key, loser, winner, found) VALUES (?1, ?2, ?3, ?4, ?5)"
        ) {
            try $0.bind(1, conflict.bucket)
            try $0.bind(2, bytesOf: conflict.key.rawValue)
            try $0.bind(3, blob: conflict.loser.bytes)
            try $0.bind(4, blob: conflict.winner.bytes)
            try $0.bind(5, conflict.found.milliseconds)
        }
        try connection.run(
            """
            DELETE FROM conflicts WHERE bucket = ?1 AND id <= (
                SELECT id FROM conflicts INDEXED BY conflicts_by_bucket
                WHERE bucket = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)
            """
        ) {
            try $0.bind(1, conflict.bucket)
            try $0.bind(2, Int64(WriteConflict.limit))
        }
    }

    func deleteConflict(bucket: Int64, key: ObjectKey, loser: VersionStamp) throws {
        try connection.run("DELETE FROM conflicts WHERE bucket = ?1 AND key = ?2 AND loser = ?3") {
            try $0.bind(1, bucket)
            try $0.bind(2, bytesOf: key.rawValue)
            try $0.bind(3, blob: loser.bytes)
        }
    }

    func insert(failure: ReplicationFailure) throws {
        let entry = failure.entry
        try connection.run(
            """
            INSERT INTO replication_failures
                (bucket, key, stamp, destination, kind, rule, bytes, enqueued, failed, attempts, reason)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
            ON CONFLICT (bucket, key, stamp, destination) DO UPDATE SET
                kind = min(kind & ~?12, excluded.kind & ~?12) | ((kind | excluded.kind) & ?12),
                rule = excluded.rule, bytes = max(bytes, excluded.bytes),
                enqueued = excluded.enqueued, failed = excluded.failed, attempts = excluded.attempts,
                reason = excluded.reason
            """
        ) {
            try $0.bind(1, entry.bucket)
            try $0.bind(2, bytesOf: entry.key.rawValue)
            try $0.bind(3, blob: entry.stamp.bytes)
            try $0.bind(4, text: entry.destination.rawValue)
            try $0.bind(5, Self.stored(kindOf: entry))
            try $0.bind(6, text: entry.ruleID)
            try $0.bind(7, entry.bytes)
            try $0.bind(8, entry.enqueued.milliseconds)
            try $0.bind(9, failure.failed.milliseconds)
            try $0.bind(10, Int64(entry.attempts))
            try $0.bind(11, text: failure.reason)
            try $0.bind(12, Self.jobMark)
        }
    }

    func deleteFailure(of entry: OutboxEntry) throws {
        try connection.run(
            """
            DELETE FROM replication_failures
            WHERE bucket = ?1 AND key = ?2 AND stamp = ?3 AND destination = ?4
            """
        ) {
            try $0.bind(1, entry.bucket)
            try $0.bind(2, bytesOf: entry.key.rawValue)
            try $0.bind(3, blob: entry.stamp.bytes)
            try $0.bind(4, text: entry.destination.rawValue)
        }
    }

    /// With the conflicts, which are of the same kind: told to people.
    func deleteFailures(bucket: Int64) throws {
        try connection.run("DELETE FROM replication_failures WHERE bucket = ?1") { try $0.bind(1, bucket) }
        try connection.run("DELETE FROM conflicts WHERE bucket = ?1") { try $0.bind(1, bucket) }
    }

    func deleteFailures(bucket: Int64, key: ObjectKey, stamp: VersionStamp) throws {
        try connection.run("DELETE FROM replication_failures WHERE bucket = ?1 AND key = ?2 AND stamp = ?3") {
            try $0.bind(1, bucket)
            try $0.bind(2, bytesOf: key.rawValue)
            try $0.bind(3, blob: stamp.bytes)
        }
    }
}
