import S3Model
import Storage

/// A read answers as if replication were instantaneous, and nothing appears that no rule would bring.
enum ReadChecker {
    static func violations(_ outcome: Outcome) -> [String] {
        outcome.ledger.served.compactMap { unfounded($0, outcome) }
            // Without rules nothing is promised.
            + (outcome.faults.rulesChange ? [] : outcome.ledger.misses)
            + outcome.snapshots.flatMap { conflicts($0, outcome) }
    }

    /// What was read from elsewhere came in the end, unless somebody removed it there, or here since.
    private static func unfounded(_ serve: Ledger.Serve, _ outcome: Outcome) -> String? {
        let stamp = serve.version.stamp
        let snapshot = outcome.snapshots.first { $0.region == serve.region }
        if snapshot?.version(stamp, of: serve.version.key) != nil { return nil }
        let isRemoved = outcome.ledger.erasures.contains { erasure in
            erasure.stamp == stamp
                && (erasure.region == serve.source
                    || erasure.region == serve.region && erasure.done ?? .max > serve.moment)
        }
        return isRemoved ? nil : "\(serve.region) served \(serve.version.key) from \(serve.source) and never got it"
    }

    private static func conflicts(_ snapshot: Snapshot, _ outcome: Outcome) -> [String] {
        snapshot.conflicts.compactMap { conflict in
            let isSound =
                conflict.loser < conflict.winner && conflict.winner.region == snapshot.region.stampID
                && conflict.loser.region != snapshot.region.stampID
                && (snapshot.version(conflict.loser, of: conflict.key) != nil
                    || outcome.ledger.erased.contains(conflict.loser))
            return isSound ? nil : "\(snapshot.region) has an unfounded conflict on \(conflict.key)"
        }
    }
}
