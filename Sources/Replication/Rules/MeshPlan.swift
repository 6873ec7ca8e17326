package import S3Model

/// The rules that an access point's members lack so that each replicates to every other, as a plan that a person sees
/// before it is done (DESIGN §5.3). Pure. Existing rules stay, and go on winning where they cover something.
package struct MeshPlan: Sendable, Hashable {
    package struct Member: Sendable, Hashable {
        package var bucket: BucketName
        package var account: AccountID
        package var versioning: VersioningState
        package var replication: ReplicationConfiguration?

        package init(
            bucket: BucketName, account: AccountID, versioning: VersioningState,
            replication: ReplicationConfiguration?
        ) {
            self.bucket = bucket
            self.account = account
            self.versioning = versioning
            self.replication = replication
        }
    }

    /// What happens to one member.
    package struct Change: Sendable, Hashable {
        package var bucket: BucketName
        package var enablesVersioning: Bool
        /// What the bucket has afterwards; `nil` when its rules stay as they are.
        package var configuration: ReplicationConfiguration?
        /// One line each, beginning with `+` (added), `~` (rewritten, means the same), `=` (there already) or `!` (look).
        package var lines: [String]
        /// A rule that was there carries less than a mesh's rule, for all keys or for some.
        package var carriesLess = false
    }

    package var changes: [Change]

    package var isEmpty: Bool { changes.allSatisfy { !$0.enablesVersioning && $0.configuration == nil } }

    package init(members: [Member]) {
        changes = members.map { member in
            Self.change(member, others: members.filter { $0.bucket != member.bucket })
        }
    }

    private static func change(_ member: Member, others: [Member]) -> Change {
        var change = Change(bucket: member.bucket, enablesVersioning: member.versioning != .enabled, lines: [])
        if change.enablesVersioning { change.lines.append("+ versioning: Enabled (is \(member.versioning))") }
        var rules = member.replication?.rules ?? []
        var missing: [BucketName] = []
        for other in others {
            if let rule = rules.widest(to: other.bucket) {
                change.lines.append("= rule '\(rule.id)' leads to \(other.bucket)\(rule.shortcomings)")
            } else {
                missing.append(other.bucket)
            }
        }
        if !missing.isEmpty {
            addRules(to: missing, &rules, &change)
            let role = member.replication?.role ?? "arn:aws:iam::\(member.account):role/meridian-replication"
            change.configuration = ReplicationConfiguration(role: role, rules: rules)
        }
        for other in others { look(at: rules, to: other.bucket, &change) }
        return change
    }

    private static func addRules(to missing: [BucketName], _ rules: inout [ReplicationRule], _ change: inout Change) {
        change.lines += rewrite(&rules, making: missing.count)
        for destination in missing {
            let rule = meshRule(to: destination, among: rules)
            rules.append(rule)
            change.lines.append(
                "+ rule '\(rule.id)', priority \(rule.priority ?? 0): all keys, delete markers and changes of replicas to "
                    + "\(destination)")
        }
    }

    /// Tells of the rules that win over the one for all keys and carry less, so that nobody takes the mesh for whole.
    private static func look(at rules: [ReplicationRule], to destination: BucketName, _ change: inout Change) {
        guard let base = rules.widest(to: destination) else { return }
        if !base.shortcomings.isEmpty { change.carriesLess = true }
        let enabled = rules.filter { $0.isEnabled && $0.destination.bucket == destination }
        for (place, rule) in enabled.enumerated() where rule.id != base.id && !rule.shortcomings.isEmpty {
            let isBeaten = enabled.enumerated().contains { otherPlace, other in
                otherPlace != place && other.coversAll(of: rule)
                    && other.wins(over: rule, isEarlier: otherPlace < place)
            }
            guard !isBeaten else { continue }
            change.carriesLess = true
            change.lines.append(
                "! rule '\(rule.id)' wins over '\(base.id)' for \(rule.selection) to \(destination)\(rule.shortcomings)"
            )
        }
    }

    /// Makes existing rules such that others can stand below them: in the form with filters, and with priorities that
    /// leave the lowest numbers free.
    private static func rewrite(_ rules: inout [ReplicationRule], making room: Int) -> [String] {
        var lines: [String] = []
        for index in rules.indices where rules[index].schema == .v1 {
            rules[index].deleteMarkerReplication = rules[index].replicatesDeleteMarkers
            rules[index].schema = .v2
            lines.append("~ rule '\(rules[index].id)': written with Filter; means the same")
        }
        let lowest = rules.compactMap(\.priority).min() ?? 0
        guard rules.contains(where: { $0.priority == nil }) || !rules.isEmpty && lowest < room else { return lines }
        // The order of the old priorities stays; a rule without one counts as 0, and of equals the earlier wins.
        let order = rules.indices.sorted {
            (rules[$0].priority ?? 0, -$0) < (rules[$1].priority ?? 0, -$1)
        }
        for (place, index) in order.enumerated() {
            let priority = room + place
            guard rules[index].priority != priority else { continue }
            let old = rules[index].priority.map { "\($0)" } ?? "none"
            lines.append("~ rule '\(rules[index].id)': priority \(priority) (was \(old)); the order stays")
            rules[index].priority = priority
        }
        return lines
    }

    private static func meshRule(to destination: BucketName, among rules: [ReplicationRule]) -> ReplicationRule {
        let ids = Set(rules.map(\.id))
        let name = "mesh-\(destination)"
        let id = ids.contains(name) ? (2...).lazy.map { "\(name)-\($0)" }.first { !ids.contains($0) } ?? name : name
        var rule = ReplicationRule(id: id, schema: .v2, destination: .init(bucket: destination))
        let taken = Set(rules.compactMap(\.priority))
        rule.priority = (0...rules.count).first { !taken.contains($0) } ?? 0
        rule.deleteMarkerReplication = true
        rule.replicaModifications = true
        return rule
    }
}

extension [ReplicationRule] {
    /// Of the enabled rules for all keys the one that counts.
    fileprivate func widest(to bucket: BucketName) -> ReplicationRule? {
        var found: ReplicationRule?
        for rule in self where rule.leadsEverything(to: bucket) {
            if let best = found, !rule.wins(over: best, isEarlier: false) { continue }
            found = rule
        }
        return found
    }
}

extension ReplicationRule {
    /// As ``ReplicationConfiguration/rules(for:tags:)`` decides.
    fileprivate func wins(over other: ReplicationRule, isEarlier: Bool) -> Bool {
        (priority ?? 0, isEarlier ? 1 : 0) > (other.priority ?? 0, isEarlier ? 0 : 1)
    }

    /// Whether every object that `other` selects is selected by this rule too.
    fileprivate func coversAll(of other: ReplicationRule) -> Bool {
        other.prefix.utf8.starts(with: prefix.utf8) && tags.allSatisfy(other.tags.contains)
    }

    /// What it takes, in words.
    fileprivate var selection: String {
        var parts: [String] = []
        if !prefix.isEmpty { parts.append("the prefix '\(prefix)'") }
        if !tags.isEmpty { parts.append("the tags \(tags.map { "\($0.key)=\($0.value)" }.joined(separator: ", "))") }
        return parts.isEmpty ? "all keys" : "what has " + parts.joined(separator: " and ")
    }

    /// An enabled rule for all keys.
    fileprivate func leadsEverything(to bucket: BucketName) -> Bool {
        isEnabled && prefix.isEmpty && tags.isEmpty && destination.bucket == bucket
    }

    fileprivate var shortcomings: String {
        var missing: [String] = []
        // Delete markers have no tags: they go by other rules than those with a tag filter.
        if !replicatesDeleteMarkers, tags.isEmpty { missing.append("delete markers") }
        if replicaModifications != true { missing.append("changes of replicas") }
        return missing.isEmpty ? "" : ", but without \(missing.joined(separator: " and "))"
    }
}
