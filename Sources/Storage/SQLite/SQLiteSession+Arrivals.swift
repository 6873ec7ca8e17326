import S3Model
import SQLite

extension SQLiteSchema {
    /// Parts of replicas that have not arrived whole. Each refers to its blob as a version would.
    static let arrivals = """
        CREATE TABLE arrivals (
            bucket INTEGER NOT NULL,
            stamp BLOB NOT NULL,
            start INTEGER NOT NULL,
            size INTEGER NOT NULL,
            blob TEXT NOT NULL,
            arrived INTEGER NOT NULL,
            PRIMARY KEY (bucket, stamp, start)
        ) STRICT, WITHOUT ROWID;
        """
}

extension SQLiteSession {
    func arrivedParts(bucket: Int64, stamp: VersionStamp) throws -> [BlobSegment] {
        try connection.all("SELECT blob, size FROM arrivals WHERE bucket = ?1 AND stamp = ?2 ORDER BY start") {
            try $0.bind(1, bucket)
            try $0.bind(2, blob: stamp.bytes)
        } row: {
            BlobSegment(blob: BlobID($0.text(0)), size: $0.int64(1))
        }
    }

    func arrivals(until time: Timestamp, limit: Int) throws -> [(bucket: Int64, stamp: VersionStamp)] {
        try connection.all(
            """
            SELECT bucket, stamp FROM arrivals GROUP BY bucket, stamp HAVING max(arrived) <= ?1
            ORDER BY max(arrived) LIMIT ?2
            """
        ) {
            try $0.bind(1, time.milliseconds)
            try $0.bind(2, Int64(max(0, limit)))
        } row: { row in
            guard let stamp = row.withBlob(1, { VersionStamp(bytes: $0) }) else {
                throw StorageError.corrupt(detail: "A part of a replica has a stamp that is none")
            }
            return (row.int64(0), stamp)
        }
    }

    // MARK: Writing

    func insert(arrived part: BlobSegment, offset: Int64, bucket: Int64, stamp: VersionStamp, at time: Timestamp) throws
    {
        try addReferences(to: .blobs([part]))
        try connection.run(
            "INSERT INTO arrivals (bucket, stamp, start, size, blob, arrived) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
        ) {
            try $0.bind(1, bucket)
            try $0.bind(2, blob: stamp.bytes)
            try $0.bind(3, offset)
            try $0.bind(4, part.size)
            try $0.bind(5, text: part.blob.rawValue)
            try $0.bind(6, time.milliseconds)
        }
    }

    func deleteArrival(bucket: Int64, stamp: VersionStamp) throws {
        let parts = try arrivedParts(bucket: bucket, stamp: stamp)
        guard !parts.isEmpty else { return }
        try connection.run("DELETE FROM arrivals WHERE bucket = ?1 AND stamp = ?2") {
            try $0.bind(1, bucket)
            try $0.bind(2, blob: stamp.bytes)
        }
        try release(.blobs(parts))
    }

    func deleteArrivals(bucket: Int64) throws {
        let stamps = try connection.all("SELECT DISTINCT stamp FROM arrivals WHERE bucket = ?1") {
            try $0.bind(1, bucket)
        } row: { row in
            row.withBlob(0) { VersionStamp(bytes: $0) }
        }
        for case .some(let stamp) in stamps { try deleteArrival(bucket: bucket, stamp: stamp) }
    }
}
