package import S3Model
import Synchronization

extension RegionStore {
    /// Entries for one destination with an id above `after`, in id order, due or not: who drains the outbox has to see an
    /// entry that waits, because later entries of its key must wait behind it.
    package func outbox(destination: BucketName, after: Int64, limit: Int) throws -> [OutboxEntry] {
        try metadata.read {
            try $0.outbox(
                destination: destination, after: after, dueAt: Timestamp(milliseconds: Int64.max), limit: limit)
        }
    }

    /// When the next entry for a destination is due, which may be in the past; `nil` when it has none.
    package func nextOutboxTime(destination: BucketName) throws -> Timestamp? {
        try metadata.read { try $0.nextOutboxTime(destination: destination) }
    }

    package func outboxDestinations() throws -> [BucketName] { try metadata.read { try $0.outboxDestinations() } }
    package func outboxSummaries() throws -> [OutboxSummary] { try metadata.read { try $0.outboxSummaries() } }

    /// The version an entry is about; `nil` when it has been deleted since.
    package func version(for entry: OutboxEntry) throws -> (version: ObjectVersion, bucket: Bucket)? {
        guard let bucket = snapshot.withLock({ $0.byID[entry.bucket] }),
            let version = try metadata.read({
                try $0.version(bucket: entry.bucket, key: entry.key, stamp: entry.stamp)
            })
        else { return nil }
        return (version, bucket)
    }

    /// The destination has it: removes the entries and, where it was the version's last one, makes its status COMPLETED.
    /// A version with a failed destination stays FAILED (spec/mrap.md §15.8).
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
            later.lastError = reason
            try transaction.update(outbox: later)
        }
    }

    /// Removes the entry and makes the version's status FAILED: the cause cannot go away by itself.
    package func fail(_ entry: OutboxEntry, reason: String) async throws {
        try await metadata.write { try self.settle(entry, as: .failed, $0) }
    }

    private func settle(
        _ entry: OutboxEntry, as outcome: ReplicationStatus, _ transaction: any MetadataTransaction
    ) throws {
        try transaction.delete(outbox: entry.id)
        guard var version = try transaction.version(bucket: entry.bucket, key: entry.key, stamp: entry.stamp) else {
            return
        }
        let status: ReplicationStatus
        if outcome == .failed {
            status = .failed
        } else if version.replication == .pending,
            try transaction.outboxCount(bucket: entry.bucket, key: entry.key, stamp: entry.stamp) == 0
        {
            // A replica whose changed tags travelled back is a replica again.
            status = entry.stamp.region == region.stampID ? .completed : .replica
        } else {
            return
        }
        guard version.replication != status else { return }
        version.replication = status
        try transaction.update(version: version, bucket: entry.bucket)
    }

    /// Drops the rows of rules that the bucket's configuration no longer has, in bounded transactions.
    func dropOutbox(of bucket: Bucket) async throws {
        let kept = Set((bucket.replication?.rules ?? []).map { RuleTarget(rule: $0.id, bucket: $0.destination.bucket) })
        let endOfTime = Timestamp(milliseconds: Int64.max)
        for destination in try outboxDestinations() {
            var after: Int64 = 0
            while true {
                let position = after
                let page = try metadata.read {
                    try $0.outbox(destination: destination, after: position, dueAt: endOfTime, limit: 500)
                }
                guard let last = page.last else { break }
                let dropped = page.filter {
                    $0.bucket == bucket.id && !kept.contains(RuleTarget(rule: $0.ruleID, bucket: $0.destination))
                }
                if !dropped.isEmpty {
                    try await metadata.write { transaction in
                        for entry in dropped { try self.settle(entry, as: .failed, transaction) }
                    }
                }
                after = last.id
            }
        }
    }
}

/// What identifies a rule to the outbox.
private struct RuleTarget: Hashable {
    var rule: String
    var bucket: BucketName
}
