package import S3Model
package import Storage

/// What waits, per rule and destination: exact, because it is read from the outbox itself (DESIGN §5.1). Pure.
package struct ReplicationStatusReport: Sendable, Hashable {
    package struct Row: Sendable, Hashable {
        package var source: BucketName
        package var destination: BucketName
        package var ruleID: String
        package var pendingVersions: Int64
        package var pendingBytes: Int64
        /// How long the oldest entry has waited; 0 when nothing waits.
        package var oldestAgeMilliseconds: Int64
        /// Entries that have failed at least once.
        package var retrying: Int64
    }

    /// One per rule, in order of source bucket, then rule; rules with nothing waiting are there with zeros.
    package var rows: [Row]
    package var pendingVersions: Int64 { rows.reduce(0) { $0 + $1.pendingVersions } }
    package var pendingBytes: Int64 { rows.reduce(0) { $0 + $1.pendingBytes } }
    package var oldestAgeMilliseconds: Int64 { rows.reduce(0) { max($0, $1.oldestAgeMilliseconds) } }

    package init(summaries: [OutboxSummary], buckets: [Bucket], at now: Timestamp) {
        rows = []
        for bucket in buckets.sorted(by: { $0.name.rawValue.utf8.lexicographicallyPrecedes($1.name.rawValue.utf8) }) {
            var waiting = summaries.filter { $0.bucket == bucket.id }
            for rule in bucket.replication?.rules ?? [] {
                let index = waiting.firstIndex { $0.ruleID == rule.id && $0.destination == rule.destination.bucket }
                let summary = index.map { waiting.remove(at: $0) }
                rows.append(
                    Row(source: bucket, destination: rule.destination.bucket, ruleID: rule.id, summary, at: now))
            }
            // Of rules that are gone from the configuration; the store drops these with the rule, so this is rare.
            for rest in waiting {
                rows.append(Row(source: bucket, destination: rest.destination, ruleID: rest.ruleID, rest, at: now))
            }
        }
    }

    /// Reads the region's outbox and buckets as they are now.
    package init(region: RegionStore, at now: Timestamp) throws {
        self.init(summaries: try region.outboxSummaries(), buckets: region.listBuckets(), at: now)
    }
}

extension ReplicationStatusReport.Row {
    fileprivate init(
        source: Bucket, destination: BucketName, ruleID: String, _ summary: OutboxSummary?, at now: Timestamp
    ) {
        self.source = source.name
        self.destination = destination
        self.ruleID = ruleID
        pendingVersions = summary?.pendingVersions ?? 0
        pendingBytes = summary?.pendingBytes ?? 0
        oldestAgeMilliseconds = summary.map { max(0, now.milliseconds - $0.oldest.milliseconds) } ?? 0
        retrying = summary?.retrying ?? 0
    }
}
