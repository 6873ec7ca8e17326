package import NIOCore
package import S3Model

/// The metadata of one region: buckets, versions, uploads, small objects' bytes and the replication outbox, under
/// transactions. SQLite in production, memory (with crashes) in the simulation. No semantics of S3 in here: those are in
/// ``RegionStore``, above both.
package protocol MetadataStore: Sendable {
    /// Runs `body` on a consistent snapshot. Synchronous: a read by key costs microseconds (spec/performance.md §7).
    func read<Result>(_ body: (any MetadataReader) throws -> Result) throws -> Result

    /// Runs `body` in a transaction that is durable when this returns. Many callers share one commit (group commit), so
    /// `body` may run more than once and must have no effect but through the transaction. When it throws, nothing of
    /// it is stored and the error comes out here.
    func write<Result: Sendable>(
        _ body: @escaping @Sendable (any MetadataTransaction) throws -> Result
    ) async throws -> Result

    /// The newest version of a key with its bytes when they are small, perhaps from memory, but never older than what any
    /// read or answered write has shown. `nil` when the key has no version or its newest is a delete marker.
    func newestObject(bucket: Int64, key: ObjectKey) throws -> NewestObject?

    /// Waits for running work, checkpoints and closes.
    func close() async throws
}

/// What a scan's visitor wants next.
package enum ScanStep: Sendable {
    case next
    case stop
    /// Go on at the first key whose bytes are not below these, passing over everything between. Bytes and not a string:
    /// the end of a common prefix need not be UTF-8.
    case seek([UInt8])
}

package protocol MetadataReader {
    func buckets() throws -> [Bucket]
    func bucket(named name: BucketName) throws -> Bucket?

    /// The version with the greatest stamp, delete markers included.
    func newestVersion(bucket: Int64, key: ObjectKey) throws -> ObjectVersion?
    func version(bucket: Int64, key: ObjectKey, stamp: VersionStamp) throws -> ObjectVersion?
    /// The same, for those who go on when its record is damaged.
    func storedVersion(bucket: Int64, key: ObjectKey, stamp: VersionStamp) throws -> StoredVersion?
    func nullVersion(bucket: Int64, key: ObjectKey) throws -> ObjectVersion?
    func inlineData(id: Int64) throws -> ByteBuffer?

    /// Visits the current version of every key that is an object (not a delete marker), in key order, from the first key
    /// whose bytes are not below `start`.
    func scanCurrentObjects(bucket: Int64, from start: [UInt8], _ visit: (ObjectVersion) throws -> ScanStep) throws
    /// Visits all versions in key order, newest first within a key, from the first key not below
    /// `start.key`; of exactly that key only versions with a stamp not above `start.stamp` (`nil`: all).
    func scanVersions(
        bucket: Int64, from start: (key: [UInt8], stamp: VersionStamp?), _ visit: (ObjectVersion) throws -> ScanStep)
        throws
    /// The same, past records that are damaged.
    func scanStoredVersions(
        bucket: Int64, from start: (key: [UInt8], stamp: VersionStamp?), _ visit: (StoredVersion) throws -> ScanStep)
        throws
    /// The digests of the bucket's versions, kept current by every change of them.
    func digests(bucket: Int64) throws -> DigestTable
    /// Whether the bucket has no version and no upload.
    func isEmpty(bucket: Int64) throws -> Bool

    func upload(id: String) throws -> MultipartUpload?
    /// Visits uploads in order of key, then id, from `start` (inclusive; an empty id is before all).
    func scanUploads(
        bucket: Int64, from start: (key: [UInt8], id: String), _ visit: (MultipartUpload) throws -> ScanStep) throws
    /// Parts with a number above `after`, in order.
    func parts(upload id: String, after: Int, limit: Int) throws -> [UploadedPart]

    /// Entries for one destination with an id above `after`, in id order, due or not.
    func outbox(destination: BucketName, after: Int64, limit: Int) throws -> [OutboxEntry]
    /// The same without entries that are damaged.
    func undamagedOutbox(destination: BucketName, after: Int64, limit: Int) throws -> [OutboxEntry]
    /// Destinations that have entries.
    func outboxDestinations() throws -> [BucketName]
    /// The rules of a bucket that have entries, each with its destination. Costs the same however many entries there are.
    func outboxRules(bucket: Int64) throws -> [OutboxRule]
    func outboxSummaries() throws -> [OutboxSummary]
    func isInOutbox(_ id: Int64) throws -> Bool
    /// How many entries of any destination this version still has.
    func outboxCount(bucket: Int64, key: ObjectKey, stamp: VersionStamp) throws -> Int

    /// The work on one version that is waiting or has failed (then with the id 0), in no particular order. Passes over
    /// work that is damaged.
    func replicationWork(bucket: Int64, key: ObjectKey, stamp: VersionStamp) throws -> [OutboxEntry]
    /// Visits the versions of a key that wait for one destination or have failed there, newest first, each with the rule
    /// of that work, until the visitor returns `false`. Changes of attributes do not count and cost nothing, nor does work
    /// for other destinations. A version whose work waits and has failed comes twice. Passes over work that is damaged.
    func scanPromises(
        bucket: Int64, key: ObjectKey, destination: BucketName, _ visit: (VersionStamp, String) throws -> Bool) throws
    /// Entries of one rule, oldest first. Passes over entries that are damaged.
    func outbox(byAge query: OutboxAgeQuery) throws -> [OutboxEntry]

    /// Failures of a bucket with an id above `after`, in id order.
    func failures(bucket: Int64, after: Int64, limit: Int) throws -> [ReplicationFailure]
    /// For how many destinations this version has failed.
    func failureCount(bucket: Int64, key: ObjectKey, stamp: VersionStamp) throws -> Int
    func failureSummaries() throws -> [FailureSummary]

    /// Whether this version was removed for good and is remembered as that.
    func isErased(bucket: Int64, stamp: VersionStamp) throws -> Bool
    /// Whether a removal at `time` or before is remembered.
    func hasErasures(until time: Timestamp) throws -> Bool
    /// The smallest stamp that has an outbox entry or a failure. May take long.
    func oldestReplicationWork() throws -> VersionStamp?

    /// The parts of a replica that have arrived so far, in order.
    func arrivedParts(bucket: Int64, stamp: VersionStamp) throws -> [BlobSegment]
    /// Replicas of which parts have arrived, the latest at `time` or before; who waits longest first.
    func arrivals(until time: Timestamp, limit: Int) throws -> [(bucket: Int64, stamp: VersionStamp)]

    /// Conflicts of a bucket with an id above `after`, in id order.
    func conflicts(bucket: Int64, after: Int64, limit: Int) throws -> [WriteConflict]

    /// Blobs whose last reference is gone and whose file may be removed.
    func garbage(limit: Int) throws -> [BlobID]
    func isReferenced(blob: BlobID) throws -> Bool
    /// The greatest stamp this store has ever held, so that the hybrid clock never goes back; `zero` when empty.
    func clockHighWater() throws -> VersionStamp
}

package protocol MetadataTransaction: MetadataReader {
    /// Stores a new bucket and returns it with its id.
    func insert(bucket: Bucket) throws -> Bucket
    func update(bucket: Bucket) throws
    /// Removes an empty bucket with all that is left about it: erasures, arrivals, conflicts, failures and work.
    func delete(bucket: Int64) throws

    /// Stores a version (replacing one with the same key and stamp, whose record may be damaged), keeps the index of
    /// current objects true, records references to its blobs and raises the clock's high water.
    func insert(version: ObjectVersion, bucket: Int64) throws
    /// Rewrites a version that exists: tags, metadata, replication status. Its stamp and data stay.
    func update(version: ObjectVersion, bucket: Int64) throws
    /// Removes a version; its blobs become garbage, its inline bytes, outbox entries, failures and the
    /// conflict that it lost go. Where the bytes of a version with a damaged record are is not known: they stay.
    func delete(at position: VersionPosition, bucket: Int64) throws
    /// Stores small bytes and returns their id for ``ObjectData/inline(id:crc32c:)``.
    func insertInlineData(_ bytes: ByteBuffer) throws -> Int64

    func insert(upload: MultipartUpload) throws
    /// Replaces a part of the same number, whose data becomes garbage.
    func insert(part: UploadedPart, upload id: String) throws
    /// Removes an upload and its parts. Data of parts whose numbers are in `keeping` passes to the caller (it is about to
    /// become part of a version); the rest becomes garbage.
    func delete(upload id: String, keeping: Set<Int>) throws

    func insert(outbox entry: OutboxEntry) throws
    func update(outbox entry: OutboxEntry) throws
    func delete(outbox id: Int64) throws
    /// Stores a failure, or joins it to the one of the same version and destination: of the two kinds the one that carries
    /// more, of the rest the newer.
    func insert(failure: ReplicationFailure) throws
    /// Remembers that a version was removed for good, until it is forgotten or its bucket is deleted.
    func insert(erasure stamp: VersionStamp, bucket: Int64, at time: Timestamp) throws
    /// Forgets removals at `time` or before, of versions below `stamp` (`nil`: of all), the oldest first. Returns how many.
    func deleteErasures(until time: Timestamp, below stamp: VersionStamp?, limit: Int) throws -> Int
    /// Notes a part of a replica that begins at `offset`; it refers to its blob.
    func insert(arrived part: BlobSegment, offset: Int64, bucket: Int64, stamp: VersionStamp, at time: Timestamp) throws
    /// Forgets the parts of a replica. Blobs that nothing else refers to become garbage.
    func deleteArrival(bucket: Int64, stamp: VersionStamp) throws
    /// Once per losing version; more than ``WriteConflict/limit`` per bucket push the oldest out.
    func insert(conflict: WriteConflict) throws
    /// The failure of one version and destination, when there is one.
    func deleteFailure(of entry: OutboxEntry) throws
    /// Forgets garbage whose files are gone.
    func delete(garbage: [BlobID]) throws
    /// Declares staged blobs as garbage, for example after a refused write.
    func insert(garbage: [BlobID]) throws
}

extension MetadataReader {
    /// In memory nothing is damaged.
    package func undamagedOutbox(destination: BucketName, after: Int64, limit: Int) throws -> [OutboxEntry] {
        try outbox(destination: destination, after: after, limit: limit)
    }

    package func storedVersion(bucket: Int64, key: ObjectKey, stamp: VersionStamp) throws -> StoredVersion? {
        try version(bucket: bucket, key: key, stamp: stamp).map(StoredVersion.whole)
    }

    package func scanStoredVersions(
        bucket: Int64, from start: (key: [UInt8], stamp: VersionStamp?), _ visit: (StoredVersion) throws -> ScanStep
    ) throws {
        try scanVersions(bucket: bucket, from: start) { try visit(.whole($0)) }
    }
}

extension MetadataTransaction {
    package func delete(version: ObjectVersion, bucket: Int64) throws {
        try delete(at: VersionPosition(key: version.key, stamp: version.stamp), bucket: bucket)
    }
}
