package import S3Model

/// What a bucket has at the place of a version that another bucket has.
package struct VersionCounterpart: Sendable {
    /// `nil` when it is not there, or its record is damaged.
    package var version: ObjectVersion?
    /// The id of a version that is there and whose record is damaged.
    package var damaged: VersionID?
    /// The stamp of the key's null version, of which a key has one only. Looked up only when nothing is there.
    package var nullStamp: VersionStamp?
    /// The bucket had it, and it was deleted for good. Looked up only when nothing is there.
    package var wasErased = false

    package init() {}
}

extension RegionStore {
    /// Each as of one moment, in the order of `positions`. Throws `NoSuchBucket`.
    package func standings(of positions: [VersionPosition], bucket: BucketName) throws -> [VersionStanding] {
        try positions.map { try standing(of: $0, bucket: bucket) }
    }

    /// In the order of `positions`. Throws `NoSuchBucket`.
    package func counterparts(of positions: [VersionPosition], bucket: BucketName) throws -> [VersionCounterpart] {
        let known = try self.bucket(bucket)
        return try positions.map { position in
            try metadata.read { reader in
                var found = VersionCounterpart()
                switch try reader.storedVersion(bucket: known.id, key: position.key, stamp: position.stamp) {
                case .whole(let version)?: found.version = version
                case .damaged(let damaged)?: found.damaged = damaged.versionID
                case nil:
                    found.nullStamp = try reader.nullStamp(of: position.key, bucket: known.id)
                    found.wasErased = try reader.isErased(bucket: known.id, stamp: position.stamp)
                }
                return found
            }
        }
    }
}
