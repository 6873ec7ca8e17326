import S3Model
import Storage
import Testing

@testable import Replication

@Suite struct VerificationTests {
    private static let america = RegionName(literal: "us-east-1")

    // MARK: Digests

    private func tree(_ versions: [ObjectVersion]) -> DigestTable {
        var tree = DigestTable()
        for version in versions { tree.insert(version) }
        return tree
    }

    @Test func equalBucketsTellEachOtherTheirSlots() {
        let versions = (0..<500).map { Fixtures.version("k\($0)") }
        let comparison = DigestComparison([tree(versions), tree(versions.reversed()), tree(versions)])
        #expect(comparison.isEqual)
        #expect(comparison.exchangedBytes == 2 * DigestTable.byteCount)
    }

    @Test func oneVersionMakesOneSlotDiffer() {
        let versions = (0..<500).map { Fixtures.version("k\($0)") }
        let comparison = DigestComparison([tree(versions), tree(versions.dropLast())])
        #expect(comparison.differingSlots == [DigestTable.slot(of: ObjectKey(stored: "k499"))])
        #expect(comparison.exchangedBytes == DigestTable.byteCount)
        #expect(DigestTable.byteCount < 4_096)
    }

    private func page(_ versions: [ObjectVersion], end: ObjectVersion? = nil) -> FingerprintPage {
        var page = FingerprintPage()
        page.fingerprints = versions.map(VersionFingerprint.init)
        page.end = end.map { VersionPosition(key: $0.key, stamp: $0.stamp) }
        return page
    }

    @Test func pagesAreComparedAsFarAsAllAreComplete() {
        let old = Fixtures.version("a", at: 1)
        let new = Fixtures.version("a", at: 2)
        let later = Fixtures.version("b")
        let last = Fixtures.version("c")
        let short = FingerprintComparison([page([new, old], end: old), page([new, later, last])])
        #expect(short.differences == [VersionPosition(key: old.key, stamp: old.stamp)])
        #expect(
            short.end == VersionPosition(key: old.key, stamp: old.stamp), "b and c are looked at with the next pages")
        let whole = FingerprintComparison([page([new, later]), page([new, later, last])])
        #expect(whole.differences.map(\.key.rawValue) == ["c"])
        #expect(whole.end == nil)
    }

    @Test func whatOneCannotReadDiffersThoughOthersDoNotTellOfIt() {
        let version = Fixtures.version("a")
        let position = VersionPosition(key: version.key, stamp: version.stamp)
        var damaged = page([])
        damaged.damaged = [position]
        #expect(FingerprintComparison([damaged, page([])]).differences == [position])
        #expect(FingerprintComparison([damaged, page([version])]).differences == [position])
        var short = page([])
        short.end = VersionPosition(key: ObjectKey(stored: "A"), stamp: version.stamp)
        #expect(FingerprintComparison([damaged, short]).differences.isEmpty, "it comes with the next pages")
    }

    // MARK: Verdicts

    private func side(
        _ name: String, _ region: RegionName, to others: [String], _ version: ObjectVersion?,
        waiting: [OutboxEntry.Kind] = [], failed: String? = nil,
        change: (inout ReplicationRule) -> Void = { _ in }
    ) -> VersionJudge.Side {
        let rules = others.enumerated().map { index, other in
            var rule = Fixtures.rule("to-\(other)", to: other, priority: index)
            rule.deleteMarkerReplication = true
            rule.replicaModifications = true
            change(&rule)
            return rule
        }
        var standing = VersionStanding()
        standing.version = version
        func entry(_ kind: OutboxEntry.Kind) -> OutboxEntry {
            OutboxEntry(
                bucket: 7, key: ObjectKey(stored: "k"), stamp: VersionStamp.zero, kind: kind,
                destination: Fixtures.bucketName(others[0]), ruleID: "to-\(others[0])", bytes: 0,
                enqueued: Timestamp(milliseconds: 0))
        }
        standing.waiting = waiting.map(entry)
        if let failed {
            var entry = entry(.object)
            entry.lastError = failed
            standing.failed = [entry]
        }
        var side = VersionJudge.Side(
            region: region, bucket: Fixtures.bucket(name, rules: rules), standing: standing)
        side.version = version
        return side
    }

    private func judge(_ sides: VersionJudge.Side...) -> [Finding] {
        let stamp = sides.compactMap(\.standing.version?.stamp).first ?? .zero
        return VersionJudge(VersionPosition(key: ObjectKey(stored: "k"), stamp: stamp), sides).findings
    }

    @Test func missingIsWhatARulePromises() throws {
        let version = Fixtures.version("k")
        let missing = judge(
            side("here-bucket", Fixtures.origin, to: ["there-bucket"], version, failed: "DstBucketNotFound"),
            side("there-bucket", Self.america, to: [], nil))
        #expect(missing.map(\.verdict) == [.missing])
        #expect(missing[0].isDifference)
        #expect(missing[0].rule == "to-there-bucket")
        #expect(missing[0].reason == "DstBucketNotFound")
        #expect(missing[0].repair == .init(kind: .object, renews: false))

        let waits = judge(
            side("here-bucket", Fixtures.origin, to: ["there-bucket"], version, waiting: [.object]),
            side("there-bucket", Self.america, to: [], nil))
        #expect(waits.map(\.verdict) == [.inFlight])
        #expect(!waits[0].isDifference)

        let tagsOnly = judge(
            side("here-bucket", Fixtures.origin, to: ["there-bucket"], version, waiting: [.attributes]),
            side("there-bucket", Self.america, to: [], nil))
        #expect(tagsOnly.map(\.verdict) == [.missing], "a change of tags does not bring the version")
    }

    @Test func onlyThereIsWhatNoRulePromises() {
        func check(_ version: ObjectVersion, _ change: (inout ReplicationRule) -> Void = { _ in }) -> [Finding] {
            judge(
                side("here-bucket", Fixtures.origin, to: ["there-bucket"], version, change: change),
                side("there-bucket", Self.america, to: [], nil))
        }
        let replica = Fixtures.version("k", region: Self.america, status: .replica)
        for found in [
            check(replica), check(Fixtures.version("k")) { $0.prefix = "photos/" },
            check(Fixtures.version("k")) { $0.isEnabled = false },
            check(Fixtures.deleteMarker("k")) { $0.deleteMarkerReplication = false },
        ] {
            #expect(found.map(\.verdict) == [.onlyThere])
            #expect(found.allSatisfy { !$0.isDifference && $0.repair == nil })
        }
        #expect(check(Fixtures.deleteMarker("k")).map(\.repair?.kind) == [.deleteMarker])
    }

    @Test func ofThreeTheOneWhereItWasMadePromises() {
        let version = Fixtures.version("k")
        var replica = version
        replica.replication = .replica
        let found = judge(
            side("here-bucket", Fixtures.origin, to: ["there-bucket", "third-bucket"], version),
            side("there-bucket", Self.america, to: ["third-bucket"], replica),
            side("third-bucket", RegionName(literal: "ap-south-1"), to: [], nil))
        #expect(found.map(\.verdict) == [.missing])
        #expect(found.map(\.source?.rawValue) == ["here-bucket"])
        #expect(found.map(\.bucket.rawValue) == ["third-bucket"])
    }

    @Test func aLaterNullVersionTakesTheOldersPlace() {
        var version = Fixtures.version("k")
        version.isNull = true
        var there = side("there-bucket", Self.america, to: [], nil)
        there.otherNull = VersionStamp(milliseconds: 9_000, counter: 0, region: Fixtures.origin.stampID)
        let found = judge(side("here-bucket", Fixtures.origin, to: ["there-bucket"], version), there)
        #expect(found.map(\.verdict) == [.onlyThere])
    }

    /// Neither takes the place of the other, so it is said instead of repaired.
    @Test(arguments: [500, 9_000], [true, false])
    func nullVersionsOfTwoRegionsDiffer(milliseconds: UInt64, isErased: Bool) {
        var version = Fixtures.version("k")
        version.isNull = true
        var there = side("there-bucket", Self.america, to: [], nil)
        there.otherNull = VersionStamp(milliseconds: milliseconds, counter: 0, region: Self.america.stampID)
        there.isErased = isErased
        let found = judge(side("here-bucket", Fixtures.origin, to: ["there-bucket"], version), there)
        #expect(found.map(\.verdict) == [.differentContent])
        #expect(found.allSatisfy { $0.isDifference && $0.repair == nil && $0.rule == "to-there-bucket" })
        let unpromised = judge(side("here-bucket", Fixtures.origin, to: [], version), there)
        #expect(unpromised.map(\.verdict) == [.differentContent] && unpromised.allSatisfy { !$0.isDifference })
    }

    /// For example after its region came back with an older backup.
    @Test func whatIsGoneWhereItWasMadeIsSaid() {
        let replica = Fixtures.version("k", region: Self.america, status: .replica)
        let found = judge(
            side("here-bucket", Fixtures.origin, to: ["there-bucket"], replica),
            side("there-bucket", Self.america, to: [], nil))
        #expect(found.map(\.verdict) == [.onlyThere])
        #expect(found[0].reason?.contains("It was made here and is gone") == true)
    }

    /// S3 replicates no removal of a version by its id, and never undoes one (docs/design/0012).
    @Test func whatWasErasedIsNeitherMissingNorOnItsWay() {
        let version = Fixtures.version("k")
        var there = side("there-bucket", Self.america, to: [], nil)
        there.isErased = true
        for waiting in [[], [OutboxEntry.Kind.object], [.attributes]] {
            let found = judge(
                side("here-bucket", Fixtures.origin, to: ["there-bucket"], version, waiting: waiting), there)
            #expect(found.map(\.verdict) == [.erased])
            #expect(found.map(\.bucket.rawValue) == ["there-bucket"])
            #expect(found.allSatisfy { !$0.isDifference && !$0.isPromised && $0.repair == nil && $0.reason != nil })
        }

        let third = side("third-bucket", RegionName(literal: "ap-south-1"), to: [], nil)
        let ofThree = judge(
            side("here-bucket", Fixtures.origin, to: ["there-bucket", "third-bucket"], version), there, third)
        #expect(ofThree.map(\.verdict) == [.erased, .missing], "a removal in one region excuses no other")

        there.version = version
        #expect(judge(side("here-bucket", Fixtures.origin, to: ["there-bucket"], version), there).isEmpty)
        there.version = nil
        #expect(judge(side("here-bucket", Fixtures.origin, to: ["there-bucket"], nil), there).isEmpty)
    }

    private func damaged(
        _ name: String, _ region: RegionName, to others: [String] = [], _ version: ObjectVersion
    ) -> VersionJudge.Side {
        var side = side(name, region, to: others, nil)
        side.damaged = version.versionID
        return side
    }

    @Test func whatIsDamagedComesFromWhoeverCanReadIt() throws {
        let version = Fixtures.version("k", status: .completed)
        var replica = version
        replica.replication = .replica
        let here = side("here-bucket", Fixtures.origin, to: ["there-bucket"], version, failed: "no answer")
        let found = judge(here, damaged("there-bucket", Self.america, version))
        #expect(found.map(\.verdict) == [.damaged])
        #expect(found[0].isDifference && found[0].isPromised && found[0].versionID == version.versionID)
        #expect(found[0].bucket.rawValue == "there-bucket" && found[0].source?.rawValue == "here-bucket")
        #expect(found[0].rule == "to-there-bucket" && found[0].reason == "no answer")
        #expect(found[0].repair == .init(kind: .object, renews: false, takesReplicas: true))

        // Where it was made, from a replica; a third bucket that lacks it waits for that.
        let back = judge(
            damaged("here-bucket", Fixtures.origin, to: ["there-bucket", "third-bucket"], version),
            side("there-bucket", Self.america, to: ["here-bucket"], replica))
        #expect(back.map(\.verdict) == [.damaged] && back.map(\.source?.rawValue) == ["there-bucket"])
        #expect(back[0].repair?.takesReplicas == true)

        let waits = judge(
            side("here-bucket", Fixtures.origin, to: ["there-bucket"], version, waiting: [.object]),
            damaged("there-bucket", Self.america, version))
        #expect(waits.map(\.verdict) == [.inFlight])
        let tagsOnly = judge(
            side("here-bucket", Fixtures.origin, to: ["there-bucket"], version, waiting: [.attributes]),
            damaged("there-bucket", Self.america, version))
        #expect(tagsOnly.map(\.verdict) == [.damaged])
    }

    @Test func whatNothingBringsBackIsADifferenceWithAReason() {
        let version = Fixtures.version("k")
        let marker = Fixtures.deleteMarker("k")
        for found in [
            judge(
                side("here-bucket", Fixtures.origin, to: [], version), damaged("there-bucket", Self.america, version)),
            judge(
                side("here-bucket", Fixtures.origin, to: ["there-bucket"], marker) {
                    $0.deleteMarkerReplication = false
                }, damaged("there-bucket", Self.america, marker)),
            judge(
                side("here-bucket", Fixtures.origin, to: ["there-bucket"], nil),
                damaged("there-bucket", Self.america, version)),
        ] {
            #expect(found.map(\.verdict) == [.damaged])
            #expect(found.allSatisfy { $0.isDifference && !$0.isPromised && $0.repair == nil && $0.reason != nil })
        }
        let both = judge(
            damaged("here-bucket", Fixtures.origin, to: ["there-bucket"], version),
            damaged("there-bucket", Self.america, to: ["here-bucket"], version))
        #expect(both.map(\.verdict) == [.damaged, .damaged] && both.allSatisfy { $0.source == nil })
    }

    @Test func contentIsRightWhereItWasMade() {
        let version = Fixtures.version("k")
        let damaged = Fixtures.version("k", size: 4, status: .replica)
        let found = judge(
            side("there-bucket", Self.america, to: ["here-bucket"], damaged),
            side("here-bucket", Fixtures.origin, to: ["there-bucket"], version))
        #expect(found.map(\.verdict) == [.differentContent])
        #expect(found.map(\.bucket.rawValue) == ["there-bucket"])
        #expect(found.allSatisfy { $0.isDifference && $0.repair == nil })
    }

    @Test func theLaterChangeOfTagsIsRight() {
        let version = Fixtures.version("k", status: .completed)
        var changed = Fixtures.version("k", tags: [Tag(key: "a", value: "b")], status: .replica)
        changed.attributesStamp = VersionStamp(milliseconds: 9_000, counter: 0, region: Self.america.stampID)
        func check(waiting: [OutboxEntry.Kind] = [], _ change: (inout ReplicationRule) -> Void = { _ in }) -> [Finding]
        {
            judge(
                side("here-bucket", Fixtures.origin, to: ["there-bucket"], version),
                side("there-bucket", Self.america, to: ["here-bucket"], changed, waiting: waiting, change: change))
        }
        let found = check()
        #expect(found.map(\.verdict) == [.differentMetadata])
        #expect(found.map(\.bucket.rawValue) == ["here-bucket"])
        #expect(found.map(\.repair) == [.init(kind: .attributes, renews: false)])
        #expect(check(waiting: [.attributes]).map(\.verdict) == [.inFlight])
        let unpromised = check { $0.replicaModifications = false }
        #expect(unpromised.map(\.verdict) == [.differentMetadata])
        #expect(unpromised.allSatisfy { !$0.isDifference }, "such changes stay where they are made, as on AWS")

        changed.attributesStamp = version.attributesStamp
        let tie = check()
        #expect(
            tie.map(\.bucket.rawValue) == ["there-bucket"], "of two with one stamp the one where it was made is right")
        #expect(tie.map(\.repair) == [.init(kind: .object, renews: true)])
    }

    /// What arrives between the two looks is no difference.
    @Test func whatArrivesMeanwhileIsNotMissing() {
        let version = Fixtures.version("k")
        var there = side("there-bucket", Self.america, to: [], nil)
        there.version = version
        #expect(judge(side("here-bucket", Fixtures.origin, to: ["there-bucket"], version), there).isEmpty)
    }
}
