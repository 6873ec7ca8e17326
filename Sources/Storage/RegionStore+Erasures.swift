package import S3Model

// A client that names a version removes it for good in one region, which is never replicated (spec/mrap.md §15.4). Who
// sent the replica may not have learnt yet that it arrived, and sends it again: after a lost answer, after the end of a
// process, with changed tags. So the removal is remembered in its own transaction, and a version that was removed here
// is settled here.

extension RegionStore {
    /// For how long a removal is remembered at least, in milliseconds.
    package static let erasureMilliseconds: Int64 = 7 * 24 * 3_600_000

    /// How many removals are forgotten in one transaction.
    static let erasureBatch = 1_000

    /// Removes a version for good, and remembers that if any region may send it here: a replica, or a version that had
    /// replication work of its own. A version that never left this region leaves nothing behind.
    func erase(_ version: ObjectVersion, in bucket: Bucket, _ transaction: any MetadataTransaction) throws {
        try transaction.delete(version: version, bucket: bucket.id)
        guard version.stamp.region != region.stampID || version.replication != .none else { return }
        try transaction.insert(erasure: version.stamp, bucket: bucket.id, at: now)
    }

    /// Removes the version with this id for good, also when its record is damaged. Returns what it was; `nil` when there is
    /// none or nobody can tell any more.
    func erase(
        _ id: VersionID, of key: ObjectKey, in bucket: Bucket, _ transaction: any MetadataTransaction
    ) throws -> ObjectVersion? {
        do {
            guard let found = try exactVersion(key, id, in: bucket, transaction) else { return nil }
            try erase(found, in: bucket, transaction)
            return found
        } catch StorageError.corrupt(let detail) {
            let damaged = try transaction.damagedVersions(of: key, bucket: bucket.id).first { $0.versionID == id }
            guard let position = damaged?.position else { throw StorageError.corrupt(detail: detail) }
            try transaction.delete(at: position, bucket: bucket.id)
            // It may have had replication work: that is not known any more.
            try transaction.insert(erasure: position.stamp, bucket: bucket.id, at: now)
            return nil
        }
    }

    /// Whether this version was removed here for good and is not to come back. Throws `NoSuchBucket`.
    package func wasErased(_ stamp: VersionStamp, bucket: BucketName) throws -> Bool {
        let known = try self.bucket(bucket)
        return try metadata.read { try $0.isErased(bucket: known.id, stamp: stamp) }
    }

    /// The smallest stamp of all versions whose replication waits or has failed here; `nil` without any.
    package func oldestReplicationWork() throws -> VersionStamp? {
        try metadata.read { try $0.oldestReplicationWork() }
    }

    /// Forgets removals that are older than ``erasureMilliseconds`` and of which no region has work left: `oldestWork` is
    /// the least ``oldestReplicationWork()`` of all regions, and is asked only when there is something to forget. Work is
    /// known by the version's own stamp, so neither clocks that step nor work that is retried years later matter. Returns
    /// how many were forgotten.
    package func forgetErasures(oldestWork: () async throws -> VersionStamp?) async throws -> Int {
        let time = Timestamp(milliseconds: now.milliseconds - Self.erasureMilliseconds)
        guard try metadata.read({ try $0.hasErasures(until: time) }) else { return 0 }
        let oldest = try await oldestWork()
        var forgotten = 0
        while true {
            let count = try await metadata.write {
                try $0.deleteErasures(until: time, below: oldest, limit: Self.erasureBatch)
            }
            forgotten += count
            if count < Self.erasureBatch { return forgotten }
        }
    }
}
