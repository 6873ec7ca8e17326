package import S3Model
package import Storage

/// A region whose buckets can be compared with those of others, in this process or in another one.
package protocol VerifiedRegion: Sendable {
    var region: RegionName { get }

    /// The bucket as it is now. This and all that follows throws `NoSuchBucket`; for a region in another process
    /// `ServiceUnavailable` when it cannot be reached.
    func bucket(_ name: BucketName) async throws -> Bucket
    func digests(of bucket: BucketName) async throws -> DigestTable
    /// The versions behind `after` whose keys are in `slots`, of at most `limit` that are looked at, and those of them all
    /// that are damaged.
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
    /// Puts a whole version into the outbox once more, also one that was made elsewhere, when the rules as they are now
    /// cover it for this destination and it does not wait already. Returns whether they cover it.
    func resend(
        _ position: VersionPosition, from bucket: BucketName, to destination: BucketName
    ) async throws -> Bool
}

extension RegionStore: VerifiedRegion {
    package func resend(
        _ position: VersionPosition, from bucket: BucketName, to destination: BucketName
    ) async throws -> Bool {
        let plan = ExistingPlan(destinations: [destination])
        let version = VersionReference(key: position.key, stamp: position.stamp)
        return try await enqueueExisting([version], bucket: bucket) { version, bucket in
            plan.entries(for: version, in: bucket, at: self.now)
        } == [.waiting]
    }
}
