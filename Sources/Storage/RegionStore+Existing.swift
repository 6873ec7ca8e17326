package import S3Model

/// One version of a bucket, by what orders it there.
package struct VersionReference: Sendable, Hashable {
    package var key: ObjectKey
    package var stamp: VersionStamp

    package init(key: ObjectKey, stamp: VersionStamp) {
        self.key = key
        self.stamp = stamp
    }
}

/// Where the replication of a version that was there before its rule is.
package enum ExistingOutcome: Sendable, Hashable {
    /// In the outbox.
    case waiting
    /// All its destinations have it.
    case done
    case failed(reason: String)
    /// The version was deleted here.
    case gone
    /// No rule brings it anywhere.
    case notEligible
}

extension RegionStore {
    /// Up to `limit` versions behind `after` in the bucket's order (by key, newest first within a key), from one snapshot,
    /// delete markers included. Fewer than `limit` means that there are no more. Throws `NoSuchBucket`.
    package func existingVersions(of bucket: BucketName, after: VersionReference?, limit: Int) throws -> [ObjectVersion]
    {
        let known = try self.bucket(bucket)
        let start = (key: after.map { Array($0.key.rawValue.utf8) } ?? [], stamp: after?.stamp)
        return try metadata.read { reader in
            var found: [ObjectVersion] = []
            try reader.scanVersions(bucket: known.id, from: start) { version in
                if let after, version.key == after.key, version.stamp >= after.stamp { return .next }
                found.append(version)
                return found.count < limit ? .next : .stop
            }
            return found
        }
    }

    /// Puts versions into the outbox in one transaction, for the destinations that `plan` says and where they do not wait
    /// already; what has failed before is tried again. Call with few hundred at a time. In the order of the versions:
    /// `waiting`, `gone` or `notEligible`. Throws `NoSuchBucket`.
    package func enqueueExisting(
        _ versions: [VersionReference], bucket name: BucketName,
        plan: @escaping @Sendable (ObjectVersion, Bucket) -> [OutboxEntry]
    ) async throws -> [ExistingOutcome] {
        try await writeAndNotify { transaction in
            let bucket = try self.bucket(name, in: transaction)
            var outcomes: [ExistingOutcome] = []
            var isEnqueued = false
            for reference in versions {
                guard
                    let version = try transaction.version(
                        bucket: bucket.id, key: reference.key, stamp: reference.stamp)
                else {
                    outcomes.append(.gone)
                    continue
                }
                let planned = plan(version, bucket)
                outcomes.append(planned.isEmpty ? .notEligible : .waiting)
                if try self.enqueue(planned, of: version, in: bucket, transaction) { isEnqueued = true }
            }
            return (outcomes, isEnqueued)
        }
    }

    private func enqueue(
        _ planned: [OutboxEntry], of version: ObjectVersion, in bucket: Bucket, _ transaction: any MetadataTransaction
    ) throws -> Bool {
        guard !planned.isEmpty else { return false }
        let waiting = try work(on: version.reference, bucket: bucket.id, transaction).filter {
            $0.id != 0 && $0.kind != .attributes
        }
        let missing = planned.filter { entry in !waiting.contains { $0.destination == entry.destination } }
        for entry in missing {
            try transaction.deleteFailure(of: entry)
            try transaction.insert(outbox: entry)
        }
        guard !missing.isEmpty else { return false }
        try updateStatus(of: version, bucket: bucket.id, mayHaveFailed: true, transaction)
        return true
    }

    /// What became of versions that were enqueued, from one snapshot: `waiting`, `done`, `failed` or `gone`. With
    /// `destinations`, only work for these counts. Throws `NoSuchBucket`.
    package func existingOutcomes(
        of versions: [VersionReference], bucket: BucketName, destinations: Set<BucketName>? = nil
    ) throws -> [ExistingOutcome] {
        let known = try self.bucket(bucket)
        return try metadata.read { reader in
            try versions.map { reference in
                guard let version = try reader.version(bucket: known.id, key: reference.key, stamp: reference.stamp)
                else { return .gone }
                // COMPLETED and REPLICA have neither work nor failures: most versions cost one look.
                if version.replication == .completed || version.replication == .replica { return .done }
                let work = try work(on: reference, bucket: known.id, reader).filter {
                    destinations?.contains($0.destination) ?? true
                }
                if work.contains(where: { $0.id != 0 && $0.kind != .attributes }) { return .waiting }
                return work.first { $0.id == 0 }.map { .failed(reason: $0.lastError ?? "unknown") } ?? .done
            }
        }
    }

    /// The waiting and the failed work of one version.
    private func work(
        on reference: VersionReference, bucket: Int64, _ reader: any MetadataReader
    ) throws -> [OutboxEntry] {
        try reader.replicationWork(bucket: bucket, key: reference.key, stamp: reference.stamp)
    }
}

extension ObjectVersion {
    package var reference: VersionReference { VersionReference(key: key, stamp: stamp) }
}
