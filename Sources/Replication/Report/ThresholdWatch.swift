import Environment
import S3Model
import Storage

/// Notices versions that still wait when the threshold of their rule's Replication Time Control passes (spec/mrap.md
/// §15.10, §15.12). It reads the outbox, so nothing escapes it; what it has told is in memory, so a new process tells of
/// what is late then once more.
struct ThresholdWatch {
    private struct Position {
        var enqueued: Timestamp
        var id: Int64
    }

    /// Versions told of in one look at one rule; the rest come with the next look.
    static let batch = 500
    /// How often (milliseconds) it looks: late by at most this, against a threshold of 15 minutes.
    static let interval: Int64 = 10_000

    private var positions: [ReplicationCounters.Rule: Position] = [:]

    /// The entries that have become late since the last look, by rule.
    mutating func look(
        at store: RegionStore, now: Timestamp
    ) throws -> [(rule: ReplicationCounters.Rule, entries: [OutboxEntry])] {
        var found: [(rule: ReplicationCounters.Rule, entries: [OutboxEntry])] = []
        var watched: Set<ReplicationCounters.Rule> = []
        for bucket in store.listBuckets() {
            for rule in bucket.replication?.rules ?? [] where rule.destination.watchesThreshold {
                let name = ReplicationCounters.Rule(
                    source: bucket.name, destination: rule.destination.bucket, id: rule.id)
                watched.insert(name)
                let entries = try late(name, bucket: bucket.id, store, now: now)
                if !entries.isEmpty { found.append((name, entries)) }
            }
        }
        positions = positions.filter { watched.contains($0.key) }
        return found
    }

    private mutating func late(
        _ rule: ReplicationCounters.Rule, bucket: Int64, _ store: RegionStore, now: Timestamp
    ) throws -> [OutboxEntry] {
        let threshold = Timestamp(
            milliseconds: now.milliseconds - ReplicationRule.Destination.thresholdMilliseconds)
        var query = OutboxAgeQuery(
            bucket: bucket, destination: rule.destination, ruleID: rule.id, until: threshold, limit: Self.batch)
        if let position = positions[rule] { query.after = (position.enqueued, position.id) }
        let entries = try store.outbox(byAge: query)
        if let last = entries.last { positions[rule] = Position(enqueued: last.enqueued, id: last.id) }
        return entries
    }
}
