import S3Model
import SQLite

extension SQLiteSession {
    func outbox(destination: BucketName, after: Int64, limit: Int) throws -> [OutboxEntry] {
        try connection.all(
            """
            SELECT id, bucket, key, stamp, kind, destination, rule, bytes, enqueued, attempts, not_before, last_error
            FROM outbox INDEXED BY outbox_by_destination
            WHERE destination = ?1 AND id > ?2 ORDER BY id LIMIT ?3
            """
        ) {
            try $0.bind(1, text: destination.rawValue)
            try $0.bind(2, after)
            try $0.bind(3, Int64(max(0, limit)))
        } row: {
            try entry(in: $0)
        }
    }

    /// Damaged rows are passed over by SQLite, so that they do not count to the limit. See ``entry(in:)``.
    func undamagedOutbox(destination: BucketName, after: Int64, limit: Int) throws -> [OutboxEntry] {
        try connection.all(
            """
            SELECT id, bucket, key, stamp, kind, destination, rule, bytes, enqueued, attempts, not_before, last_error
            FROM outbox INDEXED BY outbox_by_destination
            WHERE destination = ?1 AND id > ?2 AND length(stamp) = ?3 AND kind & ~?4 IN (1, 2, 3) ORDER BY id LIMIT ?5
            """
        ) {
            try $0.bind(1, text: destination.rawValue)
            try $0.bind(2, after)
            try $0.bind(3, Int64(VersionStamp.byteCount))
            try $0.bind(4, Self.jobMark)
            try $0.bind(5, Int64(max(0, limit)))
        } row: {
            try entry(in: $0)
        }
    }

    func outbox(byAge query: OutboxAgeQuery) throws -> [OutboxEntry] {
        try connection.all(
            """
            SELECT id, bucket, key, stamp, kind, destination, rule, bytes, enqueued, attempts, not_before, last_error
            FROM outbox INDEXED BY outbox_by_age
            WHERE bucket = ?1 AND destination = ?2 AND rule = ?3 AND enqueued <= ?4 AND (enqueued, id) > (?5, ?6)
                AND length(stamp) = ?8 AND kind & ~?9 IN (1, 2, 3)
            ORDER BY enqueued, id LIMIT ?7
            """
        ) {
            try $0.bind(1, query.bucket)
            try $0.bind(2, text: query.destination.rawValue)
            try $0.bind(3, text: query.ruleID)
            try $0.bind(4, query.until.milliseconds)
            try $0.bind(5, query.after.enqueued.milliseconds)
            try $0.bind(6, query.after.id)
            try $0.bind(7, Int64(max(0, query.limit)))
            try $0.bind(8, Int64(VersionStamp.byteCount))
            try $0.bind(9, Self.jobMark)
        } row: {
            try entry(in: $0)
        }
    }

    func entry(in row: Statement) throws -> OutboxEntry {
        let id = row.int64(0)
        guard let stamp = row.withBlob(3, { VersionStamp(bytes: $0) }),
            let (kind, isForJob) = Self.kind(row.int64(4)),
            let destination = BucketName(row.text(5))
        else {
            throw StorageError.corrupt(detail: "The outbox entry \(id) has a stamp, kind or destination that is none")
        }
        var entry = OutboxEntry(
            bucket: row.int64(1), key: ObjectKey(stored: row.text(2)), stamp: stamp, kind: kind,
            destination: destination, ruleID: row.text(6), bytes: row.int64(7),
            enqueued: Timestamp(milliseconds: row.int64(8)))
        entry.id = id
        entry.attempts = Int(row.int64(9))
        entry.notBefore = Timestamp(milliseconds: row.int64(10))
        entry.lastError = row.isNull(11) ? nil : row.text(11)
        entry.isForJob = isForJob
        return entry
    }

    /// Added to the kind of a job's work, waiting or failed.
    static let jobMark: Int64 = 16

    /// `nil` for what is no kind.
    static func kind(_ stored: Int64) -> (OutboxEntry.Kind, isForJob: Bool)? {
        UInt8(exactly: stored & ~jobMark).flatMap(OutboxEntry.Kind.init(rawValue:)).map { ($0, stored & jobMark != 0) }
    }

    static func stored(kindOf entry: OutboxEntry) -> Int64 {
        Int64(entry.kind.rawValue) | (entry.isForJob ? jobMark : 0)
    }

    /// Rows with a destination that is none are passed over: no rule leads there.
    func outboxRules(bucket: Int64) throws -> [OutboxRule] {
        try connection.all("SELECT destination, rule FROM outbox_totals WHERE bucket = ?1 ORDER BY destination, rule") {
            try $0.bind(1, bucket)
        } row: { row in
            BucketName(row.text(0)).map { OutboxRule(id: row.text(1), destination: $0) }
        }.compactMap(\.self)
    }

    /// Passes over damaged names, so that the work for all others goes on; ``outboxSummaries()`` tells of them.
    func outboxDestinations() throws -> [BucketName] {
        try connection.all("SELECT DISTINCT destination FROM outbox_totals ORDER BY destination") { row in
            BucketName(row.text(0))
        }.compactMap(\.self)
    }

    func outboxSummaries() throws -> [OutboxSummary] {
        try connection.all(
            """
            SELECT bucket, destination, rule, versions, bytes, retrying,
                (SELECT min(enqueued) FROM outbox
                 WHERE outbox.bucket = totals.bucket AND outbox.destination = totals.destination
                    AND outbox.rule = totals.rule)
            FROM outbox_totals AS totals ORDER BY bucket, destination, rule
            """
        ) { row in
            OutboxSummary(
                bucket: row.int64(0), destination: try destination(in: row, column: 1), ruleID: row.text(2),
                pendingVersions: row.int64(3), pendingBytes: row.int64(4),
                oldest: Timestamp(milliseconds: row.int64(6)), retrying: row.int64(5))
        }
    }

    func destination(in row: Statement, column: Int32) throws -> BucketName {
        guard let name = BucketName(row.text(column)) else {
            throw StorageError.corrupt(detail: "\(row.text(column).debugDescription) is stored as a destination")
        }
        return name
    }

    func isInOutbox(_ id: Int64) throws -> Bool {
        try connection.first("SELECT 1 FROM outbox WHERE id = ?1") {
            try $0.bind(1, id)
        } row: { _ in
            true
        } ?? false
    }

    func outboxCount(bucket: Int64, key: ObjectKey, stamp: VersionStamp) throws -> Int {
        try connection.first("SELECT count(*) FROM outbox WHERE bucket = ?1 AND key = ?2 AND stamp = ?3") {
            try $0.bind(1, bucket)
            try $0.bind(2, bytesOf: key.rawValue)
            try $0.bind(3, blob: stamp.bytes)
        } row: {
            Int($0.int64(0))
        } ?? 0
    }

    // MARK: Writing

    func deleteOutbox(bucket: Int64) throws {
        try connection.run("DELETE FROM outbox WHERE bucket = ?1") { try $0.bind(1, bucket) }
    }

    func insert(outbox entry: OutboxEntry) throws {
        try connection.run(
            """
            INSERT INTO outbox
                (bucket, key, stamp, kind, destination, rule, bytes, enqueued, attempts, not_before, last_error)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
            """
        ) {
            try $0.bind(1, entry.bucket)
            try $0.bind(2, bytesOf: entry.key.rawValue)
            try $0.bind(3, blob: entry.stamp.bytes)
            try $0.bind(4, Self.stored(kindOf: entry))
            try $0.bind(5, text: entry.destination.rawValue)
            try $0.bind(6, text: entry.ruleID)
            try $0.bind(7, entry.bytes)
            try $0.bind(8, entry.enqueued.milliseconds)
            try $0.bind(9, Int64(entry.attempts))
            try $0.bind(10, entry.notBefore.milliseconds)
            try $0.bind(11, optionalText: entry.lastError)
        }
    }

    /// Only what changes between tries: attempts, `notBefore` and the last error. An entry that is gone stays gone.
    func update(outbox entry: OutboxEntry) throws {
        try connection.run("UPDATE outbox SET attempts = ?2, not_before = ?3, last_error = ?4 WHERE id = ?1") {
            try $0.bind(1, entry.id)
            try $0.bind(2, Int64(entry.attempts))
            try $0.bind(3, entry.notBefore.milliseconds)
            try $0.bind(4, optionalText: entry.lastError)
        }
    }

    func delete(outbox id: Int64) throws {
        try connection.run("DELETE FROM outbox WHERE id = ?1") { try $0.bind(1, id) }
    }

    func deleteOutbox(bucket: Int64, key: ObjectKey, stamp: VersionStamp) throws {
        try connection.run("DELETE FROM outbox WHERE bucket = ?1 AND key = ?2 AND stamp = ?3") {
            try $0.bind(1, bucket)
            try $0.bind(2, bytesOf: key.rawValue)
            try $0.bind(3, blob: stamp.bytes)
        }
    }
}
