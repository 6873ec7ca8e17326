package import S3Model

extension RegionStore {
    /// Without a version id: makes a delete marker, or in an unversioned bucket removes the object. With one: removes
    /// exactly that version for good, which is never replicated (spec/mrap.md §15.4). Nothing there is a success, as in
    /// S3. A removed version that is delivered here again stays away (``wasErased(_:bucket:)``).
    ///
    /// With `ifMatch`, throws `NoSuchKey` when there is nothing and `PreconditionFailed` when it is something else, decided
    /// in the transaction that deletes.
    package func deleteObject(
        _ key: ObjectKey, version: VersionID?, ifMatch: ETag? = nil, bucket: BucketName, owner: Owner
    ) async throws -> DeleteOutcome {
        let target = ObjectDeletion(key, version: version, ifMatch: ifMatch)
        return try await writeAndNotify { transaction in
            let bucket = try self.bucket(bucket, in: transaction)
            return try self.delete(target, in: bucket, owner: owner, transaction)
        }
    }

    /// Each with its own outcome, in one transaction.
    package func deleteObjects(
        _ targets: [ObjectDeletion], bucket: BucketName, owner: Owner
    ) async throws -> [Result<DeleteOutcome, S3Error>] {
        try await writeAndNotify { transaction in
            let bucket = try self.bucket(bucket, in: transaction)
            var outcomes: [Result<DeleteOutcome, S3Error>] = []
            var enqueued = false
            for target in targets {
                do {
                    let outcome = try self.delete(target, in: bucket, owner: owner, transaction)
                    outcomes.append(.success(outcome.0))
                    enqueued = enqueued || outcome.enqueued
                } catch let error as S3Error {
                    outcomes.append(.failure(error))
                }
            }
            return (outcomes, enqueued)
        }
    }

    private func delete(
        _ target: ObjectDeletion, in bucket: Bucket, owner: Owner, _ transaction: any MetadataTransaction
    ) throws -> (DeleteOutcome, enqueued: Bool) {
        let key = target.key
        if let expected = target.ifMatch {
            let found = try find(key, version: target.version, in: bucket, transaction).object
            guard let found, expected.rawValue == "*" || found.etag == expected else {
                throw S3Error.preconditionFailed("If-Match")
            }
        }
        if let id = target.version {
            let found = try erase(id, of: key, in: bucket, transaction)
            return (DeleteOutcome(versionID: id, isDeleteMarker: found?.isDeleteMarker ?? false), false)
        }
        if bucket.versioning != .enabled { try removeNullVersion(key, in: bucket, transaction) }
        if bucket.versioning == .unversioned { return (DeleteOutcome(versionID: nil, isDeleteMarker: false), false) }
        let marker = ObjectVersion(
            key: key, stamp: clock.next(), isNull: bucket.versioning == .suspended, content: .deleteMarker,
            modified: now, owner: owner)
        let (stored, enqueued) = try insert(marker, in: bucket, transaction)
        return (DeleteOutcome(versionID: stored.versionID, isDeleteMarker: true), enqueued)
    }

    /// Replaces the tags of a version (an empty list removes them) and enqueues the change where rules ask for it. Throws
    /// as ``object(_:version:bucket:)`` does, and `MethodNotAllowed` for a delete marker.
    package func setTags(_ tags: [Tag], key: ObjectKey, version: VersionID?, bucket: BucketName) async throws
        -> ObjectVersion
    {
        try await writeAndNotify { transaction in
            let bucket = try self.bucket(bucket, in: transaction)
            var found = try self.find(key, version: version, in: bucket, transaction)
            guard var object = found.object else {
                throw S3Error(.methodNotAllowed).with(header: "x-amz-delete-marker", "true")
            }
            object.tags = tags
            found.content = .object(object)
            found.attributesStamp = self.clock.next()
            let entries = self.planner.plan(found, kind: .attributes, in: bucket, at: self.now)
            // A version that has failed somewhere stays FAILED until that is retried.
            if !entries.isEmpty, found.replication != .failed { found.replication = .pending }
            try transaction.update(version: found, bucket: bucket.id)
            for entry in entries { try transaction.insert(outbox: entry) }
            return (found, !entries.isEmpty)
        }
    }
}
