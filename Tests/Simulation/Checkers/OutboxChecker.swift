import S3Model
import Storage

/// No work is left, every status is final, and applies that change nothing come from faults only.
enum OutboxChecker {
    static func violations(_ outcome: Outcome) -> [String] {
        outcome.snapshots.flatMap { waiting($0) + failed($0) + statuses($0, outcome) } + idleApplies(outcome)
            + storms(outcome)
    }

    private static func waiting(_ snapshot: Snapshot) -> [String] {
        snapshot.summaries.map {
            "\(snapshot.region) still has \($0.pendingVersions) entries for \($0.destination), \($0.retrying) retried"
        }
    }

    /// The rules are back and all was retried, or no rules were ever missing.
    private static func failed(_ snapshot: Snapshot) -> [String] {
        snapshot.failures.map { "\(snapshot.region) still has \($0.versions) failures for \($0.destination)" }
    }

    /// Attempts are bounded by the work, by what faults broke, and by probes of what is away.
    private static func storms(_ outcome: Outcome) -> [String] {
        let counts = outcome.faults.counts
        let links = outcome.snapshots.count * (outcome.snapshots.count - 1)
        let broken = counts.lostRequests + counts.lostReplies + counts.brokenBodies + counts.duplicates
        // What is in flight when a link or its peer goes away fails together, up to the pools' size; then probes go out at
        // least half the longest pause apart, and each entry that waits comes back at growing distances.
        let bursts = (counts.cuts + counts.crashes + links) * 3 * 16
        let probes = Int(outcome.virtualMilliseconds / 1_000 + 1) * links
        let bound = counts.applies + counts.unchangedApplies + broken + bursts + probes
        return counts.sends <= bound ? [] : ["\(counts.sends) attempts to deliver, at most \(bound) can be explained"]
    }

    private static func statuses(_ snapshot: Snapshot, _ outcome: Outcome) -> [String] {
        snapshot.all.compactMap { version in
            let allowed: Set<ReplicationStatus>
            if version.stamp.region != snapshot.region.stampID {
                allowed = [.replica]
            } else {
                allowed = outcome.faults.rulesChange ? [.completed, .none] : [.completed]
            }
            return allowed.contains(version.replication)
                ? nil : "\(version.key) in \(snapshot.region) has the status \(version.replication)"
        }
    }

    private static func idleApplies(_ outcome: Outcome) -> [String] {
        let counts = outcome.faults.counts
        let others = outcome.snapshots.count - 1
        // A lost answer or a repeat costs one; an end of a process repeats what was in flight and what was not yet
        // recorded; a change of tags may travel with the object and then once more by itself, as may one that crosses
        // another. What is in flight when its rule changes goes again by the rule that has taken its place.
        let bound =
            counts.lostReplies + counts.duplicates + counts.crashes * (16 * others + 64)
            + counts.ruleChanges * 16 * others
            + outcome.ledger.tagChanges * (others + 1) * 2
        return counts.unchangedApplies <= bound
            ? [] : ["\(counts.unchangedApplies) applies changed nothing, at most \(bound) can be explained"]
    }
}
