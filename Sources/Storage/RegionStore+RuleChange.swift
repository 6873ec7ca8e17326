import Environment
import S3Model

// The rules as they were when a version was stored have put its work into the outbox. When rules change, the work that
// still waits follows the new ones. The change is committed first; its work follows in bounded transactions, and what the
// end of a process leaves of that is done when the store opens.

extension RegionStore {
    /// How many entries follow a change of rules in one transaction.
    private static let rulesBatch = 200

    /// Gives the rows of rules that the bucket's configuration no longer has to the rule that serves their destination
    /// now, and fails those that no rule wants any more. Reads no other rows.
    func dropOutbox(of bucket: Bucket) async throws {
        var isMoved = false
        for rule in try metadata.read({ try $0.outboxRules(bucket: bucket.id) }) where !bucket.has(rule) {
            var query = OutboxAgeQuery(
                bucket: bucket.id, destination: rule.destination, ruleID: rule.id,
                until: Timestamp(milliseconds: Int64.max), limit: Self.rulesBatch)
            while true {
                let page = try metadata.read { try $0.outbox(byAge: query) }
                guard let last = page.last else { break }
                isMoved = true
                try await metadata.write { transaction in
                    for entry in page { try self.replan(entry, transaction) }
                }
                query.after = (last.enqueued, last.id)
            }
        }
        if isMoved { outboxSignal.notify() }
    }

    private func replan(_ entry: OutboxEntry, _ transaction: any MetadataTransaction) throws {
        // Since it was read it may have been delivered, or its rule may have come back.
        guard try transaction.isInOutbox(entry.id), let bucket = try currentBucket(of: entry, transaction),
            !bucket.has(OutboxRule(id: entry.ruleID, destination: entry.destination))
        else { return }
        var failed = entry
        do {
            if let planned = try plannedNow(entry, transaction) {
                try transaction.delete(outbox: entry.id)
                return try transaction.insert(outbox: planned)
            }
            failed.lastError = Self.missingRule
        } catch StorageError.corrupt(let detail) {
            failed.lastError = Self.bounded(detail)
        }
        try settle(failed, as: .failed, transaction)
    }

    /// The same work under the rules as they are now; `nil` when none of them brings this version to this destination, or
    /// the version is gone.
    func plannedNow(_ entry: OutboxEntry, _ transaction: any MetadataTransaction) throws -> OutboxEntry? {
        guard let bucket = try currentBucket(of: entry, transaction),
            let version = try transaction.version(bucket: entry.bucket, key: entry.key, stamp: entry.stamp)
        else { return nil }
        let isWhole = entry.kind != .attributes
        // Failures of older formats do not say whose work they were. Whole replicas are sent by jobs only.
        let isForJob =
            entry.isForJob || entry.lastError == Self.erasedThere || isWhole && version.stamp.region != region.stampID
        let planned =
            isForJob && isWhole
            ? planner.planForJob(version, in: bucket, at: entry.enqueued)
            : planner.plan(version, kind: entry.kind, in: bucket, at: entry.enqueued)
        var found = planned.first { $0.destination == entry.destination }
        found?.isForJob = isForJob
        return found
    }

    /// As the transaction sees it.
    private func currentBucket(of entry: OutboxEntry, _ reader: any MetadataReader) throws -> Bucket? {
        try bucket(id: entry.bucket).flatMap { try reader.bucket(named: $0.name) }
    }

    /// Why a job's work fails where the version was removed for good (spec/mrap.md §15.13).
    package static let erasedThere = "DstObjectHardDeleted"
    static let missingRule = "SrcBucketReplicationConfigMissing"
}

extension Bucket {
    fileprivate func has(_ rule: OutboxRule) -> Bool {
        replication?.rules.contains { OutboxRule(id: $0.id, destination: $0.destination.bucket) == rule } ?? false
    }
}
