package import S3Model

extension ReplicationRule {
    /// Whether an enabled rule covers `key` with `tags` (spec/mrap.md §15.5). Compared by bytes, as keys are.
    package func covers(key: ObjectKey, tags objectTags: [Tag]) -> Bool {
        guard isEnabled, key.rawValue.utf8.starts(with: prefix.utf8) else { return false }
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

    package func rule(id: String) -> ReplicationRule? {
        rules.first { $0.id.utf8.elementsEqual(id.utf8) }
    }
}
