import S3Model
import SQLite

// MARK: Reading single versions

extension SQLiteSession {
    func newestVersion(bucket: Int64, key: ObjectKey) throws -> ObjectVersion? {
        let current = try connection.first(
            "SELECT key, stamp, record, large, is_null FROM current_objects WHERE bucket = ?1 AND key = ?2"
        ) {
            try $0.bind(1, bucket)
            try $0.bind(2, bytesOf: key.rawValue)
        } row: {
            try version(in: $0)
        }
        return try current ?? newestOther(bucket: bucket, key: key)
    }

    /// The newest version outside `current_objects`: the newest of all when the key has no current object.
    private func newestOther(bucket: Int64, key: ObjectKey) throws -> ObjectVersion? {
        try connection.first(
            """
            SELECT key, stamp, record, large, is_null FROM other_versions WHERE bucket = ?1 AND key = ?2
            ORDER BY stamp DESC LIMIT 1
            """
        ) {
            try $0.bind(1, bucket)
            try $0.bind(2, bytesOf: key.rawValue)
        } row: {
            try version(in: $0)
        }
    }

    func version(bucket: Int64, key: ObjectKey, stamp: VersionStamp) throws -> ObjectVersion? {
        try locate(bucket: bucket, key: key, stamp: stamp)?.stored.whole()
    }

    func storedVersion(bucket: Int64, key: ObjectKey, stamp: VersionStamp) throws -> StoredVersion? {
        try locate(bucket: bucket, key: key, stamp: stamp)?.stored
    }

    func nullVersion(bucket: Int64, key: ObjectKey) throws -> ObjectVersion? {
        let current = try connection.first(
            "SELECT key, stamp, record, large, is_null FROM current_objects WHERE bucket = ?1 AND key = ?2 AND is_null = 1"
        ) {
            try $0.bind(1, bucket)
            try $0.bind(2, bytesOf: key.rawValue)
        } row: {
            try version(in: $0)
        }
        if let current { return current }
        return try connection.first(
            """
            SELECT key, stamp, record, large, is_null FROM other_versions INDEXED BY other_null_versions
            WHERE bucket = ?1 AND key = ?2 AND is_null = 1 ORDER BY stamp DESC LIMIT 1
            """
        ) {
            try $0.bind(1, bucket)
            try $0.bind(2, bytesOf: key.rawValue)
        } row: {
            try version(in: $0)
        }
    }

    private func currentStamp(bucket: Int64, key: ObjectKey) throws -> VersionStamp? {
        try connection.first("SELECT stamp FROM current_objects WHERE bucket = ?1 AND key = ?2") {
            try $0.bind(1, bucket)
            try $0.bind(2, bytesOf: key.rawValue)
        } row: {
            try stamp(in: $0, column: 0)
        }
    }

    private func newestOtherStamp(bucket: Int64, key: ObjectKey) throws -> VersionStamp? {
        try connection.first(
            "SELECT stamp FROM other_versions WHERE bucket = ?1 AND key = ?2 ORDER BY stamp DESC LIMIT 1"
        ) {
            try $0.bind(1, bucket)
            try $0.bind(2, bytesOf: key.rawValue)
        } row: {
            try stamp(in: $0, column: 0)
        }
    }

    /// Where a version is stored.
    private struct Location {
        var stored: StoredVersion
        var isInCurrentObjects: Bool
        /// The row in `large_records`, if its record is there.
        var large: Int64?

        /// Of a damaged record nobody knows where its data is.
        var data: ObjectData { stored.version?.object?.data ?? .empty }
    }

    private func locate(bucket: Int64, key: ObjectKey, stamp: VersionStamp) throws -> Location? {
        func bind(_ statement: Statement) throws {
            try statement.bind(1, bucket)
            try statement.bind(2, bytesOf: key.rawValue)
            try statement.bind(3, blob: stamp.bytes)
        }
        let current = try connection.first(
            "SELECT key, stamp, record, large, is_null FROM current_objects WHERE bucket = ?1 AND key = ?2 AND stamp = ?3",
            bind
        ) {
            Location(
                stored: try stored(in: $0), isInCurrentObjects: true,
                large: $0.isNull(3) ? nil : $0.int64(3))
        }
        if let current { return current }
        return try connection.first(
            "SELECT key, stamp, record, large, is_null FROM other_versions WHERE bucket = ?1 AND key = ?2 AND stamp = ?3",
            bind
        ) {
            Location(
                stored: try stored(in: $0), isInCurrentObjects: false,
                large: $0.isNull(3) ? nil : $0.int64(3))
        }
    }

    /// The version in a row of `key, stamp, record, large, is_null`.
    func version(in row: Statement) throws -> ObjectVersion {
        let key = ObjectKey(stored: row.text(0))
        let stamp = try stamp(in: row, column: 1)
        // As a client names it, so that it can be removed or looked for elsewhere.
        func name() -> String { "version \(versionID(stamp, in: row)) of \(key.rawValue.debugDescription)" }
        let found = try withRecord(in: row) { bytes in
            try decoding(name()) { () throws(RecordError) in
                try VersionRecord.decode(bytes, key: key, stamp: stamp)
            }
        }
        guard let found else { throw StorageError.corrupt(detail: "The record of \(name()) is missing") }
        return found
    }

    /// The same, past a damaged record.
    func stored(in row: Statement) throws -> StoredVersion {
        do {
            return .whole(try version(in: row))
        } catch StorageError.corrupt(let detail) {
            let position = VersionPosition(
                key: ObjectKey(stored: row.text(0)), stamp: try stamp(in: row, column: 1))
            return .damaged(DamagedVersion(position: position, isNull: row.int64(4) != 0, detail: detail))
        }
    }

    private func versionID(_ stamp: VersionStamp, in row: Statement) -> VersionID {
        row.int64(4) != 0 ? .null : .stamp(stamp)
    }

    /// `nil` when it should be in `large_records` and is not.
    private func withRecord<Result>(in row: Statement, _ body: (UnsafeRawBufferPointer) throws -> Result) throws
        -> Result?
    {
        guard !row.isNull(3) else { return try row.withBlob(2, body) }
        return try connection.first("SELECT record FROM large_records WHERE id = ?1") {
            try $0.bind(1, row.int64(3))
        } row: {
            try $0.withBlob(0, body)
        }
    }

    private func stamp(in row: Statement, column: Int32) throws -> VersionStamp {
        try row.withBlob(column) { bytes in
            guard let stamp = VersionStamp(bytes: bytes) else {
                throw StorageError.corrupt(detail: "A stamp has \(bytes.count) bytes instead of 16")
            }
            return stamp
        }
    }
}

// MARK: Writing

extension SQLiteSession {
    /// Records above this many bytes go to `large_records` (multipart objects, much metadata).
    private static let largeRecordSize = 640

    func insert(version: ObjectVersion, bucket: Int64) throws {
        touched?.insert(bucket: bucket, key: version.key)
        // New references first, so that data that old and new row share is never without one.
        try addReferences(to: version.object?.data ?? .empty)
        let old = try locate(bucket: bucket, key: version.key, stamp: version.stamp)
        if let old {
            try removeRow(old, bucket: bucket)
            try release(old.data, keeping: version.object?.data ?? .empty)
        }
        let current = try currentStamp(bucket: bucket, key: version.key)
        let newest = try current ?? newestOtherStamp(bucket: bucket, key: version.key)
        let isNewest = newest.map { $0 < version.stamp } ?? true
        if isNewest, current != nil { try retireCurrent(bucket: bucket, key: version.key) }
        if isNewest, !version.isDeleteMarker {
            try connection.run(
                """
                INSERT INTO current_objects (bucket, key, stamp, is_null, record, large)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                """
            ) { try bind(version, bucket: bucket, to: $0) }
        } else {
            try connection.run(
                """
                INSERT INTO other_versions (bucket, key, stamp, is_null, record, large, is_delete_marker)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                """
            ) {
                try bind(version, bucket: bucket, to: $0)
                try $0.bind(7, version.isDeleteMarker ? 1 : 0)
            }
        }
        try moveDigest(from: old?.stored, to: version, key: version.key, bucket: bucket)
        try raiseHighWater(to: version)
    }

    func update(version: ObjectVersion, bucket: Int64) throws {
        touched?.insert(bucket: bucket, key: version.key)
        guard let old = try locate(bucket: bucket, key: version.key, stamp: version.stamp) else { return }
        let stored = try old.stored.whole()
        var changed = version
        if case .object(var content) = version.content, let data = stored.object?.data {
            content.data = data
            changed.content = .object(content)
        }
        try moveDigest(from: .whole(stored), to: changed, key: version.key, bucket: bucket)
        if let large = old.large { try deleteLargeRecord(large) }
        let sql: StaticString =
            old.isInCurrentObjects
            ? """
            UPDATE current_objects SET is_null = ?4, record = ?5, large = ?6
            WHERE bucket = ?1 AND key = ?2 AND stamp = ?3
            """
            : """
            UPDATE other_versions SET is_null = ?4, record = ?5, large = ?6
            WHERE bucket = ?1 AND key = ?2 AND stamp = ?3
            """
        try connection.run(sql) { try bind(changed, bucket: bucket, to: $0) }
        try raiseHighWater(to: version)
    }

    func delete(at position: VersionPosition, bucket: Int64) throws {
        let (key, stamp) = (position.key, position.stamp)
        touched?.insert(bucket: bucket, key: key)
        guard let old = try locate(bucket: bucket, key: key, stamp: stamp) else { return }
        try removeRow(old, bucket: bucket)
        try moveDigest(from: old.stored, to: nil, key: key, bucket: bucket)
        try release(old.data)
        try deleteOutbox(bucket: bucket, key: key, stamp: stamp)
        try deleteFailures(bucket: bucket, key: key, stamp: stamp)
        try deleteConflict(bucket: bucket, key: key, loser: stamp)
        try promoteNewest(bucket: bucket, key: key)
    }

    /// Binds bucket, key, stamp, is_null, record and large as parameters 1 to 6.
    private func bind(_ version: ObjectVersion, bucket: Int64, to statement: Statement) throws {
        try statement.bind(1, bucket)
        try statement.bind(2, bytesOf: version.key.rawValue)
        try statement.bind(3, blob: version.stamp.bytes)
        try statement.bind(4, version.isNull ? 1 : 0)
        let record = VersionRecord.encode(version)
        guard record.count > Self.largeRecordSize else { return try statement.bind(5, blob: record) }
        try connection.run("INSERT INTO large_records (record) VALUES (?1)") { try $0.bind(1, blob: record) }
        try statement.bind(6, connection.lastInsertRowID)
    }

    private func removeRow(_ location: Location, bucket: Int64) throws {
        if let large = location.large { try deleteLargeRecord(large) }
        let sql: StaticString =
            location.isInCurrentObjects
            ? "DELETE FROM current_objects WHERE bucket = ?1 AND key = ?2 AND stamp = ?3"
            : "DELETE FROM other_versions WHERE bucket = ?1 AND key = ?2 AND stamp = ?3"
        try connection.run(sql) {
            try $0.bind(1, bucket)
            try $0.bind(2, bytesOf: location.stored.position.key.rawValue)
            try $0.bind(3, blob: location.stored.position.stamp.bytes)
        }
    }

    private func deleteLargeRecord(_ id: Int64) throws {
        try connection.run("DELETE FROM large_records WHERE id = ?1") { try $0.bind(1, id) }
    }

    /// The current object is no longer the newest version.
    private func retireCurrent(bucket: Int64, key: ObjectKey) throws {
        try connection.run(
            """
            INSERT INTO other_versions (bucket, key, stamp, is_null, is_delete_marker, record, large)
            SELECT bucket, key, stamp, is_null, 0, record, large FROM current_objects WHERE bucket = ?1 AND key = ?2
            """
        ) {
            try $0.bind(1, bucket)
            try $0.bind(2, bytesOf: key.rawValue)
        }
        try connection.run("DELETE FROM current_objects WHERE bucket = ?1 AND key = ?2") {
            try $0.bind(1, bucket)
            try $0.bind(2, bytesOf: key.rawValue)
        }
    }

    /// After a removal: when the key has no current object and its newest version is an object, that becomes current.
    private func promoteNewest(bucket: Int64, key: ObjectKey) throws {
        guard try currentStamp(bucket: bucket, key: key) == nil,
            let newest = try newestOtherStamp(bucket: bucket, key: key)
        else { return }
        func bind(_ statement: Statement) throws {
            try statement.bind(1, bucket)
            try statement.bind(2, bytesOf: key.rawValue)
            try statement.bind(3, blob: newest.bytes)
        }
        try connection.run(
            """
            INSERT INTO current_objects (bucket, key, stamp, is_null, record, large)
            SELECT bucket, key, stamp, is_null, record, large FROM other_versions
            WHERE bucket = ?1 AND key = ?2 AND stamp = ?3 AND is_delete_marker = 0
            """, bind)
        guard connection.changes > 0 else { return }
        try connection.run("DELETE FROM other_versions WHERE bucket = ?1 AND key = ?2 AND stamp = ?3", bind)
    }
}
