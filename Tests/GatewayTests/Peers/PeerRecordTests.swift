import Cluster
import S3Model
import Storage
import Testing

@testable import Gateway

@Suite("What processes write to each other about versions")
struct PeerRecordTests {
    private typealias Fixture = PeerFixture

    private static func version(parts: Int = 2) -> ObjectVersion {
        var content = ObjectContent(
            size: 30, etag: ETag("0123-2"), metadata: ObjectMetadata(), data: .inline(id: 9, crc32c: 1))
        content.tags = [S3Model.Tag(key: "colour", value: "grün")]
        content.checksum = ObjectChecksum(algorithm: .crc32c, type: .composite, value: "AAAAAA==-2")
        content.parts = (0..<parts).map {
            ObjectContent.Part(
                number: $0 + 1, size: 15,
                checksum: ObjectChecksum(algorithm: .crc32c, type: .composite, value: "AAAAAA=="))
        }
        var version = ObjectVersion(
            key: ObjectKey(stored: "a/b"), stamp: VersionStamp(milliseconds: 1_800_000_000_000, counter: 3, region: 7),
            isNull: false, content: .object(content), modified: Timestamp(milliseconds: 1_800_000_000_001),
            owner: Fixture.owner, replication: .replica)
        version.attributesStamp = VersionStamp(milliseconds: 1_800_000_000_005, counter: 0, region: 7)
        return version
    }

    private static func question(_ version: VersionID?) -> PromiseQuestion {
        PromiseQuestion(
            key: ObjectKey(stored: "a/b"), version: version, destination: Fixture.copies,
            destinationOwner: Fixture.owner)
    }

    private static let samples: [[UInt8]] = [
        ApplyCall.probe.encoded(),
        ApplyCall.push(Fixture.push(version()), to: Fixture.there, .from(15)).encoded(),
        ReadCall.promises(question(.stamp(version().stamp)), of: Fixture.photos, in: Fixture.there).encoded(),
        ReadCall.content(
            version().key, version().stamp, isNull: false, range: 3..<9, of: Fixture.photos, in: Fixture.there
        ).encoded(),
        ReadCall.Promises([version(), version(parts: 0)]).encoded(),
        ReadCall.oldestWork(in: Fixture.there).encoded(), ReadCall.OldestWork(version().stamp).encoded(),
        ApplyAnswer.done(.updated).encoded(), ApplyAnswer.wantsBytes(from: 8 << 20).encoded(),
        ApplyAnswer.refused(reason: "DstBucketNotFound").encoded(),
    ]

    @Test(arguments: [ApplyCall.Body.none, .whole, .from(0), .from(30)]) func pushesComeThroughAsTheyWere(
        body: ApplyCall.Body
    ) throws {
        var push = Fixture.push(Self.version(), kind: .attributes)
        push.createsVersion = false
        guard
            case .push(let read, let region, let readBody) = try ApplyCall(
                ApplyCall.push(push, to: Fixture.there, body).encoded())
        else {
            Issue.record("a push was read as something else")
            return
        }
        // Where the bytes are is nobody else's business.
        guard case .object(var content) = push.version.content else { return }
        content.data = .empty
        push.version.content = .object(content)
        #expect(read.version == push.version)
        #expect(region == Fixture.there)
        #expect(readBody == body)
        #expect(read.source == push.source)
        #expect(read.sourceBucket == push.sourceBucket)
        #expect(read.destination == push.destination)
        #expect(read.ruleID == push.ruleID)
        #expect(read.kind == push.kind)
        #expect(read.createsVersion == false)
    }

    @Test(arguments: [
        ApplyAnswer.done(.applied), .done(.erased), .wantsBytes(from: 0), .wantsBytes(from: 1 << 40),
        .unavailable(reason: "busy"), .refused(reason: ""), .awake,
    ]) func answersComeThroughAsTheyWere(answer: ApplyAnswer) throws {
        #expect(try ApplyAnswer(answer.encoded()) == answer)
    }

    @Test func questionsComeThroughAsTheyWere() throws {
        let stamp = Self.version().stamp
        let calls = [
            ReadCall.promises(Self.question(nil), of: Fixture.photos, in: Fixture.there),
            .promises(Self.question(.null), of: Fixture.photos, in: Fixture.there),
            .promises(Self.question(.stamp(stamp)), of: Fixture.photos, in: Fixture.there),
            .content(
                ObjectKey(stored: "k"), stamp, isNull: true, range: 5..<1 << 40, of: Fixture.photos, in: Fixture.there),
        ]
        for call in calls + [.oldestWork(in: Fixture.here)] { #expect(try ReadCall(call.encoded()) == call) }
        for oldest in [ReadCall.OldestWork(nil), ReadCall.OldestWork(stamp)] {
            #expect(try ReadCall.OldestWork(encoded: oldest.encoded()) == oldest)
        }
    }

    @Test func limitsHold() throws {
        #expect(throws: RecordError.self) { try ApplyCall([]) }
        #expect(throws: RecordError.self) { try ApplyCall([2, 0]) }
        #expect(throws: RecordError.self) { try ApplyCall([1, 0, 0]) }
        #expect(throws: RecordError.self) { try ApplyCall(Array(repeating: 1, count: ApplyCall.maximumBytes + 1)) }
        #expect(throws: RecordError.self) { try ReadCall(Array(repeating: 1, count: ReadCall.maximumBytes + 1)) }
        for offset in [-1, 31, Int64.max, Int64.min] {
            #expect(throws: RecordError.self, "bytes from \(offset) on") {
                try ApplyCall(ApplyCall.push(Fixture.push(Self.version()), to: Fixture.there, .from(offset)).encoded())
            }
        }
        for size in [-1, 1 << 51, Int64.max] {
            var version = Self.version()
            guard case .object(var content) = version.content else { return }
            content.size = size
            version.content = .object(content)
            #expect(throws: RecordError.self, "\(size) bytes") {
                try ApplyCall(ApplyCall.push(Fixture.push(version), to: Fixture.there, .none).encoded())
            }
        }
        let many = Array(repeating: Self.version(parts: 0), count: PromiseQuestion.promisesTold + 1)
        #expect(throws: RecordError.self) { try ReadCall.Promises(encoded: ReadCall.Promises(many).encoded()) }
    }

    /// Whatever bytes come, they are read or refused, and what is read can be written again.
    @Test(arguments: 0..<200) func damagedBytesAreRefusedOrRead(seed: Int) {
        var numbers = SeededNumbers(UInt64(seed))
        for sample in Self.samples {
            var bytes = sample
            for _ in 0..<Int.random(in: 1...4, using: &numbers) where !bytes.isEmpty {
                let place = Int.random(in: 0..<bytes.count, using: &numbers)
                switch Int.random(in: 0..<4, using: &numbers) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &numbers)
                case 1: bytes.removeSubrange(place...)
                case 2: bytes.insert(UInt8.random(in: 0...255, using: &numbers), at: place)
                default: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &numbers)
                }
            }
            if let call = try? ApplyCall(bytes) { #expect((try? ApplyCall(call.encoded())) != nil) }
            if let answer = try? ApplyAnswer(bytes) { #expect((try? ApplyAnswer(answer.encoded())) == answer) }
            if let call = try? ReadCall(bytes) { #expect((try? ReadCall(call.encoded())) == call) }
            if let oldest = try? ReadCall.OldestWork(encoded: bytes) {
                #expect((try? ReadCall.OldestWork(encoded: oldest.encoded())) == oldest)
            }
            if let promises = try? ReadCall.Promises(encoded: bytes) {
                #expect((try? ReadCall.Promises(encoded: promises.encoded())) == promises)
            }
        }
    }
}
