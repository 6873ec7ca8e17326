package import S3Model

extension ReplicationRule {
    /// Whether an enabled rule covers `key` with `tags` (spec/mrap.md §15.5). Compared by bytes, as keys are.
    package func covers(key: ObjectKey, tags objectTags: [Tag]) -> Bool {
        isEnabled && selects(key: key, tags: objectTags)
    }

    /// The same, whether the rule is enabled or not.
    package func selects(key: ObjectKey, tags objectTags: [Tag]) -> Bool {
        guard key.rawValue.utf8.starts(with: prefix.utf8) else { return false }
        return tags.allSatisfy { wanted in objectTags.contains { $0.hasSameBytes(as: wanted) } }
    }
}

extension Tag {
    fileprivate func hasSameBytes(as other: Tag) -> Bool {
        key.utf8.elementsEqual(other.key.utf8) && value.utf8.elementsEqual(other.value.utf8)
    }
}

extension ReplicationConfiguration {
    /// The rules that apply to an object: for each destination bucket the one with the highest priority among those that
    /// cover it (spec/mrap.md §15.5), in document order of the destinations. A rule without a priority (V1) counts as 0,
    /// and of equals the earlier wins.
    package func rules(for key: ObjectKey, tags: [Tag]) -> [ReplicationRule] {
        var chosen: [ReplicationRule] = []
        for rule in rules where rule.covers(key: key, tags: tags) {
            if let index = chosen.firstIndex(where: { $0.destination.bucket == rule.destination.bucket }) {
                if rule.priority ?? 0 > chosen[index].priority ?? 0 { chosen[index] = rule }
            } else {
                chosen.append(rule)
            }
        }
        return chosen
    }

    /// The rules that carry a change of a version's tags: those that cover it as it is now, and, for destinations without
    /// such a rule, those whose tag filter may have covered it before. The latter bring the change to a replica that is
    /// there, never a new one (``ReplicaPush/createsVersion``).
    package func rulesForChange(of key: ObjectKey, tags: [Tag]) -> [ReplicationRule] {
        var chosen = rules(for: key, tags: tags)
        let served = Set(chosen.map(\.destination.bucket))
        var later: [ReplicationRule] = []
        for rule in rules where !rule.tags.isEmpty && !served.contains(rule.destination.bucket) {
            guard rule.isEnabled, key.rawValue.utf8.starts(with: rule.prefix.utf8) else { continue }
            if let index = later.firstIndex(where: { $0.destination.bucket == rule.destination.bucket }) {
                if rule.priority ?? 0 > later[index].priority ?? 0 { later[index] = rule }
            } else {
                later.append(rule)
            }
        }
        chosen += later
        return chosen
    }

    package func rule(id: String) -> ReplicationRule? {
        rules.first { $0.id.utf8.elementsEqual(id.utf8) }
    }
}
