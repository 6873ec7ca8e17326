import NIOCore
package import S3Model

// A large replica arrives in parts. Each part that is durable is noted, so that after a broken connection or the end of
// either process the transfer goes on behind the last of them. The parts are blobs, and become the version's blobs.

extension RegionStore {
    /// Replicas above this size arrive in parts of this size; above a thousand parts, parts are larger.
    package static let arrivalPartSize: Int64 = 8 << 20

    /// Whoever sends is told after so many bytes that what is here is being counted: every second on a slow disk.
    static let progressBytes: Int64 = 1 << 20

    /// For how long the parts of a version that does not arrive are kept, in milliseconds.
    package static let arrivalMilliseconds: Int64 = 7 * 24 * 3_600_000

    /// How many versions may be on their way in parts. What comes beyond that arrives whole or starts again.
    static let arrivalLimit = 256

    func arrivesInParts(_ object: ObjectContent) -> Bool { object.size > partSize }

    /// How many bytes of a version that is not here yet have arrived: where a resumed delivery goes on. 0 for what does not
    /// arrive in parts. Throws `NoSuchBucket`.
    package func arrivedBytes(of version: ObjectVersion, bucket: BucketName) throws -> Int64 {
        guard let object = version.object, arrivesInParts(object) else { return 0 }
        let known = try self.bucket(bucket)
        return try metadata.read { reader in
            try reader.arrivedParts(bucket: known.id, stamp: version.stamp).reduce(0) { $0 + $1.size }
        }
    }

    /// Receives the part of a version's bytes that is not here yet, and checks all of them.
    func receiveInParts(
        _ version: ObjectVersion, _ object: ObjectContent, from source: any ResumableSource, in bucket: Bucket
    ) async throws -> StagedContent {
        var arrival = Arrival(
            stamp: version.stamp, bucket: bucket.id, partSize: max(partSize, (object.size + 999) / 1_000),
            check: ReplicaCheck(object))
        arrival.parts = try metadata.read { try $0.arrivedParts(bucket: bucket.id, stamp: version.stamp) }
        do {
            try await takeUp(&arrival, source)
        } catch let error as StorageError {
            // What is here cannot be read: it starts again.
            try await forget(arrival)
            throw error
        }
        try await pull(&arrival, from: arrival.check.wrap(source))
        let content = StagedContent(
            size: arrival.size, bytes: .blobs(arrival.parts), digests: arrival.digest.finish())
        if let problem = arrival.check.problem(with: content) {
            try await forget(arrival)
            throw StorageError.corrupt(detail: "replica of \(version.versionID): \(problem)")
        }
        return content
    }

    /// Counts the parts that are here, and lets the source go on behind them.
    private func takeUp(_ arrival: inout Arrival, _ source: any ResumableSource) async throws {
        var untold: Int64 = 0
        for part in arrival.parts {
            let bytes = arrival.check.wrap(try blobs.reader(of: part.blob, range: 0..<part.size, waits: true))
            while let piece = try await bytes.next() {
                arrival.digest.update(piece)
                untold += Int64(piece.readableBytes)
                guard untold >= Self.progressBytes else { continue }
                untold = 0
                source.noteProgress()
            }
            arrival.size += part.size
        }
        if arrival.size > 0 { source.resume(at: arrival.size) }
    }

    private func pull(_ arrival: inout Arrival, from source: any ByteSource) async throws {
        var rest = ByteBuffer()
        var isAtEnd = false
        while !isAtEnd {
            let writer = try await blobs.create()
            var size: Int64 = 0
            let blob: BlobID
            do {
                while size < arrival.partSize {
                    if rest.readableBytes == 0, let piece = try await source.next() { rest = piece }
                    let length = min(Int(arrival.partSize - size), rest.readableBytes)
                    guard length > 0, let piece = rest.readSlice(length: length) else {
                        isAtEnd = true
                        break
                    }
                    try await writer.append(piece, digest: arrival.digest)
                    size += Int64(length)
                }
                guard size > 0 else { return await writer.discard() }
                blob = try await writer.commit()
            } catch {
                await writer.discard()
                throw error
            }
            try await note(BlobSegment(blob: blob, size: size), of: &arrival)
        }
    }

    /// Makes a part count. Throws when another delivery of the same version has brought it first.
    private func note(_ part: BlobSegment, of arrival: inout Arrival) async throws {
        let (stamp, bucket, offset, time) = (arrival.stamp, arrival.bucket, arrival.size, now)
        do {
            try await metadata.write { transaction in
                let known = try transaction.arrivedParts(bucket: bucket, stamp: stamp)
                guard known.reduce(0, { $0 + $1.size }) == offset else {
                    throw StorageError.io(operation: "receive", detail: "another delivery of this version is under way")
                }
                if known.isEmpty { try self.makeRoom(transaction) }
                try transaction.insert(arrived: part, offset: offset, bucket: bucket, stamp: stamp, at: time)
            }
        } catch {
            await discard(StagedContent(size: part.size, bytes: .blobs([part]), digests: ContentDigests()))
            throw error
        }
        arrival.parts.append(part)
        arrival.size += part.size
    }

    /// The version that has waited longest for its next part gives way.
    private func makeRoom(_ transaction: any MetadataTransaction) throws {
        let waiting = try transaction.arrivals(until: Timestamp(milliseconds: Int64.max), limit: Self.arrivalLimit)
        guard waiting.count >= Self.arrivalLimit, let oldest = waiting.first else { return }
        try transaction.deleteArrival(bucket: oldest.bucket, stamp: oldest.stamp)
    }

    /// Throws when the parts that `content` consists of were given up since: then their files may be gone.
    func requireParts(
        _ content: StagedContent, of version: ObjectVersion, in bucket: Bucket, _ transaction: any MetadataTransaction
    ) throws {
        guard case .blobs(let parts) = content.bytes, let object = version.object, arrivesInParts(object),
            parts.count > 1
        else { return }
        guard try transaction.arrivedParts(bucket: bucket.id, stamp: version.stamp) == parts else {
            throw StorageError.io(operation: "receive", detail: "the parts of this version were given up")
        }
    }

    private func forget(_ arrival: Arrival) async throws {
        try await metadata.write { try $0.deleteArrival(bucket: arrival.bucket, stamp: arrival.stamp) }
    }

    /// Gives up parts whose version did not go on arriving for ``arrivalMilliseconds``; their blobs become garbage. Returns
    /// of how many versions.
    package func forgetArrivals() async throws -> Int {
        let time = Timestamp(milliseconds: now.milliseconds - Self.arrivalMilliseconds)
        guard try !metadata.read({ try $0.arrivals(until: time, limit: 1) }).isEmpty else { return 0 }
        return try await metadata.write { transaction in
            let stale = try transaction.arrivals(until: time, limit: Self.arrivalLimit)
            for arrival in stale { try transaction.deleteArrival(bucket: arrival.bucket, stamp: arrival.stamp) }
            return stale.count
        }
    }
}

/// A version on its way here, as far as it has come.
private struct Arrival: Sendable {
    let stamp: VersionStamp
    let bucket: Int64
    let partSize: Int64
    let check: ReplicaCheck
    let digest: ContentDigest
    var parts: [BlobSegment] = []
    /// Of all parts.
    var size: Int64 = 0

    init(stamp: VersionStamp, bucket: Int64, partSize: Int64, check: ReplicaCheck) {
        self.stamp = stamp
        self.bucket = bucket
        self.partSize = partSize
        self.check = check
        digest = ContentDigest(check.plan)
    }
}
