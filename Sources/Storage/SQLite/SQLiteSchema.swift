import SQLite

/// The tables of the metadata store and how an older file becomes a current one.
enum SQLiteSchema {
    /// `PRAGMA application_id` of our files: "MERI".
    static let applicationID: Int64 = 0x4D45_5249

    /// Step `n` brings a file from `user_version` n to n + 1. Steps are never changed once released, only added.
    static let migrations: [String] = [version1, version2, version3, erasures, arrivals, version6, version7]

    /// The format that has digests as they are now; files before it get theirs when they are opened.
    private static let firstWithDigests = 6

    /// Version 1. The current object of every key is in a table of its own, so that listing a bucket costs the same
    /// whatever lies in its history; everything else (older versions, delete markers) is in `other_versions`, newest
    /// first. Large records live apart, because comparing keys in a WITHOUT ROWID table reads whole rows.
    private static let version1 = """
        CREATE TABLE state (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            high_water BLOB NOT NULL
        ) STRICT;
        INSERT INTO state (id, high_water) VALUES (1, zeroblob(16));

        CREATE TABLE buckets (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            name TEXT NOT NULL UNIQUE,
            record BLOB NOT NULL
        ) STRICT;

        CREATE TABLE current_objects (
            bucket INTEGER NOT NULL,
            key BLOB NOT NULL,
            stamp BLOB NOT NULL,
            is_null INTEGER NOT NULL,
            record BLOB,
            large INTEGER,
            PRIMARY KEY (bucket, key)
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE other_versions (
            bucket INTEGER NOT NULL,
            key BLOB NOT NULL,
            stamp BLOB NOT NULL,
            is_null INTEGER NOT NULL,
            is_delete_marker INTEGER NOT NULL,
            record BLOB,
            large INTEGER,
            PRIMARY KEY (bucket, key, stamp DESC)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX other_null_versions ON other_versions (bucket, key, stamp DESC) WHERE is_null = 1;

        CREATE TABLE large_records (
            id INTEGER PRIMARY KEY,
            record BLOB NOT NULL
        ) STRICT;
        CREATE TABLE inline_data (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            bytes BLOB NOT NULL
        ) STRICT;

        CREATE TABLE blob_refs (
            blob TEXT PRIMARY KEY NOT NULL,
            count INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE garbage (
            blob TEXT PRIMARY KEY NOT NULL
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE uploads (
            id TEXT PRIMARY KEY NOT NULL,
            bucket INTEGER NOT NULL,
            key BLOB NOT NULL,
            record BLOB NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX uploads_by_key ON uploads (bucket, key, id);
        CREATE TABLE parts (
            upload TEXT NOT NULL,
            number INTEGER NOT NULL,
            record BLOB NOT NULL,
            PRIMARY KEY (upload, number)
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE outbox (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            bucket INTEGER NOT NULL,
            key BLOB NOT NULL,
            stamp BLOB NOT NULL,
            kind INTEGER NOT NULL,
            destination TEXT NOT NULL,
            rule TEXT NOT NULL,
            bytes INTEGER NOT NULL,
            enqueued INTEGER NOT NULL,
            attempts INTEGER NOT NULL,
            not_before INTEGER NOT NULL,
            last_error TEXT
        ) STRICT;
        CREATE INDEX outbox_by_destination ON outbox (destination, id, not_before);
        CREATE INDEX outbox_by_time ON outbox (destination, not_before);
        CREATE INDEX outbox_by_version ON outbox (bucket, key, stamp);
        CREATE INDEX outbox_by_age ON outbox (bucket, destination, rule, enqueued);

        -- What the outbox adds up to, kept exact by triggers in the same transaction as the entries themselves.
        CREATE TABLE outbox_totals (
            bucket INTEGER NOT NULL,
            destination TEXT NOT NULL,
            rule TEXT NOT NULL,
            versions INTEGER NOT NULL,
            bytes INTEGER NOT NULL,
            retrying INTEGER NOT NULL,
            PRIMARY KEY (bucket, destination, rule)
        ) STRICT, WITHOUT ROWID;
        CREATE TRIGGER outbox_inserted AFTER INSERT ON outbox BEGIN
            INSERT INTO outbox_totals (bucket, destination, rule, versions, bytes, retrying)
            VALUES (new.bucket, new.destination, new.rule, 1, new.bytes, new.attempts > 0)
            ON CONFLICT DO UPDATE SET
                versions = versions + 1, bytes = bytes + excluded.bytes, retrying = retrying + excluded.retrying;
        END;
        CREATE TRIGGER outbox_updated AFTER UPDATE OF attempts ON outbox
        WHEN (new.attempts > 0) <> (old.attempts > 0) BEGIN
            UPDATE outbox_totals SET retrying = retrying + (new.attempts > 0) - (old.attempts > 0)
            WHERE bucket = new.bucket AND destination = new.destination AND rule = new.rule;
        END;
        CREATE TRIGGER outbox_deleted AFTER DELETE ON outbox BEGIN
            UPDATE outbox_totals SET
                versions = versions - 1, bytes = bytes - old.bytes, retrying = retrying - (old.attempts > 0)
            WHERE bucket = old.bucket AND destination = old.destination AND rule = old.rule;
            DELETE FROM outbox_totals
            WHERE bucket = old.bucket AND destination = old.destination AND rule = old.rule AND versions <= 0;
        END;
        """

    /// Version 2: replication work that was given up, with the reason, so that it can be retried; and writes that crossed.
    private static let version2 = """
        CREATE TABLE replication_failures (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            bucket INTEGER NOT NULL,
            key BLOB NOT NULL,
            stamp BLOB NOT NULL,
            destination TEXT NOT NULL,
            kind INTEGER NOT NULL,
            rule TEXT NOT NULL,
            bytes INTEGER NOT NULL,
            enqueued INTEGER NOT NULL,
            failed INTEGER NOT NULL,
            attempts INTEGER NOT NULL,
            reason TEXT NOT NULL,
            UNIQUE (bucket, key, stamp, destination)
        ) STRICT;
        CREATE INDEX replication_failures_by_bucket ON replication_failures (bucket);
        CREATE INDEX replication_failures_by_rule ON replication_failures (bucket, destination, rule, bytes);

        CREATE TABLE conflicts (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            bucket INTEGER NOT NULL,
            key BLOB NOT NULL,
            loser BLOB NOT NULL,
            winner BLOB NOT NULL,
            found INTEGER NOT NULL,
            UNIQUE (bucket, key, loser)
        ) STRICT;
        CREATE INDEX conflicts_by_bucket ON conflicts (bucket);
        """

    /// Version 3: what `meridian verify` compares, kept current with every version. Version 6 has it otherwise.
    private static let version3 = """
        CREATE TABLE key_digests (
            bucket INTEGER NOT NULL,
            slot INTEGER NOT NULL,
            high INTEGER NOT NULL,
            low INTEGER NOT NULL,
            versions INTEGER NOT NULL,
            PRIMARY KEY (bucket, slot)
        ) STRICT, WITHOUT ROWID;
        """

    /// Version 6: the digests of a bucket in one row (``DigestRecord``), not one row for each slot.
    private static let version6 = """
        DROP TABLE key_digests;
        CREATE TABLE bucket_digests (bucket INTEGER PRIMARY KEY, record BLOB NOT NULL) STRICT;
        """

    /// Version 7: what of a key is on its way to a destination is found by seeking, however much of it waits there or
    /// elsewhere (``SQLiteSession/scanPromises(bucket:key:destination:_:)``, which has the same condition). What retries
    /// left behind of buckets that are gone goes.
    private static let version7 = """
        DROP INDEX outbox_by_time;
        CREATE INDEX outbox_promises ON outbox (bucket, key, destination, stamp) WHERE kind IN (1, 2, 17, 18);
        CREATE INDEX replication_failures_promises ON replication_failures (bucket, key, destination, stamp)
        WHERE kind IN (1, 2, 17, 18);
        DELETE FROM outbox WHERE bucket NOT IN (SELECT id FROM buckets);
        DELETE FROM replication_failures WHERE bucket NOT IN (SELECT id FROM buckets);
        """

    /// Refuses a file that is somebody else's or newer than this program. Reads only, so that such a file stays as it
    /// is.
    static func identify(_ connection: Connection, path: String) throws {
        let application: Int64
        let version: Int64
        let tables: Int64
        do {
            application = Int64(try connection.pragma("application_id")) ?? 0
            version = Int64(try connection.pragma("user_version")) ?? 0
            tables = try connection.first("SELECT count(*) FROM sqlite_schema") { $0.int64(0) } ?? 0
        } catch let error as SQLiteError where error.isNotADatabase {
            throw StorageError.unusable(detail: "\(path) is not a SQLite database")
        }
        if application == 0, version == 0, tables == 0 { return }
        guard application == applicationID else {
            throw StorageError.unusable(
                detail: "\(path) is a database of another program (application id \(application))")
        }
        guard version <= migrations.count else {
            throw StorageError.unusable(
                detail: "\(path) has format \(version) and this program knows formats up to \(migrations.count): "
                    + "it was written by a newer version")
        }
    }

    /// Runs the steps that are missing, all of them or none.
    static func migrate(_ connection: Connection) throws {
        let version = Int(try connection.pragma("user_version")) ?? 0
        guard version < migrations.count else { return }
        try connection.execute("BEGIN IMMEDIATE")
        do {
            for step in migrations[version...] { try connection.execute(step) }
            if version < firstWithDigests { try SQLiteSession(connection).computeDigests() }
            try connection.execute("PRAGMA application_id = \(applicationID)")
            try connection.execute("PRAGMA user_version = \(migrations.count)")
            try connection.execute("COMMIT")
        } catch {
            if connection.isInTransaction { try connection.execute("ROLLBACK") }
            throw error
        }
    }
}
