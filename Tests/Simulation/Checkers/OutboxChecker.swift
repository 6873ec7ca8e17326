import S3Model
import Storage

/// No work is left, every status is final, and applies that change nothing come from faults only.
enum OutboxChecker {
    static func violations(_ outcome: Outcome) -> [String] {
        outcome.snapshots.flatMap { waiting($0) + statuses($0, outcome) } + idleApplies(outcome)
    }

    private static func waiting(_ snapshot: Snapshot) -> [String] {
        snapshot.summaries.map {
            "\(snapshot.region) still has \($0.pendingVersions) entries for \($0.destination), \($0.retrying) retried"
        }
    }

    private static func statuses(_ snapshot: Snapshot, _ outcome: Outcome) -> [String] {
        let erased = outcome.ledger.erased
        return snapshot.all.compactMap { version in
            let allowed: Set<ReplicationStatus>
            if version.stamp.region != snapshot.region.stampID {
                allowed = outcome.faults.rulesChange ? [.replica, .failed] : [.replica]
            } else if erased.contains(version.stamp) {
                // Removed here and delivered back by another region.
                allowed = [.completed, .replica, .none, .failed]
            } else {
                allowed = outcome.faults.rulesChange ? [.completed, .none, .failed] : [.completed]
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
        // another.
        let bound =
            counts.lostReplies + counts.duplicates + counts.crashes * (16 * others + 64)
            + outcome.ledger.tagChanges * (others + 1) * 2
        return counts.unchangedApplies <= bound
            ? [] : ["\(counts.unchangedApplies) applies changed nothing, at most \(bound) can be explained"]
    }
}
