import Environment
package import S3Model
import Synchronization

extension RegionStore {
    /// Entries for one destination with an id above `after`, in id order, due or not: who drains the outbox has to see an
    /// entry that waits, because later entries of its key must wait behind it.
    package func outbox(destination: BucketName, after: Int64, limit: Int) throws -> [OutboxEntry] {
        try metadata.read {
            try $0.outbox(destination: destination, after: after, limit: limit)
        }
    }

    /// The same without damaged entries, for when ``outbox(destination:after:limit:)`` has told of one: it must not hold up
    /// the others. Its version is found missing by a comparison of the buckets, and can be sent again from there.
    package func undamagedOutbox(destination: BucketName, after: Int64, limit: Int) throws -> [OutboxEntry] {
        try metadata.read { try $0.undamagedOutbox(destination: destination, after: after, limit: limit) }
    }

    package func outboxDestinations() throws -> [BucketName] { try metadata.read { try $0.outboxDestinations() } }
    package func outboxSummaries() throws -> [OutboxSummary] { try metadata.read { try $0.outboxSummaries() } }

    /// What an entry comes to now.
    package enum Work: Sendable {
        case version(ObjectVersion, in: Bucket)
        /// The version has been deleted since.
        case gone
        /// The entry is no longer in the outbox: a change of rules has put another in its place, or has failed it.
        case superseded
    }

    package func work(of entry: OutboxEntry) throws -> Work {
        guard let bucket = snapshot.withLock({ $0.byID[entry.bucket] }) else { return .gone }
        return try metadata.read { reader in
            guard try reader.isInOutbox(entry.id) else { return .superseded }
            let version = try reader.version(bucket: entry.bucket, key: entry.key, stamp: entry.stamp)
            return version.map { .version($0, in: bucket) } ?? .gone
        }
    }

    /// The destination has it: removes the entries and, where it was the version's last one, makes its status COMPLETED.
    /// A version with another failed destination stays FAILED (spec/mrap.md §15.8).
    package func complete(_ entries: [OutboxEntry]) async throws {
        guard !entries.isEmpty else { return }
        try await metadata.write { transaction in
            for entry in entries { try self.settle(entry, as: .completed, transaction) }
        }
    }

    /// Keeps the entry for another try at `notBefore`, with the reason. Counts the attempt.
    package func postpone(_ entry: OutboxEntry, until notBefore: Timestamp, reason: String) async throws {
        try await metadata.write { transaction in
            var later = entry
            later.attempts += 1
            later.notBefore = notBefore
            later.lastError = Self.bounded(reason)
            try transaction.update(outbox: later)
        }
    }

    /// Removes the entry, keeps it as a failure with its reason and makes the version's status FAILED. Does nothing when
    /// the entry is no longer in the outbox.
    package func fail(_ entry: OutboxEntry, reason: String) async throws {
        try await metadata.write { transaction in
            guard try transaction.isInOutbox(entry.id) else { return }
            var failed = entry
            failed.attempts += 1
            failed.lastError = Self.bounded(reason)
            try self.settle(failed, as: .failed, transaction)
        }
    }

    /// Reasons are kept up to this length.
    static let reasonLimit = 512

    static func bounded(_ reason: String) -> String {
        reason.utf8.count <= reasonLimit ? reason : String(reason.unicodeScalars.prefix(reasonLimit / 4))
    }

    /// A version is FAILED exactly while it has failures; that spares asking for them at every completion.
    func settle(
        _ entry: OutboxEntry, as outcome: ReplicationStatus, _ transaction: any MetadataTransaction
    ) throws {
        try transaction.delete(outbox: entry.id)
        guard let version = try settledVersion(of: entry, as: outcome, transaction) else { return }
        if outcome == .failed {
            try transaction.insert(failure: ReplicationFailure(entry: entry, failed: now))
        } else if version.replication == .failed, entry.kind != .attributes {
            // The destination has the whole version now, whatever has failed before.
            try transaction.deleteFailure(of: entry)
        }
        let mayHaveFailed = outcome == .failed || version.replication == .failed
        try updateStatus(of: version, bucket: entry.bucket, mayHaveFailed: mayHaveFailed, transaction)
    }

    /// `nil` when there is no status to keep. The work on a version whose record is damaged can fail, as all other work.
    private func settledVersion(
        of entry: OutboxEntry, as outcome: ReplicationStatus, _ transaction: any MetadataTransaction
    ) throws -> ObjectVersion? {
        do {
            return try transaction.version(bucket: entry.bucket, key: entry.key, stamp: entry.stamp)
        } catch StorageError.corrupt where outcome == .failed {
            try transaction.insert(failure: ReplicationFailure(entry: entry, failed: now))
            return nil
        }
    }

    func updateStatus(
        of version: ObjectVersion, bucket: Int64, mayHaveFailed: Bool, _ transaction: any MetadataTransaction
    ) throws {
        let status: ReplicationStatus
        if mayHaveFailed,
            try transaction.failureCount(bucket: bucket, key: version.key, stamp: version.stamp) > 0
        {
            status = .failed
        } else if try transaction.outboxCount(bucket: bucket, key: version.key, stamp: version.stamp) > 0 {
            status = .pending
        } else {
            // A replica whose changed tags travelled back is a replica again.
            status = version.stamp.region == region.stampID ? .completed : .replica
        }
        guard version.replication != status else { return }
        var updated = version
        updated.replication = status
        try transaction.update(version: updated, bucket: bucket)
    }
}

// MARK: What has failed

extension RegionStore {
    /// Failures of a bucket with an id above `after`, in id order. Throws `NoSuchBucket`.
    package func failures(of bucket: BucketName, after: Int64 = 0, limit: Int) throws -> [ReplicationFailure] {
        let known = try self.bucket(bucket)
        return try metadata.read { try $0.failures(bucket: known.id, after: after, limit: limit) }
    }

    package func failureSummaries() throws -> [FailureSummary] { try metadata.read { try $0.failureSummaries() } }

    /// What became of a retry.
    package struct RetryOutcome: Sendable, Hashable {
        /// Waiting to be sent again.
        package var retried = 0
        /// Still failed: no rule brings these versions to their destination any more.
        package var withoutRule = 0
        /// Still failed: their records are damaged.
        package var damaged = 0
    }

    /// Puts the failed work of a bucket back into the outbox, under the rules as they are now, in bounded transactions.
    /// Throws `NoSuchBucket`.
    package func retryFailures(of bucket: BucketName) async throws -> RetryOutcome {
        var outcome = RetryOutcome()
        var after: Int64 = 0
        while true {
            let page = try failures(of: bucket, after: after, limit: 200)
            guard let last = page.last else { return outcome }
            let before = outcome
            outcome = try await writeAndNotify { transaction in
                var sum = before
                for failure in page { try self.retry(failure, counting: &sum, transaction) }
                return (sum, enqueued: sum.retried > before.retried)
            }
            after = last.id
        }
    }

    private func retry(
        _ failure: ReplicationFailure, counting sum: inout RetryOutcome, _ transaction: any MetadataTransaction
    ) throws {
        let entry = failure.entry
        // Since the page was read, another retry may have taken it, or its version may have been removed.
        let work = try transaction.replicationWork(bucket: entry.bucket, key: entry.key, stamp: entry.stamp)
        guard work.contains(where: { $0.id == 0 && $0.destination == entry.destination }) else { return }
        guard try transaction.storedVersion(bucket: entry.bucket, key: entry.key, stamp: entry.stamp) != nil else {
            return try transaction.deleteFailure(of: entry)
        }
        let planned: OutboxEntry?
        do {
            planned = try plannedNow(entry, transaction)
        } catch StorageError.corrupt {
            sum.damaged += 1
            return
        }
        if let planned {
            try requeue(entry, as: planned, transaction)
            sum.retried += 1
        } else {
            sum.withoutRule += 1
            guard entry.lastError != Self.missingRule else { return }
            var still = failure
            still.entry.lastError = Self.missingRule
            try transaction.insert(failure: still)
        }
    }

    private func requeue(
        _ entry: OutboxEntry, as planned: OutboxEntry, _ transaction: any MetadataTransaction
    ) throws {
        var planned = planned
        planned.enqueued = now
        try transaction.deleteFailure(of: entry)
        try transaction.insert(outbox: planned)
        if let version = try transaction.version(bucket: entry.bucket, key: entry.key, stamp: entry.stamp) {
            try updateStatus(of: version, bucket: entry.bucket, mayHaveFailed: true, transaction)
        }
    }

    /// Entries of one rule, oldest first (for Replication Time Control).
    package func outbox(byAge query: OutboxAgeQuery) throws -> [OutboxEntry] {
        try metadata.read { try $0.outbox(byAge: query) }
    }

    /// From memory; `nil` when there is none of that id.
    package func bucket(id: Int64) -> Bucket? { snapshot.withLock { $0.byID[id] } }
}
