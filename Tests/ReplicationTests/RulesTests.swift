import Replication
import S3Model
import Storage
import Testing

@Suite struct RuleSelectionTests {
    private let key = ObjectKey(stored: "invoices/2026/1")

    private func chosen(_ rules: [ReplicationRule], tags: [S3Model.Tag] = []) -> [String] {
        ReplicationConfiguration(role: "", rules: rules).rules(for: key, tags: tags).map(\.id)
    }

    @Test func highestPriorityWinsPerDestination() {
        let rules = [
            Fixtures.rule("low", to: "dst-one", priority: 1), Fixtures.rule("high", to: "dst-one", priority: 9),
            Fixtures.rule("other", to: "dst-two", priority: 0),
        ]
        #expect(chosen(rules) == ["high", "other"])
        #expect(chosen(rules.reversed()) == ["other", "high"])
    }

    @Test func prefixIsComparedByBytes() {
        #expect(chosen([Fixtures.rule("a", to: "dst-one", prefix: "invoices/")]) == ["a"])
        #expect(chosen([Fixtures.rule("a", to: "dst-one", prefix: "Invoices/")]) == [])
        // The same text to Unicode, but other bytes.
        let decomposed = ObjectKey(stored: "e\u{301}/1")
        let rule = Fixtures.rule("a", to: "dst-one", prefix: "\u{e9}/")
        #expect(!rule.covers(key: decomposed, tags: []))
    }

    @Test func allTagsMustBeThere() {
        let gold = S3Model.Tag(key: "tier", value: "gold")
        let red = S3Model.Tag(key: "colour", value: "red")
        let rules = [Fixtures.rule("a", to: "dst-one", tags: [gold, red])]
        #expect(chosen(rules, tags: [gold]) == [])
        #expect(chosen(rules, tags: [red, gold, S3Model.Tag(key: "x", value: "y")]) == ["a"])
        #expect(chosen(rules, tags: [Tag(key: "tier", value: "Gold"), red]) == [])
    }

    @Test func disabledRulesAreNotThere() {
        var high = Fixtures.rule("high", to: "dst-one", priority: 9)
        high.isEnabled = false
        #expect(chosen([high, Fixtures.rule("low", to: "dst-one", priority: 1)]) == ["low"])
    }
}

@Suite struct RulePlannerTests {
    private let planner = RulePlanner(region: Fixtures.origin)
    private let now = Timestamp(milliseconds: 5_000)

    private func plan(_ version: ObjectVersion, _ kind: OutboxEntry.Kind, _ rules: [ReplicationRule]) -> [OutboxEntry] {
        planner.plan(version, kind: kind, in: Fixtures.bucket("source", rules: rules), at: now)
    }

    @Test func anObjectGoesToEveryDestination() {
        let entries = plan(
            Fixtures.version("a", size: 77), .object,
            [Fixtures.rule("1", to: "dst-one"), Fixtures.rule("2", to: "dst-two")])
        #expect(entries.map(\.destination.rawValue) == ["dst-one", "dst-two"])
        #expect(entries.map(\.ruleID) == ["1", "2"])
        #expect(entries.allSatisfy { $0.bytes == 77 && $0.enqueued == now && $0.bucket == 7 && $0.kind == .object })
    }

    @Test func replicasAreNeverPlannedAgain() {
        let other = RegionName(literal: "us-east-1")
        let rules = [Fixtures.rule("1", to: "dst-one")]
        #expect(plan(Fixtures.version("a", region: other), .object, rules).isEmpty)
        #expect(plan(Fixtures.version("a", status: .replica), .object, rules).isEmpty)
        #expect(plan(Fixtures.deleteMarker("a", region: other), .deleteMarker, rules).isEmpty)
        #expect(plan(Fixtures.version("a", region: other, status: .replica), .attributes, rules).isEmpty)
    }

    @Test func changesOfReplicasTravelOnlyWithReplicaModifications() {
        var rule = Fixtures.rule("1", to: "dst-one")
        rule.replicaModifications = true
        let replica = Fixtures.version("a", region: RegionName(literal: "us-east-1"), status: .replica)
        #expect(plan(replica, .attributes, [rule]).count == 1)
        #expect(plan(replica, .object, [rule]).isEmpty)
    }

    @Test(
        arguments: [
            (ReplicationRule.Schema.v1, nil, true), (.v1, false, false), (.v2, nil, false), (.v2, true, true),
        ] as [(ReplicationRule.Schema, Bool?, Bool)])
    func deleteMarkers(schema: ReplicationRule.Schema, setting: Bool?, travels: Bool) {
        var rule = Fixtures.rule("1", to: "dst-one", schema: schema)
        rule.deleteMarkerReplication = setting
        #expect(plan(Fixtures.deleteMarker("a"), .deleteMarker, [rule]).isEmpty != travels)
    }

    @Test func rulesWithTagsNeverTakeDeleteMarkers() {
        var rule = Fixtures.rule("1", to: "dst-one", tags: [Tag(key: "a", value: "b")])
        rule.deleteMarkerReplication = true
        #expect(plan(Fixtures.deleteMarker("a"), .deleteMarker, [rule]).isEmpty)
    }

    @Test func attributesOnlyOfVersionsThatARuleTook() {
        let rules = [Fixtures.rule("1", to: "dst-one")]
        #expect(plan(Fixtures.version("a", status: .none), .attributes, rules).isEmpty)
        for status in [ReplicationStatus.pending, .completed, .failed] {
            #expect(plan(Fixtures.version("a", status: status), .attributes, rules).map(\.bytes) == [0])
        }
    }

    /// The replica is there because of tags that the version had before; it follows all the same.
    @Test func changesOfTagsFollowARuleThatNoLongerCoversTheVersion() {
        let gold = S3Model.Tag(key: "tier", value: "gold")
        let rules = [
            Fixtures.rule("gold", to: "dst-one", priority: 1, tags: [gold]),
            Fixtures.rule("elsewhere", to: "dst-two", priority: 2, prefix: "b", tags: [gold]),
            Fixtures.rule("all", to: "dst-three", priority: 3),
        ]
        let changed = Fixtures.version("a", tags: [], status: .completed)
        #expect(plan(changed, .attributes, rules).map(\.ruleID) == ["all", "gold"])
        #expect(plan(changed, .object, rules).map(\.ruleID) == ["all"])
    }

    @Test func nothingWithoutVersioning() {
        var bucket = Fixtures.bucket("source", rules: [Fixtures.rule("1", to: "dst-one")])
        bucket.versioning = .suspended
        #expect(planner.plan(Fixtures.version("a"), kind: .object, in: bucket, at: now).isEmpty)
    }
}
