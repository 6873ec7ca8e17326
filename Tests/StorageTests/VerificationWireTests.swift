import S3Model
import Testing

@testable import Storage

/// What two processes say to each other for `meridian verify` comes back as it went out, and anything else is refused.
@Suite struct VerificationWireTests {
    private func positions(_ random: inout SampleRandom, _ count: Int) throws -> [VersionPosition] {
        try (0..<count).map { _ in
            let version = try Sample.version(&random)
            return VersionPosition(key: version.key, stamp: version.stamp)
        }
    }

    private func questions(_ random: inout SampleRandom) throws -> [VerificationCall.Question] {
        let some = try positions(&random, 3)
        let slots = Set((0..<20).map { _ in Int.random(in: 0..<DigestTable.slotCount, using: &random) })
        return [
            .bucket, .digests, .fingerprints(slots: slots, after: nil, limit: 1),
            .fingerprints(slots: [], after: some[0], limit: VerificationCall.maximumVisited), .standings(some),
            .counterparts([]), .requeue(some[1], .attributes, to: try Sample.name("there"), renews: true),
            .resend(some[2], to: try Sample.name("there")),
        ]
    }

    private func call(_ question: VerificationCall.Question) throws -> VerificationCall {
        VerificationCall(
            region: RegionName(literal: "eu-west-1"), bucket: try Sample.name("some-bucket"), question)
    }

    @Test(arguments: 0..<20 as Range<UInt64>) func questionsComeBack(seed: UInt64) throws {
        var random = SampleRandom(seed: seed)
        for question in try questions(&random) {
            let call = try call(question)
            let bytes = call.encoded
            #expect(bytes.first == 2)
            #expect(VerificationCall(decoding: bytes) == call)
            for length in 0..<bytes.count { #expect(VerificationCall(decoding: Array(bytes[..<length])) == nil) }
            #expect(VerificationCall(decoding: bytes + [0]) == nil)
            for other in [UInt8(1), 3] { #expect(VerificationCall(decoding: [other] + bytes.dropFirst()) == nil) }
        }
    }

    @Test func questionsHaveLimits() throws {
        var random = SampleRandom(seed: 1)
        let many = try positions(&random, VerificationCall.maximumPositions + 1)
        #expect(VerificationCall(decoding: try call(.standings(many)).encoded) == nil)
        #expect(VerificationCall(decoding: try call(.standings(many.dropLast())).encoded) != nil)
        for limit in [0, -1, VerificationCall.maximumVisited + 1] {
            let bytes = try call(.fingerprints(slots: [1], after: nil, limit: limit)).encoded
            #expect(VerificationCall(decoding: bytes) == nil)
        }
    }

    @Test func digestsTakeKilobytes() throws {
        var random = SampleRandom(seed: 3)
        var table = DigestTable()
        for _ in 0..<1_000 { table.insert(try Sample.version(&random)) }
        let bytes = VerificationAnswer.encode(table)
        #expect(bytes.count < 4_096)
        #expect(VerificationAnswer.digests(bytes) == table)
        #expect(VerificationAnswer.digests(bytes + [0]) == nil)
        #expect(VerificationAnswer.digests(bytes.dropLast()) == nil)
        #expect(VerificationAnswer.digests([1] + bytes.dropFirst()) == nil, "of an older version of this program")
    }

    private func entry(_ version: ObjectVersion) throws -> OutboxEntry {
        var entry = OutboxEntry(
            bucket: 7, key: version.key, stamp: version.stamp, kind: .object, destination: try Sample.name("there"),
            ruleID: "r", bytes: 12, enqueued: Timestamp(milliseconds: 5))
        entry.id = 9
        entry.attempts = 3
        entry.notBefore = Timestamp(milliseconds: 77)
        entry.lastError = "no answer"
        return entry
    }

    @Test(arguments: 0..<50 as Range<UInt64>) func versionsComeBackWithoutTheirPlace(seed: UInt64) throws {
        var random = SampleRandom(seed: seed)
        let version = try Sample.version(&random)
        let position = VersionPosition(key: version.key, stamp: version.stamp)
        var bare = version
        if case .object(var content) = bare.content {
            content.data = .empty
            bare.content = .object(content)
        }
        var standing = VersionStanding()
        standing.version = version
        standing.waiting = [try entry(version)]
        let standings = [standing, VersionStanding()]
        let asked = [position, position]
        let found = try #require(VerificationAnswer.standings(VerificationAnswer.encode(standings), of: asked))
        #expect(found.map(\.version) == [bare, nil])
        #expect(found.map(\.waiting) == standings.map(\.waiting))
        #expect(VersionDigest(bare) == VersionDigest(version))
        #expect(VerificationAnswer.standings(VerificationAnswer.encode(standings), of: [position]) == nil)

        var counterpart = VersionCounterpart()
        counterpart.nullStamp = version.stamp
        counterpart.wasErased = true
        let back = VerificationAnswer.counterparts(VerificationAnswer.encode([counterpart]), of: [position])
        #expect(back?.first?.nullStamp == version.stamp && back?.first?.wasErased == true)

        for id in [version.versionID, .null] {
            var damaged = VersionCounterpart()
            damaged.damaged = id == .null ? .null : .stamp(version.stamp)
            let told = VerificationAnswer.counterparts(VerificationAnswer.encode([damaged]), of: [position])
            #expect(told?.first?.damaged == damaged.damaged && told?.first?.version == nil)
        }

        var page = FingerprintPage()
        page.fingerprints = [VersionFingerprint(version)]
        page.damaged = [position]
        page.end = position
        page.visited = 3
        let read = try #require(VerificationAnswer.fingerprints(VerificationAnswer.encode(page)))
        #expect(read.fingerprints == page.fingerprints && read.end == position && read.visited == 3)
        #expect(read.damaged == [position])
    }

    @Test func bucketsComeBackWithTheirRules() throws {
        var bucket = try Sample.bucket("some-bucket")
        bucket.id = 12
        bucket.versioning = .enabled
        bucket.revision = 4
        bucket.replication = ReplicationConfiguration(
            role: "role",
            rules: [ReplicationRule(id: "r", schema: .v2, destination: .init(bucket: try Sample.name("there")))])
        let bytes = VerificationAnswer.encode(bucket)
        let found = try #require(VerificationAnswer.bucket(bytes, name: bucket.name))
        #expect(VerificationAnswer.encode(found) == bytes)
        #expect(found.id == 12 && found.replication == bucket.replication)
        #expect(VerificationAnswer.wasRequeued(VerificationAnswer.encode(wasRequeued: true)) == true)
        #expect(VerificationAnswer.wasRequeued([2, 2]) == nil)
    }

    /// Flipped bytes and random ones never crash a decoder.
    @Test(arguments: 0..<20 as Range<UInt64>) func damagedBytesNeverCrash(seed: UInt64) throws {
        var random = SampleRandom(seed: seed)
        let version = try Sample.version(&random)
        let position = VersionPosition(key: version.key, stamp: version.stamp)
        var standing = VersionStanding()
        standing.version = version
        standing.failed = [try entry(version)]
        var page = FingerprintPage()
        page.fingerprints = [VersionFingerprint(version)]
        var whole = try questions(&random).map { try call($0).encoded }
        whole += [
            VerificationAnswer.encode([standing]), VerificationAnswer.encode(page),
            VerificationAnswer.encode(try Sample.bucket("b-1")), VerificationAnswer.encode(DigestTable()),
        ]
        for _ in 0..<1_000 {
            var bytes = whole[Int.random(in: 0..<whole.count, using: &random)]
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            if Bool.random(using: &random) { bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random)) }
            _ = VerificationCall(decoding: bytes)
            _ = VerificationAnswer.standings(bytes, of: [position])
            _ = VerificationAnswer.counterparts(bytes, of: [position])
            _ = VerificationAnswer.fingerprints(bytes)
            _ = VerificationAnswer.digests(bytes)?.root
            _ = VerificationAnswer.bucket(bytes, name: try Sample.name("b-1"))
            _ = VerificationAnswer.wasRequeued(bytes)
        }
    }
}
