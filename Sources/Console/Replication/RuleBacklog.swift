package import Replication
package import S3Model
package import Storage

/// What waits and what has failed for one rule of one bucket, exact because it is read from the store. What both status
/// screens and the console count.
package struct RuleBacklog: Sendable, Hashable {
    package var waiting: ReplicationStatusReport.Row
    /// `nil` for a rule that is gone while some of its work is left.
    package var isEnabled: Bool?
    /// Versions given up until they are retried.
    package var failedVersions: Int64 = 0
    package var failedBytes: Int64 = 0

    /// All rules of a region's buckets, and those that are gone but have left something. In order of buckets and rules.
    package static func read(_ store: RegionStore, at now: Timestamp) throws -> [RuleBacklog] {
        join(try store.outboxSummaries(), try store.failureSummaries(), store.listBuckets(), at: now)
    }

    static func join(
        _ waiting: [OutboxSummary], _ failures: [FailureSummary], _ buckets: [Bucket], at now: Timestamp
    ) -> [RuleBacklog] {
        // Where everything has failed nothing waits, and of a rule that is gone only that would tell.
        let failedOnly = failures.filter { failed in
            !waiting.contains {
                $0.bucket == failed.bucket && $0.destination == failed.destination && $0.ruleID == failed.ruleID
            }
        }
        let nothing = failedOnly.map {
            OutboxSummary(
                bucket: $0.bucket, destination: $0.destination, ruleID: $0.ruleID, pendingVersions: 0, pendingBytes: 0,
                oldest: now, retrying: 0)
        }
        return ReplicationStatusReport(summaries: waiting + nothing, buckets: buckets, at: now).rows.map { row in
            let bucket = buckets.first { $0.name == row.source }
            let failed = failures.first {
                $0.bucket == bucket?.id && $0.destination == row.destination && $0.ruleID == row.ruleID
            }
            return RuleBacklog(
                waiting: row, isEnabled: bucket?.replication?.rule(id: row.ruleID)?.isEnabled,
                failedVersions: failed?.versions ?? 0, failedBytes: failed?.bytes ?? 0)
        }
    }

    /// A rule's name with what has to be known when it is not at work.
    package static func text(_ rule: String, isEnabled: Bool?) -> String {
        rule + (isEnabled == false ? " (disabled)" : isEnabled == nil ? " (removed)" : "")
    }
}
