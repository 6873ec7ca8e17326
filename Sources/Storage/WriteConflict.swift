package import S3Model

/// Two regions wrote one key without knowing of each other. Both versions stay; the one with the greater stamp is ahead
/// of the other in every region (DESIGN §5.2).
///
/// The region that made the winner finds it: the loser arrives there below a version of its own. A conflict is forgotten
/// with its losing version.
package struct WriteConflict: Sendable, Hashable {
    /// How many are kept per bucket.
    package static let limit = 10_000

    /// Assigned by the store, rising; 0 before.
    package var id: Int64
    package var bucket: Int64
    package var key: ObjectKey
    package var loser: VersionStamp
    /// The version of this region that is next above the loser.
    package var winner: VersionStamp
    package var found: Timestamp

    package init(
        id: Int64 = 0, bucket: Int64, key: ObjectKey, loser: VersionStamp, winner: VersionStamp, found: Timestamp
    ) {
        self.id = id
        self.bucket = bucket
        self.key = key
        self.loser = loser
        self.winner = winner
        self.found = found
    }
}

extension RegionStore {
    /// Conflicts of a bucket with an id above `after`, in id order. Throws `NoSuchBucket`.
    package func conflicts(in bucket: BucketName, after: Int64 = 0, limit: Int) throws -> [WriteConflict] {
        let known = try self.bucket(bucket)
        return try metadata.read { try $0.conflicts(bucket: known.id, after: after, limit: limit) }
    }

    /// Remembers that an arriving replica comes below a version made here, if it does. Call before it is inserted.
    func noteConflict(_ replica: ObjectVersion, in bucket: Bucket, _ transaction: any MetadataTransaction) throws {
        guard replica.stamp.region != region.stampID else { return }
        do {
            guard let newest = try transaction.newestVersion(bucket: bucket.id, key: replica.key),
                newest.stamp > replica.stamp
            else { return }
        } catch StorageError.corrupt {
            // The stamps say it; a damaged record keeps no other version of its key away.
        }
        var winner: VersionStamp?
        var seen = 0
        let start: (key: [UInt8], stamp: VersionStamp?) = (Array(replica.key.rawValue.utf8), nil)
        try transaction.scanStoredVersions(bucket: bucket.id, from: start) { stored in
            let position = stored.position
            seen += 1
            guard position.key == replica.key, position.stamp > replica.stamp, seen <= Self.versionsSearched else {
                return .stop
            }
            if position.stamp.region == region.stampID { winner = position.stamp }
            return .next
        }
        guard let winner else { return }
        try transaction.insert(
            conflict: WriteConflict(
                bucket: bucket.id, key: replica.key, loser: replica.stamp, winner: winner, found: now))
    }

    /// Of a key with more versions above the replica than these, the nearest may not be found.
    private static let versionsSearched = 1_000
}
