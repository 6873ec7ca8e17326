import NIOCore
package import S3Model

/// Why a bucket does not take a replica, beyond S3's own reasons.
package enum ReplicaRefusal: Error, Sendable, Hashable {
    /// A key has one null version, and the one here was made in another region than the replica: taking either for the
    /// other would lose what a client stored.
    case hasNullVersionOfItsOwn
}

extension RegionStore {
    /// Stores a version made elsewhere, verbatim but for its status (REPLICA) and where its bytes are. `body` is pulled
    /// only when the version is not there yet. Idempotent by stamp; the clock observes the stamp.
    ///
    /// Throws `NoSuchBucket`, ``ReplicaRefusal``, `InvalidRequest` when the bucket's versioning is not enabled,
    /// `NoSuchVersion` when the bytes are needed and there is no body, or `StorageError.corrupt` when the bytes do not match
    /// the record's size or ETag. A version that was removed here for good stays away, and the outcome is `erased`; with `creates` false any that
    /// is not here does, and the outcome is `unchanged`. A version whose record is damaged here counts as one that is not
    /// here, and is replaced.
    package func applyReplica(
        _ version: ObjectVersion, bucket: BucketName, body: (any ByteSource)?, creates: Bool = true
    ) async throws -> ApplyOutcome {
        clock.observe(version.stamp)
        clock.observe(version.attributesStamp)
        let known = try self.bucket(bucket)
        try requireVersioning(known)
        let (existing, isErased) = try metadata.read { reader in
            let stored = try reader.storedVersion(bucket: known.id, key: version.key, stamp: version.stamp)
            if stored == nil { _ = try Self.null(in: known, before: version, reader) }
            return (stored?.version, try stored == nil && reader.isErased(bucket: known.id, stamp: version.stamp))
        }
        if isErased { return .erased }
        if existing == nil, !creates { return .unchanged }
        let content: StagedContent
        if existing != nil || version.isDeleteMarker {
            content = StagedContent(size: 0, bytes: .memory(ByteBuffer()), digests: ContentDigests())
        } else {
            content = try await receive(version, body, in: known)
        }
        let inParts = version.object.map(arrivesInParts) ?? false
        let crc = Self.inlineChecksum(of: content)
        let outcome = try await writeAndNotify(taking: content) { transaction in
            let bucket = try self.bucket(bucket, in: transaction)
            try self.requireVersioning(bucket)
            let outcome = try self.apply(
                version, content, crc32c: crc, hasBytes: existing == nil, in: bucket, transaction)
            // The version has the blobs now, or does not need them.
            if inParts { try transaction.deleteArrival(bucket: bucket.id, stamp: version.stamp) }
            return (outcome, false)
        }
        // Another delivery of the same version may have come first, with its own bytes.
        if outcome != .applied { await discard(content) }
        return outcome
    }

    private func requireVersioning(_ bucket: Bucket) throws {
        guard bucket.versioning == .enabled else {
            throw S3Error(
                .invalidRequest, "Versioning must be 'Enabled' on the destination bucket \(bucket.name) of a replica.")
        }
    }

    /// Pulls and checks the bytes of a version that is not here yet.
    private func receive(_ version: ObjectVersion, _ body: (any ByteSource)?, in bucket: Bucket) async throws
        -> StagedContent
    {
        guard let object = version.object else {
            return StagedContent(size: 0, bytes: .memory(ByteBuffer()), digests: ContentDigests())
        }
        guard let source = body ?? (object.size == 0 ? BufferSource(ByteBuffer()) : nil) else {
            throw S3Error.noSuchVersion(version.key, version.versionID)
        }
        if arrivesInParts(object), let source = source as? any ResumableSource {
            return try await receiveInParts(version, object, from: source, in: bucket)
        }
        let check = ReplicaCheck(object)
        let content = try await stage(check.wrap(source), digests: check.plan)
        if let problem = check.problem(with: content) {
            await discard(content)
            throw StorageError.corrupt(detail: "replica of \(version.versionID): \(problem)")
        }
        return content
    }

    private func apply(
        _ version: ObjectVersion, _ content: StagedContent, crc32c: UInt32, hasBytes: Bool, in bucket: Bucket,
        _ transaction: any MetadataTransaction
    ) throws -> ApplyOutcome {
        let stored = try transaction.storedVersion(bucket: bucket.id, key: version.key, stamp: version.stamp)
        if let existing = stored?.version { return try update(existing, from: version, in: bucket, transaction) }
        if stored == nil, try transaction.isErased(bucket: bucket.id, stamp: version.stamp) { return .erased }
        guard hasBytes else {
            // Deleted between our look and this transaction; the sender brings the bytes on its next try.
            throw S3Error.noSuchVersion(version.key, version.versionID)
        }
        try requireParts(content, of: version, in: bucket, transaction)
        if let null = try Self.null(in: bucket, before: version, transaction) {
            if null > version.stamp { return .unchanged }
            if null < version.stamp { try removeNullVersion(version.key, in: bucket, transaction) }
        }
        var replica = version
        replica.replication = .replica
        replica.isCurrent = false
        if var object = version.object {
            object.data = try Self.store(content, crc32c: crc32c, transaction)
            replica.content = .object(object)
        }
        try noteConflict(replica, in: bucket, transaction)
        try transaction.insert(version: replica, bucket: bucket.id)
        // In place of a damaged record: the version may have been made here, and may have work.
        if stored != nil { try updateStatus(of: replica, bucket: bucket.id, mayHaveFailed: true, transaction) }
        return .applied
    }

    /// The stamp of the null version that a replica with the null id would take the place of, as its region once did
    /// itself. Throws ``ReplicaRefusal`` where that is a version of another region.
    private static func null(
        in bucket: Bucket, before replica: ObjectVersion, _ reader: any MetadataReader
    ) throws -> VersionStamp? {
        guard replica.isNull, let null = try reader.nullStamp(of: replica.key, bucket: bucket.id) else { return nil }
        guard null.region == replica.stamp.region else { throw ReplicaRefusal.hasNullVersionOfItsOwn }
        return null
    }

    /// Takes over later tags and metadata; everything else of a version never changes.
    private func update(
        _ existing: ObjectVersion, from incoming: ObjectVersion, in bucket: Bucket,
        _ transaction: any MetadataTransaction
    ) throws -> ApplyOutcome {
        guard incoming.attributesStamp > existing.attributesStamp, var object = existing.object,
            let changed = incoming.object
        else { return .unchanged }
        object.tags = changed.tags
        // A rule may have stored this replica under another class than the version it was made from.
        let storageClass = object.metadata.storageClass
        object.metadata = changed.metadata
        object.metadata.storageClass = storageClass
        var updated = existing
        updated.content = .object(object)
        updated.attributesStamp = incoming.attributesStamp
        try transaction.update(version: updated, bucket: bucket.id)
        return .updated
    }
}
