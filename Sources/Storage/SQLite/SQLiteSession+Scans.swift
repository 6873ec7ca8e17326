import S3Model
import SQLite

extension SQLiteSession {
    func scanCurrentObjects(bucket: Int64, from start: [UInt8], _ visit: (ObjectVersion) throws -> ScanStep) throws {
        try connection.withStatement(
            """
            SELECT key, stamp, record, large, is_null FROM current_objects WHERE bucket = ?1 AND key >= ?2 ORDER BY key
            """
        ) { statement in
            var cursor = KeyCursor(statement)
            try statement.bind(1, bucket)
            try cursor.open(at: start)
            while let key = cursor.key {
                switch try visit(version(in: statement)) {
                case .next: try cursor.advance()
                case .stop: return
                case .seek(let target): try cursor.advance(past: key, to: target)
                }
            }
        }
    }

    func scanVersions(
        bucket: Int64, from start: (key: [UInt8], stamp: VersionStamp?), _ visit: (ObjectVersion) throws -> ScanStep
    ) throws {
        try scanRows(bucket: bucket, from: start) { try visit(version(in: $0)) }
    }

    func scanStoredVersions(
        bucket: Int64, from start: (key: [UInt8], stamp: VersionStamp?), _ visit: (StoredVersion) throws -> ScanStep
    ) throws {
        try scanRows(bucket: bucket, from: start) { try visit(stored(in: $0)) }
    }

    /// Merges the two tables by key. Within a key the current object, if there is one, is the newest version.
    private func scanRows(
        bucket: Int64, from start: (key: [UInt8], stamp: VersionStamp?), _ visit: (Statement) throws -> ScanStep
    ) throws {
        if let stamp = start.stamp, !start.key.isEmpty {
            switch try scanRows(ofKey: start.key, bucket: bucket, from: stamp, visit) {
            case .stop: return
            // The least key above this one.
            case .next: try mergeRows(bucket: bucket, from: start.key + [0], visit)
            case .seek(let target): try mergeRows(bucket: bucket, from: target, visit)
            }
        } else {
            try mergeRows(bucket: bucket, from: start.key, visit)
        }
    }

    /// The versions of one key that are not newer than `stamp`. Returns how the scan goes on behind the key.
    private func scanRows(
        ofKey key: [UInt8], bucket: Int64, from stamp: VersionStamp, _ visit: (Statement) throws -> ScanStep
    ) throws -> ScanStep {
        func isPast(_ target: [UInt8]) -> Bool { key.lexicographicallyPrecedes(target) }
        return try connection.withStatement(
            """
            SELECT key, stamp, record, large, is_null FROM current_objects WHERE bucket = ?1 AND key = ?2 AND stamp <= ?3
            UNION ALL
            SELECT * FROM (
                SELECT key, stamp, record, large, is_null FROM other_versions
                WHERE bucket = ?1 AND key = ?2 AND stamp <= ?3 ORDER BY stamp DESC)
            """
        ) { statement in
            try statement.bind(1, bucket)
            try statement.bind(2, blob: key)
            try statement.bind(3, blob: stamp.bytes)
            while try statement.step() {
                switch try visit(statement) {
                case .stop: return .stop
                case .seek(let target) where isPast(target): return .seek(target)
                case .next, .seek: break
                }
            }
            return .next
        }
    }

    private func mergeRows(bucket: Int64, from start: [UInt8], _ visit: (Statement) throws -> ScanStep) throws {
        try connection.withStatement(
            "SELECT key, stamp, record, large, is_null FROM current_objects WHERE bucket = ?1 AND key >= ?2 ORDER BY key"
        ) { currentRows in
            try connection.withStatement(
                """
                SELECT key, stamp, record, large, is_null FROM other_versions WHERE bucket = ?1 AND key >= ?2
                ORDER BY key, stamp DESC
                """
            ) { otherRows in
                try currentRows.bind(1, bucket)
                try otherRows.bind(1, bucket)
                var current = KeyCursor(currentRows)
                var other = KeyCursor(otherRows)
                try current.open(at: start)
                try other.open(at: start)
                try merge(&current, &other, visit)
            }
        }
    }

    private func merge(
        _ current: inout KeyCursor, _ other: inout KeyCursor, _ visit: (Statement) throws -> ScanStep
    ) throws {
        while true {
            let key: [UInt8]
            let isFromCurrent: Bool
            switch (current.key, other.key) {
            case (nil, nil): return
            case (let first?, nil): (key, isFromCurrent) = (first, true)
            case (nil, let second?): (key, isFromCurrent) = (second, false)
            case (let first?, let second?):
                isFromCurrent = !second.lexicographicallyPrecedes(first)
                key = isFromCurrent ? first : second
            }
            let row = isFromCurrent ? current.statement : other.statement
            switch try visit(row) {
            case .stop: return
            case .seek(let target) where key.lexicographicallyPrecedes(target):
                try current.seek(to: target)
                try other.seek(to: target)
            case .next, .seek: if isFromCurrent { try current.advance() } else { try other.advance() }
            }
        }
    }
}

/// A range statement (first column the key, parameter 2 its lower bound) that can be moved forward.
struct KeyCursor {
    let statement: Statement
    /// The key of the row it stands on, `nil` at the end.
    private(set) var key: [UInt8]?

    init(_ statement: Statement) { self.statement = statement }

    /// Stands on the first row whose key is not below `start`.
    mutating func open(at start: [UInt8]) throws {
        statement.rewind()
        try statement.bind(2, blob: start)
        try advance()
    }

    mutating func advance() throws { key = try statement.step() ? statement.blob(0) : nil }

    /// Goes to the first row not below `target`, unless it stands there or behind already.
    mutating func seek(to target: [UInt8]) throws {
        guard let key, key.lexicographicallyPrecedes(target) else { return }
        try open(at: target)
    }

    /// As ``seek(to:)``, but leaves `key` in any case: a scan never stands still.
    mutating func advance(past key: [UInt8], to target: [UInt8]) throws {
        if key.lexicographicallyPrecedes(target) { try open(at: target) } else { try advance() }
    }
}
