import Environment
import S3Model
import Storage

/// Notices versions that still wait when the threshold of their rule's Replication Time Control passes (spec/mrap.md
/// §15.10, §15.12). It reads the outbox, in the order of the wall clock's times in it; after a clock that was ahead has
/// been set back, it goes back, too, so nothing escapes it but what is enqueued while a clock is back by more than the
/// threshold for less than ``interval``. What it has told is in memory, so a new process tells of what is late then once
/// more.
struct ThresholdWatch {
    private struct Position: Comparable {
        var enqueued: Timestamp
        var id: Int64

        static func < (left: Self, right: Self) -> Bool { (left.enqueued, left.id) < (right.enqueued, right.id) }
    }

    /// How far a rule's entries were looked at.
    private struct Progress {
        var position = Position(enqueued: Timestamp(milliseconds: Int64.min), id: 0)
        /// The greatest id told of. Ids rise with every entry, whatever the clock does.
        var lastID: Int64 = 0
        /// Where the position was before the clock was set back. Up to there, entries up to `toldID` were told of.
        var told: Position?
        var toldID: Int64 = 0

        mutating func goBack(to threshold: Timestamp) {
            let last = Position(enqueued: threshold, id: 0)
            guard last < position else { return }
            told = max(told ?? position, position)
            toldID = lastID
            position = last
        }

        func hasTold(_ entry: OutboxEntry) -> Bool {
            guard let told, entry.id <= toldID else { return false }
            return Position(enqueued: entry.enqueued, id: entry.id) <= told
        }
    }

    /// Versions told of in one look at one rule; the rest come with the next look.
    static let batch = 500
    /// How often (milliseconds) it looks: late by at most this, against a threshold of 15 minutes.
    static let interval: Int64 = 10_000

    private var progress: [ReplicationCounters.Rule: Progress] = [:]
    private var lastLook: Timestamp?

    /// The entries that have become late since the last look, by rule.
    mutating func look(
        at store: RegionStore, now: Timestamp
    ) throws -> [(rule: ReplicationCounters.Rule, entries: [OutboxEntry])] {
        let threshold = Timestamp(
            milliseconds: now.milliseconds - ReplicationRule.Destination.thresholdMilliseconds)
        if let lastLook, now < lastLook {
            for rule in progress.keys { progress[rule]?.goBack(to: threshold) }
        }
        lastLook = now
        var found: [(rule: ReplicationCounters.Rule, entries: [OutboxEntry])] = []
        var watched: Set<ReplicationCounters.Rule> = []
        for bucket in store.listBuckets() {
            for rule in bucket.replication?.rules ?? [] where rule.destination.watchesThreshold {
                let name = ReplicationCounters.Rule(
                    source: bucket.name, destination: rule.destination.bucket, id: rule.id)
                watched.insert(name)
                let entries = try late(name, bucket: bucket.id, store, until: threshold)
                if !entries.isEmpty { found.append((name, entries)) }
            }
        }
        progress = progress.filter { watched.contains($0.key) }
        return found
    }

    private mutating func late(
        _ rule: ReplicationCounters.Rule, bucket: Int64, _ store: RegionStore, until threshold: Timestamp
    ) throws -> [OutboxEntry] {
        var query = OutboxAgeQuery(
            bucket: bucket, destination: rule.destination, ruleID: rule.id, until: threshold, limit: Self.batch)
        var progress = self.progress[rule] ?? Progress()
        while true {
            query.after = (progress.position.enqueued, progress.position.id)
            let page = try store.outbox(byAge: query)
            if let last = page.last { progress.position = Position(enqueued: last.enqueued, id: last.id) }
            let entries = page.filter { !progress.hasTold($0) }
            for entry in entries { progress.lastID = max(progress.lastID, entry.id) }
            self.progress[rule] = progress
            // A page of what was told before the clock was set back is no reason to wait for the next look.
            if !entries.isEmpty || page.count < Self.batch { return entries }
        }
    }
}
