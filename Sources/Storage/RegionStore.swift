package import Environment
import NIOCore
package import S3Model
import Synchronization

/// The objects of one region: S3's semantics (versions, null versions, delete markers, conditions, multipart) over a
/// ``MetadataStore`` and a ``BlobStore``.
///
/// Semantic refusals are thrown as `S3Error`, trouble below as `StorageError`. One file per concern extends this class.
package final class RegionStore: Sendable {
    /// Bodies up to this size live in the metadata store.
    package static let inlineLimit = 32 * 1024

    package let region: RegionName
    /// Told after every commit that wrote outbox rows.
    package let outboxSignal = AsyncSignal()
    let metadata: any MetadataStore
    let blobs: any BlobStore
    let clock: HybridClock
    let time: any TimeSource
    let random: any RandomSource
    let planner: any OutboxPlanner
    /// ``arrivalPartSize``; less in tests.
    let partSize: Int64
    /// What ``bucket(_:)`` answers from. Who holds it takes no other lock and reads nothing.
    let snapshot = Mutex(BucketSnapshot())
    /// Orders the refreshes of ``snapshot``, see ``refreshBuckets()``.
    let refreshing = Mutex(())
    /// Blobs that readers have open, so that their files stay until the last byte is read.
    let leases = BlobLeases()
    /// Blobs that could not be given back when their request failed.
    let doubtful = Mutex(DoubtfulBlobs())

    /// Opens the region: reads the clock's high water and the buckets, finishes changes of rules, removes garbage and
    /// orphaned blobs.
    package static func open(
        region: RegionName, metadata: any MetadataStore, blobs: any BlobStore, time: any TimeSource,
        random: any RandomSource, planner: any OutboxPlanner, partSize: Int64 = RegionStore.arrivalPartSize
    ) async throws -> RegionStore {
        let highWater = try metadata.read { try $0.clockHighWater() }
        let store = RegionStore(
            region: region, metadata: metadata, blobs: blobs,
            clock: HybridClock(region: region, time: time, highWater: highWater), time: time, random: random,
            planner: planner, partSize: partSize)
        try store.refreshBuckets()
        do {
            for bucket in store.listBuckets() { try await store.dropOutbox(of: bucket) }
        } catch StorageError.diskFull {
            // Reading goes on without. By a rule that leads elsewhere now nothing is sent meanwhile.
        }
        try await store.removeOrphans()
        return store
    }

    init(
        region: RegionName, metadata: any MetadataStore, blobs: any BlobStore, clock: HybridClock, time: any TimeSource,
        random: any RandomSource, planner: any OutboxPlanner, partSize: Int64
    ) {
        self.region = region
        self.metadata = metadata
        self.blobs = blobs
        self.clock = clock
        self.time = time
        self.random = random
        self.planner = planner
        self.partSize = partSize
    }

    /// Ends the store; no other call may be running. Blobs that are still in doubt leave the blob store unconfirmed, so
    /// that the next start looks at them.
    package func close() async throws {
        try await collectDoubtful()
        if doubtful.withLock({ $0.isEmpty }) { try await blobs.close() }
        try await metadata.close()
    }

    package var now: Timestamp { Timestamp(milliseconds: time.wallMilliseconds()) }
}

// MARK: What every transaction needs

extension RegionStore {
    /// Runs a transaction that enqueues replication work when `body` says so with its second result.
    func writeAndNotify<Result: Sendable>(
        _ body: @escaping @Sendable (any MetadataTransaction) throws -> (Result, enqueued: Bool)
    ) async throws -> Result {
        let (result, enqueued) = try await metadata.write(body)
        if enqueued { outboxSignal.notify() }
        return result
    }

    /// The same for a transaction that takes over staged bytes: when it does not, they are given back.
    func writeAndNotify<Result: Sendable>(
        taking content: StagedContent,
        _ body: @escaping @Sendable (any MetadataTransaction) throws -> (Result, enqueued: Bool)
    ) async throws -> Result {
        do {
            return try await writeAndNotify(body)
        } catch {
            await discard(content)
            throw error
        }
    }

    /// The bucket as this transaction sees it, not as the snapshot in memory has it.
    func bucket(_ name: BucketName, in reader: any MetadataReader) throws -> Bucket {
        guard let bucket = try reader.bucket(named: name) else { throw S3Error.noSuchBucket(name) }
        return bucket
    }

    /// Stores a version made here together with the replication work it causes (DESIGN §5.1). Returns the version as it
    /// was stored and whether there is work.
    func insert(_ version: ObjectVersion, in bucket: Bucket, _ transaction: any MetadataTransaction) throws
        -> (ObjectVersion, enqueued: Bool)
    {
        var version = version
        let kind: OutboxEntry.Kind = version.isDeleteMarker ? .deleteMarker : .object
        let entries = planner.plan(version, kind: kind, in: bucket, at: now)
        version.replication = entries.isEmpty ? .none : .pending
        try transaction.insert(version: version, bucket: bucket.id)
        for entry in entries { try transaction.insert(outbox: entry) }
        version.isCurrent = true
        return (version, !entries.isEmpty)
    }

    /// Makes room for a new null version: a key has at most one.
    func removeNullVersion(_ key: ObjectKey, in bucket: Bucket, _ transaction: any MetadataTransaction) throws {
        _ = try erase(.null, of: key, in: bucket, transaction)
    }

    /// Throws when a condition does not hold. Evaluated inside the transaction that stores the object, so two writers
    /// never both win, and S3's 409 ConditionalRequestConflict for a race it cannot decide never arises.
    func check(
        _ conditions: WriteConditions, key: ObjectKey, in bucket: Bucket, _ reader: any MetadataReader
    ) throws {
        guard conditions != .none else { return }
        let current = try reader.newestVersion(bucket: bucket.id, key: key)?.object
        if conditions.ifNoneMatchAny, current != nil { throw S3Error.preconditionFailed("If-None-Match") }
        if let expected = conditions.ifMatch {
            guard let current else { throw S3Error.noSuchKey(key) }
            guard expected.rawValue == "*" || current.etag == expected else {
                throw S3Error.preconditionFailed("If-Match")
            }
        }
    }
}
