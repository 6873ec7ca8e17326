import Replication
import S3Model
import Testing

@Suite struct MeshPlanTests {
    private func member(
        _ name: String, _ versioning: VersioningState = .enabled, rules: [ReplicationRule]? = nil
    ) -> MeshPlan.Member {
        MeshPlan.Member(
            bucket: Fixtures.bucketName(name), account: Fixtures.owner.account, versioning: versioning,
            replication: rules.map { ReplicationConfiguration(role: "arn:aws:iam::111122223333:role/own", rules: $0) })
    }

    /// The plan's outcome as members, so that it can be planned again.
    private func applied(_ plan: MeshPlan, to members: [MeshPlan.Member]) throws -> [MeshPlan.Member] {
        try zip(members, plan.changes).map { member, change in
            var after = member
            if change.enablesVersioning { after.versioning = .enabled }
            if let configuration = change.configuration {
                // It has to be a document that PutBucketReplication takes.
                after.replication = try ReplicationConfiguration.parse(configuration.xml())
                #expect(after.replication == configuration)
            }
            return after
        }
    }

    @Test func everyMemberLeadsToEveryOther() throws {
        let members = [member("one"), member("two", .unversioned), member("three", .suspended)]
        let plan = MeshPlan(members: members)
        #expect(plan.changes.map(\.enablesVersioning) == [false, true, true])
        #expect(plan.changes.map { $0.configuration?.rules.count } == [2, 2, 2])
        let rules = plan.changes.flatMap { $0.configuration?.rules ?? [] }
        #expect(rules.allSatisfy { $0.replicatesDeleteMarkers })
        let after = try applied(plan, to: members)
        #expect(MeshPlan(members: after).isEmpty)
    }

    @Test func existingRulesStayAndWin() throws {
        var archive = Fixtures.rule("archive", to: "two", priority: 0, prefix: "logs/")
        archive.deleteMarkerReplication = false
        archive.destination.storageClass = "STANDARD_IA"
        var away = Fixtures.rule("away", to: "elsewhere", priority: 5)
        away.deleteMarkerReplication = false
        let members = [member("one", rules: [archive, away]), member("two"), member("three")]
        let plan = MeshPlan(members: members)
        let rules = try #require(plan.changes[0].configuration?.rules)
        #expect(rules.map(\.id) == ["archive", "away", "mesh-two", "mesh-three"])
        #expect(Set(rules.compactMap(\.priority)).count == 4)
        let configuration = try #require(plan.changes[0].configuration)
        #expect(configuration.role == "arn:aws:iam::111122223333:role/own")
        let log = ObjectKey(stored: "logs/1")
        #expect(configuration.rules(for: log, tags: []).map(\.id) == ["archive", "away", "mesh-three"])
        #expect(
            configuration.rules(for: ObjectKey(stored: "a"), tags: []).map(\.id) == ["away", "mesh-two", "mesh-three"])
        let after = try applied(plan, to: members)
        #expect(MeshPlan(members: after).isEmpty)
    }

    @Test func fullRulesAreTakenAsTheyAre() {
        var full = Fixtures.rule("mine", to: "two", priority: 1)
        full.deleteMarkerReplication = false
        let plan = MeshPlan(members: [member("one", rules: [full]), member("two")])
        #expect(plan.changes[0].configuration == nil)
        #expect(
            plan.changes[0].lines == ["= rule 'mine' leads to two, but without delete markers and changes of replicas"])
        full.isEnabled = false
        #expect(MeshPlan(members: [member("one", rules: [full]), member("two")]).changes[0].configuration != nil)
    }

    /// Each is beside the mesh's own rule, and `told` is what the plan says of it; `nil` for nothing.
    @Test(
        arguments: [
            ("logs/", [], false, true, true, "what has the prefix 'logs/' to two, but without delete markers"),
            ("logs/", [], true, false, true, "what has the prefix 'logs/' to two, but without changes of replicas"),
            ("", ["a"], false, false, true, "what has the tags a=1 to two, but without changes of replicas"),
            ("", ["a"], false, true, true, nil), ("logs/", [], true, true, true, nil),
            ("logs/", [], false, false, false, nil),
        ] as [(String, [String], Bool, Bool, Bool, String?)])
    func rulesThatWinAndCarryLessAreNamed(
        prefix: String, tags: [String], markers: Bool, changes: Bool, isEnabled: Bool, told: String?
    ) throws {
        var rule = Fixtures.rule(
            "own", to: "two", priority: 9, prefix: prefix, tags: tags.map { Tag(key: $0, value: "1") })
        rule.deleteMarkerReplication = markers
        rule.replicaModifications = changes
        rule.isEnabled = isEnabled
        let members = [member("one", rules: [rule]), member("two")]
        let plan = MeshPlan(members: members)
        let after = MeshPlan(members: try applied(plan, to: members))
        // Before and after, else the mesh would be taken for whole once it is written.
        #expect(after.isEmpty)
        for plan in [plan, after] {
            #expect(plan.changes.map(\.carriesLess) == [told != nil, false])
            let looks = plan.changes[0].lines.filter { $0.hasPrefix("!") }
            #expect(looks == (told.map { ["! rule 'own' wins over 'mesh-two' for \($0)"] } ?? []))
        }
    }

    @Test func rulesThatNeverWinAreNotNamed() {
        var full = Fixtures.rule("full", to: "two", priority: 5)
        full.deleteMarkerReplication = true
        full.replicaModifications = true
        let below = Fixtures.rule("below", to: "two", priority: 1, prefix: "logs/")
        var plan = MeshPlan(members: [member("one", rules: [below, full]), member("two")])
        #expect(plan.changes[0].lines == ["= rule 'full' leads to two"] && !plan.changes[0].carriesLess)
        // Of two rules for all keys the one that wins is looked at.
        let above = Fixtures.rule("above", to: "two", priority: 6)
        plan = MeshPlan(members: [member("one", rules: [full, above]), member("two")])
        #expect(
            plan.changes[0].lines == ["= rule 'above' leads to two, but without delete markers and changes of replicas"]
        )
        #expect(plan.changes[0].carriesLess)
    }

    @Test func oldRulesAreWrittenWithFiltersAndMeanTheSame() throws {
        let old = [
            Fixtures.rule("a", to: "two", schema: .v1, prefix: "a/"),
            Fixtures.rule("b", to: "two", schema: .v1, prefix: "b/"),
        ]
        let members = [member("one", rules: old), member("two")]
        let plan = MeshPlan(members: members)
        let rules = try #require(plan.changes[0].configuration?.rules)
        let isRewritten = rules.allSatisfy { $0.schema == .v2 && $0.replicatesDeleteMarkers }
        #expect(isRewritten)
        #expect(rules.map(\.prefix) == ["a/", "b/", ""])
        #expect(MeshPlan(members: try applied(plan, to: members)).isEmpty)
    }
}
