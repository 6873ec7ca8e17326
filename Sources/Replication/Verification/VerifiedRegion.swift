package import S3Model
package import Storage

/// A region whose buckets can be compared with those of others, in this process or in another one.
package protocol VerifiedRegion: Sendable {
    var region: RegionName { get }

    /// The bucket as it is now. This and all that follows throws `NoSuchBucket`; for a region in another process
    /// `ServiceUnavailable` when it cannot be reached.
    func bucket(_ name: BucketName) async throws -> Bucket
    func digests(of bucket: BucketName) async throws -> DigestTable
    /// The versions behind `after` whose keys are in `slots`, of at most `limit` that are looked at.
    func fingerprints(
        of bucket: BucketName, slots: Set<Int>, after: VersionPosition?, visiting limit: Int
    ) async throws -> FingerprintPage
    /// Each as of one moment, in the order of `positions`.
    func standings(of positions: [VersionPosition], bucket: BucketName) async throws -> [VersionStanding]
    /// In the order of `positions`.
    func counterparts(of positions: [VersionPosition], bucket: BucketName) async throws -> [VersionCounterpart]
    /// Puts a version into the outbox once more; see ``RegionStore``.
    func requeue(
        _ position: VersionPosition, kind: OutboxEntry.Kind, from bucket: BucketName, to destination: BucketName,
        renews: Bool
    ) async throws -> Bool
}

extension RegionStore: VerifiedRegion {}
