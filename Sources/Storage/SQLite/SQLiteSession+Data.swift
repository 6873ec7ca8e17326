import NIOCore
import S3Model
import SQLite

// Where bytes are, who refers to them, and which of them nobody does.

extension SQLiteSession {
    func inlineData(id: Int64) throws -> ByteBuffer? {
        try connection.first("SELECT bytes FROM inline_data WHERE id = ?1") {
            try $0.bind(1, id)
        } row: { row in
            row.withBlob(0) { ByteBuffer(bytes: $0) }
        }
    }

    /// Throws `StorageError.diskFull` when the bytes would take what is kept for removals.
    func insertInlineData(_ bytes: ByteBuffer) throws -> Int64 {
        try requireRoom(for: bytes.readableBytes)
        try bytes.withUnsafeReadableBytes { raw in
            try connection.run("INSERT INTO inline_data (bytes) VALUES (?1)") { try $0.bind(1, unownedBlob: raw) }
        }
        return connection.lastInsertRowID
    }

    private func requireRoom(for byteCount: Int) throws {
        guard let file = connection.file, case let free = Int64(clamping: try DiskReserve.free(file)),
            free <= Self.longestLog
        else { return }
        // The file is about to grow by what is in the log only. If it could not, the log could not begin anew either.
        let pageSize = try number("PRAGMA page_size")
        let growth = try number("PRAGMA page_count") * pageSize - DiskReserve.size(of: file)
        let left = free - max(0, growth)
        let reserve = Int64(DiskReserve.bytes)
        if left > reserve { return }
        // The file keeps the pages of removed rows, which new rows may have while the log can still grow.
        let kept = try number("PRAGMA freelist_count") * pageSize
        guard left > reserve / 2, kept > 2 * Int64(byteCount) else { throw StorageError.diskFull }
    }

    private func number(_ pragma: StaticString) throws -> Int64 {
        try connection.all(pragma) { $0.int64(0) }.first ?? 0
    }

    /// With more room than this nothing has to be counted, in bytes: the log is copied long before it is as long.
    private static let longestLog: Int64 = 256 << 20

    func addReferences(to data: ObjectData) throws {
        guard case .blobs(let segments) = data else { return }
        for segment in segments {
            try connection.run(
                "INSERT INTO blob_refs (blob, count) VALUES (?1, 1) ON CONFLICT DO UPDATE SET count = count + 1"
            ) { try $0.bind(1, text: segment.blob.rawValue) }
            try forget(garbage: segment.blob)
        }
    }

    /// Takes one reference from each blob; those without any become garbage. Inline bytes go, unless `kept` is the same
    /// data.
    func release(_ data: ObjectData, keeping kept: ObjectData = .empty) throws {
        switch data {
        case .empty: break
        case .inline(let id, _):
            if case .inline(id, _) = kept { return }
            try connection.run("DELETE FROM inline_data WHERE id = ?1") { try $0.bind(1, id) }
        case .blobs(let segments):
            for segment in segments where try dropReference(to: segment.blob) { try add(garbage: segment.blob) }
        }
    }

    /// Takes one reference from each blob and leaves the rest to the caller, who is about to refer to them.
    func handOver(_ data: ObjectData) throws {
        guard case .blobs(let segments) = data else { return }
        for segment in segments { _ = try dropReference(to: segment.blob) }
    }

    /// Returns whether that was the last one.
    private func dropReference(to blob: BlobID) throws -> Bool {
        try connection.run("UPDATE blob_refs SET count = count - 1 WHERE blob = ?1") {
            try $0.bind(1, text: blob.rawValue)
        }
        try connection.run("DELETE FROM blob_refs WHERE blob = ?1 AND count <= 0") {
            try $0.bind(1, text: blob.rawValue)
        }
        return connection.changes > 0
    }

    func isReferenced(blob: BlobID) throws -> Bool {
        try connection.first("SELECT 1 FROM blob_refs WHERE blob = ?1") {
            try $0.bind(1, text: blob.rawValue)
        } row: { _ in
            true
        } ?? false
    }

    // MARK: Garbage

    func garbage(limit: Int) throws -> [BlobID] {
        try connection.all("SELECT blob FROM garbage ORDER BY blob LIMIT ?1") {
            try $0.bind(1, Int64(max(0, limit)))
        } row: {
            BlobID($0.text(0))
        }
    }

    /// Blobs that something refers to are passed over: bytes in use are never given up.
    func insert(garbage: [BlobID]) throws {
        for blob in garbage where try !isReferenced(blob: blob) { try add(garbage: blob) }
    }

    func delete(garbage: [BlobID]) throws {
        for blob in garbage { try forget(garbage: blob) }
    }

    private func add(garbage blob: BlobID) throws {
        try connection.run("INSERT OR IGNORE INTO garbage (blob) VALUES (?1)") { try $0.bind(1, text: blob.rawValue) }
    }

    private func forget(garbage blob: BlobID) throws {
        try connection.run("DELETE FROM garbage WHERE blob = ?1") { try $0.bind(1, text: blob.rawValue) }
    }
}
