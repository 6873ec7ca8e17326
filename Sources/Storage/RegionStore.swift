package import Environment
package import NIOCore
package import S3Model

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

    /// Opens the region: reads the clock's high water and the buckets, removes garbage and orphaned blobs.
    package static func open(
        region: RegionName, metadata: any MetadataStore, blobs: any BlobStore, time: any TimeSource,
        random: any RandomSource, planner: any OutboxPlanner
    ) async throws -> RegionStore {
        preconditionFailure("unwritten")
    }

    init(
        region: RegionName, metadata: any MetadataStore, blobs: any BlobStore, clock: HybridClock, time: any TimeSource,
        random: any RandomSource, planner: any OutboxPlanner
    ) {
        self.region = region
        self.metadata = metadata
        self.blobs = blobs
        self.clock = clock
        self.time = time
        self.random = random
        self.planner = planner
    }

    package func close() async throws { preconditionFailure("unwritten") }
}

// MARK: Buckets (will live in RegionStore+Buckets.swift)

extension RegionStore {
    /// Throws `BucketAlreadyOwnedByYou` / `BucketAlreadyExists`.
    package func createBucket(_ name: BucketName, owner: Owner) async throws -> Bucket {
        preconditionFailure("unwritten")
    }
    /// From a snapshot in memory. Throws `NoSuchBucket` (with a `BucketName` field).
    package func bucket(_ name: BucketName) throws(S3Error) -> Bucket { preconditionFailure("unwritten") }
    /// In name order.
    package func listBuckets() -> [Bucket] { preconditionFailure("unwritten") }
    /// Throws `BucketNotEmpty` when a version or an upload is left.
    package func deleteBucket(_ name: BucketName) async throws { preconditionFailure("unwritten") }
    /// Throws `InvalidBucketState` when suspending with a replication configuration (spec/mrap.md §15.3).
    package func setVersioning(_ state: VersioningState, bucket: BucketName) async throws {
        preconditionFailure("unwritten")
    }
    /// `nil` removes the configuration; pending outbox rows of removed rules are dropped with it.
    package func setReplication(_ configuration: ReplicationConfiguration?, bucket: BucketName) async throws {
        preconditionFailure("unwritten")
    }
    package func setTags(_ tags: [Tag], bucket: BucketName) async throws { preconditionFailure("unwritten") }
}

// MARK: Objects

extension RegionStore {
    /// Receives a body: into memory up to ``inlineLimit``, then into a blob. The caller pulls from the socket and appends.
    package func stage(_ source: any ByteSource, digests: DigestPlan) async throws -> StagedContent {
        preconditionFailure("unwritten")
    }
    /// Gives staged bytes back when the request is refused after its body was received.
    package func discard(_ content: StagedContent) async { preconditionFailure("unwritten") }

    /// Commits staged content as the key's newest version.
    package func putObject(_ put: ObjectPut, content: StagedContent) async throws -> ObjectVersion {
        preconditionFailure("unwritten")
    }
    /// The current version, or the one named. Throws `NoSuchBucket`, `NoSuchKey`, `NoSuchVersion`; a current delete
    /// marker is `NoSuchKey` with headers `x-amz-delete-marker: true` and `x-amz-version-id`; a delete marker asked for by
    /// id is returned as it is (the caller answers MethodNotAllowed).
    package func object(_ key: ObjectKey, version: VersionID?, bucket: BucketName) throws -> ObjectVersion {
        preconditionFailure("unwritten")
    }
    /// The bytes of `range` (within the object's size), verified against their checksums.
    package func content(of version: ObjectVersion, range: Range<Int64>) throws -> any ByteSource {
        preconditionFailure("unwritten")
    }
    /// Small objects in one piece without a stream; `nil` when the bytes are in blobs.
    package func inlineContent(of version: ObjectVersion) throws -> ByteBuffer? { preconditionFailure("unwritten") }

    package func deleteObject(_ key: ObjectKey, version: VersionID?, bucket: BucketName, owner: Owner) async throws
        -> DeleteOutcome
    { preconditionFailure("unwritten") }
    /// Each with its own outcome, in one transaction.
    package func deleteObjects(
        _ targets: [(key: ObjectKey, version: VersionID?)], bucket: BucketName, owner: Owner
    ) async throws -> [Result<DeleteOutcome, S3Error>] { preconditionFailure("unwritten") }

    /// Replaces the tags of a version (an empty list removes them) and enqueues the change where rules ask for it.
    package func setTags(_ tags: [Tag], key: ObjectKey, version: VersionID?, bucket: BucketName) async throws
        -> ObjectVersion
    {
        preconditionFailure("unwritten")
    }

    package func listObjects(_ query: ListQuery, bucket: BucketName) throws -> ObjectListing {
        preconditionFailure("unwritten")
    }
    /// `versionMarker` needs `query.after` as its key.
    package func listVersions(_ query: ListQuery, versionMarker: VersionID?, bucket: BucketName) throws
        -> VersionListing
    {
        preconditionFailure("unwritten")
    }
}

// MARK: Multipart

extension RegionStore {
    package func createUpload(
        _ key: ObjectKey, bucket: BucketName, owner: Owner, metadata: ObjectMetadata, tags: [Tag],
        checksumAlgorithm: ChecksumAlgorithm?, checksumType: ChecksumType?
    ) async throws -> MultipartUpload { preconditionFailure("unwritten") }
    /// Throws `NoSuchUpload` unless the id belongs to this key of this bucket.
    package func upload(_ id: String, key: ObjectKey, bucket: BucketName) throws -> MultipartUpload {
        preconditionFailure("unwritten")
    }
    package func putPart(
        _ number: Int, upload id: String, key: ObjectKey, bucket: BucketName, content: StagedContent,
        checksum: ObjectChecksum?
    ) async throws -> UploadedPart { preconditionFailure("unwritten") }
    /// Throws `InvalidPart`, `InvalidPartOrder`, `EntityTooSmall`, `BadDigest`, `InvalidRequest` as S3 does. Repeating a
    /// completion that succeeded answers the same version.
    package func completeUpload(_ completion: MultipartCompletion) async throws -> ObjectVersion {
        preconditionFailure("unwritten")
    }
    package func abortUpload(_ id: String, key: ObjectKey, bucket: BucketName) async throws {
        preconditionFailure("unwritten")
    }
    package func parts(upload id: String, key: ObjectKey, bucket: BucketName, after: Int, limit: Int) throws
        -> (parts: [UploadedPart], next: Int?)
    { preconditionFailure("unwritten") }
    package func listUploads(_ query: ListQuery, uploadMarker: String?, bucket: BucketName) throws -> UploadListing {
        preconditionFailure("unwritten")
    }
}

// MARK: Replication

extension RegionStore {
    package func outbox(destination: BucketName, after: Int64, limit: Int) throws -> [OutboxEntry] {
        preconditionFailure("unwritten")
    }
    package func nextOutboxTime(destination: BucketName) throws -> Timestamp? { preconditionFailure("unwritten") }
    package func outboxDestinations() throws -> [BucketName] { preconditionFailure("unwritten") }
    package func outboxSummaries() throws -> [OutboxSummary] { preconditionFailure("unwritten") }
    /// The version an entry is about; `nil` when it has been deleted since.
    package func version(for entry: OutboxEntry) throws -> (version: ObjectVersion, bucket: Bucket)? {
        preconditionFailure("unwritten")
    }
    /// The destination has it: removes the entries and, where it was the version's last one, makes its status COMPLETED.
    package func complete(_ entries: [OutboxEntry]) async throws { preconditionFailure("unwritten") }
    /// Keeps the entry for another try at `notBefore`, with the reason.
    package func postpone(_ entry: OutboxEntry, until notBefore: Timestamp, reason: String) async throws {
        preconditionFailure("unwritten")
    }
    /// Removes the entry and makes the version's status FAILED: the cause cannot go away by itself.
    package func fail(_ entry: OutboxEntry, reason: String) async throws { preconditionFailure("unwritten") }

    /// Stores a version made elsewhere, verbatim but for its status (REPLICA) and where its bytes are. `body` is pulled
    /// only when the version is not there yet. Idempotent by stamp; the clock observes the stamp.
    /// Throws `NoSuchBucket`, or `InvalidRequest` when the bucket's versioning is not enabled, or
    /// `StorageError.corrupt` when the bytes do not match the record's size or ETag.
    package func applyReplica(_ version: ObjectVersion, bucket: BucketName, body: (any ByteSource)?) async throws
        -> ApplyOutcome
    { preconditionFailure("unwritten") }
}
