package import S3Model
package import Storage

/// Plans outbox entries from a bucket's replication rules (spec/mrap.md §15.4). Pure.
///
/// Versions made elsewhere are never planned, so nothing can go round in circles; only changes of their tags are, by
/// rules with ReplicaModifications, and applying such a change plans nothing either.
package struct RulePlanner: OutboxPlanner {
    private let origin: UInt32

    /// `region` is the one whose store calls the planner.
    package init(region: RegionName) { origin = region.stampID }

    package func plan(
        _ version: ObjectVersion, kind: OutboxEntry.Kind, in bucket: Bucket, at time: Timestamp
    ) -> [OutboxEntry] {
        guard let configuration = bucket.replication, bucket.versioning == .enabled else { return [] }
        let isReplica = version.stamp.region != origin || version.replication == .replica
        if isReplica, kind != .attributes { return [] }
        // A version that no rule took when it was made is not taken later by a change of its tags.
        if kind == .attributes, version.replication == .none { return [] }
        // A delete marker has no tags, so rules with a tag filter never cover one.
        let tags = version.object?.tags ?? []
        let rules =
            kind == .attributes
            ? configuration.rulesForChange(of: version.key, tags: tags)
            : configuration.rules(for: version.key, tags: tags)
        return rules.compactMap { rule in
            switch kind {
            case .object: break
            case .deleteMarker: guard rule.replicatesDeleteMarkers else { return nil }
            case .attributes: guard !isReplica || rule.replicaModifications == true else { return nil }
            }
            return OutboxEntry(
                bucket: bucket.id, key: version.key, stamp: version.stamp, kind: kind,
                destination: rule.destination.bucket, ruleID: rule.id,
                bytes: kind == .object ? version.object?.size ?? 0 : 0, enqueued: time)
        }
    }

    package func planForJob(_ version: ObjectVersion, in bucket: Bucket, at time: Timestamp) -> [OutboxEntry] {
        ExistingPlan().entries(for: version, in: bucket, at: time)
    }
}
