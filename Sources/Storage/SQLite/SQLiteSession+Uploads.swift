import S3Model
import SQLite

extension SQLiteSession {
    func upload(id: String) throws -> MultipartUpload? {
        try connection.first("SELECT key, id, bucket, record FROM uploads WHERE id = ?1") {
            try $0.bind(1, text: id)
        } row: {
            try upload(in: $0)
        }
    }

    func scanUploads(
        bucket: Int64, from start: (key: [UInt8], id: String), _ visit: (MultipartUpload) throws -> ScanStep
    ) throws {
        // Two ranges, because SQLite does not use a row value's second column to enter the index.
        let key = start.key
        let rest: ScanStep = try connection.withStatement(
            """
            SELECT key, id, bucket, record FROM uploads WHERE bucket = ?1 AND key = ?2 AND id >= ?3 ORDER BY id
            """
        ) { statement in
            try statement.bind(1, bucket)
            try statement.bind(2, blob: key)
            try statement.bind(3, text: start.id)
            while try statement.step() {
                switch try visit(upload(in: statement)) {
                case .stop: return .stop
                case .seek(let target) where key.lexicographicallyPrecedes(target): return .seek(target)
                case .next, .seek: break
                }
            }
            return .next
        }
        switch rest {
        case .stop: return
        // The least key above this one.
        case .next: try scanUploads(bucket: bucket, from: key + [0], visit)
        case .seek(let target): try scanUploads(bucket: bucket, from: target, visit)
        }
    }

    private func scanUploads(bucket: Int64, from start: [UInt8], _ visit: (MultipartUpload) throws -> ScanStep) throws {
        try connection.withStatement(
            """
            SELECT key, id, bucket, record FROM uploads WHERE bucket = ?1 AND key >= ?2 ORDER BY key, id
            """
        ) { statement in
            var cursor = KeyCursor(statement)
            try statement.bind(1, bucket)
            try cursor.open(at: start)
            while let key = cursor.key {
                switch try visit(upload(in: statement)) {
                case .next: try cursor.advance()
                case .stop: return
                case .seek(let target): try cursor.advance(past: key, to: target)
                }
            }
        }
    }

    private func upload(in row: Statement) throws -> MultipartUpload {
        let key = ObjectKey(stored: row.text(0))
        let id = row.text(1)
        return try row.withBlob(3) { bytes in
            try decoding("upload \(id)") { () throws(RecordError) in
                try UploadRecord.decode(bytes, id: id, bucket: row.int64(2), key: key)
            }
        }
    }

    func parts(upload id: String, after: Int, limit: Int) throws -> [UploadedPart] {
        try connection.all(
            "SELECT number, record FROM parts WHERE upload = ?1 AND number > ?2 ORDER BY number LIMIT ?3"
        ) {
            try $0.bind(1, text: id)
            try $0.bind(2, Int64(after))
            try $0.bind(3, Int64(max(0, limit)))
        } row: {
            try part(in: $0, upload: id)
        }
    }

    private func part(in row: Statement, upload id: String) throws -> UploadedPart {
        let number = Int(row.int64(0))
        return try row.withBlob(1) { bytes in
            try decoding("part \(number) of upload \(id)") { () throws(RecordError) in
                try PartRecord.decode(bytes, number: number)
            }
        }
    }

    // MARK: Writing

    func insert(upload: MultipartUpload) throws {
        try connection.run("INSERT OR REPLACE INTO uploads (id, bucket, key, record) VALUES (?1, ?2, ?3, ?4)") {
            try $0.bind(1, text: upload.id)
            try $0.bind(2, upload.bucket)
            try $0.bind(3, bytesOf: upload.key.rawValue)
            try $0.bind(4, blob: UploadRecord.encode(upload))
        }
    }

    func insert(part: UploadedPart, upload id: String) throws {
        try addReferences(to: part.data)
        let old = try connection.first("SELECT number, record FROM parts WHERE upload = ?1 AND number = ?2") {
            try $0.bind(1, text: id)
            try $0.bind(2, Int64(part.number))
        } row: {
            try self.part(in: $0, upload: id)
        }
        if let old { try release(old.data, keeping: part.data) }
        try connection.run("INSERT OR REPLACE INTO parts (upload, number, record) VALUES (?1, ?2, ?3)") {
            try $0.bind(1, text: id)
            try $0.bind(2, Int64(part.number))
            try $0.bind(3, blob: PartRecord.encode(part))
        }
    }

    func delete(upload id: String, keeping: Set<Int>) throws {
        for part in try parts(upload: id, after: Int.min, limit: Int.max) {
            if keeping.contains(part.number) { try handOver(part.data) } else { try release(part.data) }
        }
        try connection.run("DELETE FROM parts WHERE upload = ?1") { try $0.bind(1, text: id) }
        try connection.run("DELETE FROM uploads WHERE id = ?1") { try $0.bind(1, text: id) }
    }
}
