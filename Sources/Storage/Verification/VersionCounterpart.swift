package import S3Model

/// What a bucket has at the place of a version that another bucket has.
package struct VersionCounterpart: Sendable {
    /// `nil` when it is not there.
    package var version: ObjectVersion?
    /// The stamp of the key's null version, of which a key has one only. Looked up only when `version` is not there.
    package var nullStamp: VersionStamp?
    /// The bucket had it, and it was deleted for good. Looked up only when `version` is not there.
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
        try positions.map { position in
            var found = VersionCounterpart()
            found.version = try version(at: position, bucket: bucket)
            guard found.version == nil else { return found }
            found.nullStamp = try nullVersion(of: position.key, bucket: bucket)?.stamp
            found.wasErased = try wasErased(position.stamp, bucket: bucket)
            return found
        }
    }
}
