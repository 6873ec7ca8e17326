package import S3Model
import Synchronization

/// The buckets of a region, as one consistent copy in memory.
struct BucketSnapshot: Sendable {
    var byName: [BucketName: Bucket] = [:]
    var byID: [Int64: Bucket] = [:]
}

extension RegionStore {
    /// Creates a bucket with its tags, in one transaction. Throws `BucketAlreadyOwnedByYou` / `BucketAlreadyExists`. An
    /// `S3Error` means that it created nothing.
    @discardableResult
    package func createBucket(_ name: BucketName, owner: Owner, tags: [Tag] = []) async throws -> Bucket {
        try await create(Bucket(name: name, owner: owner, created: now), tags) { _ in
            throw S3Error(.bucketAlreadyOwnedByYou, fields: [S3Error.Field("BucketName", name.rawValue)])
        }
    }

    /// The same for whoever holds the claim on the name (`BucketDirectory`): a bucket that the owner has here already
    /// was made by a creation that broke off before the claim was confirmed, and is completed, with `tags` where there
    /// are any.
    /// Throws `BucketAlreadyExists`. An `S3Error` means that it changed nothing.
    @discardableResult
    package func createClaimedBucket(_ name: BucketName, owner: Owner, tags: [Tag]) async throws -> Bucket {
        try await create(Bucket(name: name, owner: owner, created: now), tags) { existing in
            guard !tags.isEmpty, existing.tags != tags else { return false }
            existing.tags = tags
            existing.revision += 1
            return true
        }
    }

    /// - Parameter takeUp: what becomes of a bucket that the owner has already; whether it was changed.
    private func create(
        _ bucket: Bucket, _ tags: [Tag], takeUp: @escaping @Sendable (inout Bucket) throws -> Bool
    ) async throws -> Bucket {
        let created = try await metadata.write { transaction in
            if var existing = try transaction.bucket(named: bucket.name) {
                guard existing.owner.account == bucket.owner.account else {
                    throw S3Error(
                        .bucketAlreadyExists, fields: [S3Error.Field("BucketName", bucket.name.rawValue)])
                }
                if try takeUp(&existing) { try transaction.update(bucket: existing) }
                return existing
            }
            var new = bucket
            new.tags = tags
            return try transaction.insert(bucket: new)
        }
        try refreshBuckets()
        return created
    }

    /// From a snapshot in memory. Throws `NoSuchBucket` (with a `BucketName` field).
    package func bucket(_ name: BucketName) throws(S3Error) -> Bucket {
        guard let bucket = snapshot.withLock({ $0.byName[name] }) else { throw .noSuchBucket(name) }
        return bucket
    }

    package func hasBucket(_ name: BucketName) -> Bool { snapshot.withLock { $0.byName[name] != nil } }

    /// In name order.
    package func listBuckets() -> [Bucket] {
        snapshot.withLock { Array($0.byName.values) }
            .sorted { $0.name.rawValue.utf8.lexicographicallyPrecedes($1.name.rawValue.utf8) }
    }

    /// Throws `BucketNotEmpty` when a version or an upload is left.
    package func deleteBucket(_ name: BucketName) async throws {
        try await metadata.write { transaction in
            let bucket = try self.bucket(name, in: transaction)
            guard try transaction.isEmpty(bucket: bucket.id) else {
                throw S3Error(.bucketNotEmpty, fields: [S3Error.Field("BucketName", name.rawValue)])
            }
            try transaction.delete(bucket: bucket.id)
        }
        try refreshBuckets()
    }

    /// Throws `InvalidBucketState` when suspending with a replication configuration (spec/mrap.md §15.3).
    package func setVersioning(_ state: VersioningState, bucket: BucketName) async throws {
        try await change(bucket) { bucket in
            if state == .unversioned, bucket.versioning != .unversioned {
                throw S3Error(
                    .illegalVersioningConfigurationException,
                    "Versioning that was enabled once can be suspended but not removed.")
            }
            if state == .suspended, bucket.replication != nil {
                throw S3Error(
                    .invalidBucketState,
                    "A replication configuration is present on this bucket, so you cannot change the versioning state. "
                        + "To change the versioning state, first delete the replication configuration.")
            }
            bucket.versioning = state
        }
    }

    /// `nil` removes the configuration; pending outbox rows of removed rules are dropped with it, and their versions
    /// become FAILED (spec/mrap.md §15.8). Rows of disabled rules stay: disabling pauses.
    package func setReplication(_ configuration: ReplicationConfiguration?, bucket: BucketName) async throws {
        let changed = try await change(bucket) { bucket in
            if configuration != nil, bucket.versioning != .enabled {
                throw S3Error(
                    .invalidRequest,
                    "Versioning must be 'Enabled' on the bucket to apply a replication configuration")
            }
            bucket.replication = configuration
        }
        try await dropOutbox(of: changed)
    }

    package func setTags(_ tags: [Tag], bucket: BucketName) async throws {
        try await change(bucket) { $0.tags = tags }
    }

    @discardableResult
    private func change(_ name: BucketName, _ body: @escaping @Sendable (inout Bucket) throws -> Void) async throws
        -> Bucket
    {
        let changed = try await metadata.write { transaction in
            var bucket = try self.bucket(name, in: transaction)
            try body(&bucket)
            bucket.revision += 1
            try transaction.update(bucket: bucket)
            return bucket
        }
        try refreshBuckets()
        return changed
    }

    /// Reads the buckets again, one caller at a time, so that the last of several concurrent changes is what stays.
    ///
    /// The order of locks is: `refreshing`, a reading connection of the metadata store, `snapshot`. Reads ask for
    /// buckets while they hold a connection (``withSnapshot(_:)``), and connections are few: with `snapshot` held while
    /// waiting for one, enough reads at once would wait for it, and it for them, for ever. No read may refresh.
    func refreshBuckets() throws {
        try refreshing.withLock { _ in
            let buckets = try metadata.read { try $0.buckets() }
            let fresh = BucketSnapshot(
                byName: Dictionary(buckets.map { ($0.name, $0) }, uniquingKeysWith: { _, last in last }),
                byID: Dictionary(buckets.map { ($0.id, $0) }, uniquingKeysWith: { _, last in last }))
            snapshot.withLock { $0 = fresh }
        }
    }
}
