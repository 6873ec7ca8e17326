import AccessPoints
import Cluster
import Environment
import NIOCore
import NIOHTTP1
import Policy
import S3Model
import SigV4
import Storage
import Synchronization
import Testing

@testable import Gateway

/// A member of an access point with a front of its own, in front of which another region answers reads.
@Suite("Reads of what is still on its way from another process", .timeLimit(.minutes(1)))
struct ReadThroughPeerTests {
    private typealias Fixture = PeerFixture

    /// Nothing is sent: what is put `there` into `photos` stays on its way to the bucket `copies` `here`.
    private struct World {
        let here: RegionStore
        let there: RegionStore
        let front: HTTPFront
        let peer: PeerReads
        let client: RawClient

        func get(_ path: String, method: String = "GET", headers: String = "") async throws -> RawClient.Response {
            try await client.send("\(method) \(path) HTTP/1.1\r\nHost: a\r\n\(headers)\r\n")
            return try await client.response(toHEAD: method == "HEAD")
        }
    }

    /// - Parameter wrapping: what the other process answers with, around ``ReadService``.
    private func withWorld(
        reads mode: ReadThroughMode = .readThrough, time: any TimeSource = PatientTime(),
        wrapping: (ReadService) -> any PeerService = { $0 }, _ body: (World) async throws -> Void
    ) async throws {
        let (here, there) = (try await Fixture.region(Fixture.here), try await Fixture.region(Fixture.there))
        try await Fixture.createBucket(Fixture.copies, in: here)
        try await Fixture.createBucket(Fixture.photos, in: there)
        var rule = ReplicationRule(id: "r", schema: .v2, destination: .init(bucket: Fixture.copies))
        rule.deleteMarkerReplication = true
        try await there.setReplication(
            ReplicationConfiguration(role: "", rules: [rule]), bucket: Fixture.photos)
        let services = [ReadService.name: wrapping(ReadService(regions: [Fixture.there: there]))]
        try await Fixture.withPeer(services) { front, peerPort in
            let peer = try Fixture.client(peerPort)
            let reads = PeerReads(Fixture.there, over: peer, time: time)
            let asker = Asker(
                router: Self.router(here, reads),
                point: try Self.accessPoint(mode), store: here)
            try await withFront(respond: { await asker.respond(to: $0) }) { _, port in
                try await body(
                    World(
                        here: here, there: there, front: front, peer: reads, client: try await RawClient.connect(port)))
            }
            peer.close()
        }
    }

    private static func router(_ here: RegionStore, _ peer: PeerReads) -> Router {
        let control = InMemoryControlStore()
        return Router(
            regions: [Fixture.here: here], directory: BucketDirectory(store: control, time: WallClock()),
            table: RoutingTable(store: control, time: WallClock()), home: Fixture.here,
            places: RegionDirectory(regions: [Fixture.here, Fixture.there]), random: SystemRandomSource(),
            peerReads: [Fixture.there: peer])
    }

    private static func accessPoint(_ reads: ReadThroughMode) throws -> RoutingEntry {
        let members = [(Fixture.copies, Fixture.here), (Fixture.photos, Fixture.there)]
        let point = AccessPoint(
            name: try #require(AccessPointName("point")), alias: try #require(AccessPointAlias("mabc.mrap")),
            account: Fixture.owner.account, created: Timestamp(milliseconds: 1), status: .ready,
            regions: members.map { MemberBucket(bucket: $0, account: Fixture.owner.account, region: $1) },
            publicAccessBlock: PublicAccessBlock(), policy: AccessPointPolicy())
        let dials = members.map { Routes.Dial(bucket: $0, region: $1, percentage: 100) }
        return RoutingEntry(
            accessPoint: point, routes: Routes(version: 1, changed: Timestamp(milliseconds: 1), dials: dials),
            reads: reads)
    }

    /// The part of the pipeline behind routing.
    private struct Asker: Sendable {
        let router: Router
        let point: RoutingEntry
        let store: RegionStore

        func respond(to http: HTTPRequest) async -> HTTPResponse {
            var trace = RequestTrace(id: RequestID(1, 2), startedNanoseconds: 0)
            trace.method = http.method
            do {
                return ResponseEncoder.encode(try await answer(http), for: trace)
            } catch {
                return ResponseEncoder.encode(error: S3Error(reporting: error), isControl: false, for: trace)
            }
        }

        private func answer(_ http: HTTPRequest) async throws -> S3Response {
            let parts = http.target.split(separator: "?", maxSplits: 1)
            let request = S3Request(
                id: RequestID(1, 2), operation: .getObject,
                query: try QueryItems(parsing: parts.count > 1 ? parts[1] : ""), http: http,
                authentication: Authentication(principal: .anonymous, signature: nil, payload: .absent),
                caller: Identity(owner: Fixture.owner, userName: nil), now: Timestamp(milliseconds: 1), path: "/")
            let target = BucketRequest(
                request: request, store: store, bucket: try store.bucket(Fixture.copies),
                key: ObjectKey(stored: String(parts[0].dropFirst())), accessPoint: point, routing: nil)
            let objects = ObjectOperations(router: router)
            if http.method == "HEAD" {
                if let answer = try objects.headObject(target) { return answer }
                return try await objects.headPromised(target)
            }
            if let answer = try objects.getObject(target) { return answer }
            return try await objects.getPromised(target)
        }
    }

    @Test(arguments: [0, 1, 100_000, 3 << 20]) func whatIsOnItsWayIsRead(size: Int) async throws {
        try await withWorld { world in
            let bytes = ByteBuffer(repeating: UInt8(ascii: "a"), count: size)
            let version = try await Fixture.put(bytes, at: "cat", in: Fixture.photos, world.there)
            let all = try await world.get("/cat")
            #expect(all.status == 200)
            #expect(all.body == String(buffer: bytes))
            #expect(all.headers["x-amz-version-id"] == [version.versionID.description])
            #expect(all.headers["etag"] == [version.object?.etag.quoted])
            #expect(all.headers["x-meridian-served-by"] == [Fixture.there.rawValue])
            let head = try await world.get("/cat", method: "HEAD")
            #expect(head.headers["content-length"] == ["\(size)"])
            #expect(try await world.get("/cat?versionId=\(version.versionID)").body == String(buffer: bytes))
            #expect(try await world.get("/dog").status == 404)
        }
    }

    @Test func rangesAreReadWhereTheyAre() async throws {
        try await withWorld { world in
            let text = String((0..<20_000).map { Character(UnicodeScalar(UInt8(97 + $0 % 26))) })
            try await Fixture.put(ByteBuffer(string: text), at: "cat", in: Fixture.photos, world.there)
            for (from, to) in [(0, 0), (5, 9), (19_990, 19_999), (0, 19_999)] {
                let part = try await world.get("/cat", headers: "Range: bytes=\(from)-\(to)\r\n")
                #expect(part.status == 206)
                #expect(part.headers["content-range"] == ["bytes \(from)-\(to)/20000"])
                #expect(Array(part.body.utf8) == Array(Array(text.utf8)[from...to]))
            }
            #expect(try await world.get("/cat", headers: "Range: bytes=20000-\r\n").status == 416)
            #expect(try await world.get("/cat", headers: "If-None-Match: *\r\n").status == 304)
        }
    }

    @Test func whatIsHereIsNotAskedFor() async throws {
        let calls = CallCount()
        try await withWorld(wrapping: { Counting(service: $0, calls: calls) }) { world in
            try await Fixture.put(ByteBuffer(string: "here"), at: "cat", in: Fixture.copies, world.here)
            try await Fixture.put(ByteBuffer(string: "there"), at: "cat", in: Fixture.photos, world.there)
            #expect(try await world.get("/cat").body == "here")
            #expect(calls.value == 0)
            #expect(try await world.get("/dog").status == 404)
            #expect(calls.value == 1)
        }
    }

    @Test func theFreshestIsAskedForAlways() async throws {
        try await withWorld(reads: .freshest) { world in
            let older = try await Fixture.put(ByteBuffer(string: "here"), at: "cat", in: Fixture.copies, world.here)
            var newer = older
            // Within one millisecond the regions' names decide.
            while newer.stamp <= older.stamp {
                newer = try await Fixture.put(ByteBuffer(string: "there"), at: "cat", in: Fixture.photos, world.there)
            }
            #expect(try await world.get("/cat").body == "there")
            _ = try await world.there.deleteObject(
                ObjectKey(stored: "cat"), version: nil, bucket: Fixture.photos, owner: Fixture.owner)
            #expect(try await world.get("/cat").status == 404, "its deletion is on the way")
        }
    }

    /// Its sender has not learnt yet that it arrived.
    @Test func whatWasRemovedHereIsNotReadFromThere() async throws {
        try await withWorld { world in
            let bytes = ByteBuffer(string: "old")
            let version = try await Fixture.put(bytes, at: "cat", in: Fixture.photos, world.there)
            _ = try await world.here.applyReplica(version, bucket: Fixture.copies, body: BufferSource(bytes))
            #expect(try await world.get("/cat").headers["x-meridian-served-by"] == [])
            _ = try await world.here.deleteObject(
                version.key, version: version.versionID, bucket: Fixture.copies, owner: Fixture.owner)
            #expect(try await world.get("/cat").status == 404)
        }
    }

    @Test func aPeerThatIsGonePromisesNothing() async throws {
        try await withWorld { world in
            try await Fixture.put(ByteBuffer(string: "there"), at: "cat", in: Fixture.photos, world.there)
            try await Fixture.put(ByteBuffer(string: "here"), at: "dog", in: Fixture.copies, world.here)
            await world.front.shutdown(grace: .zero)
            for _ in 0..<3 { #expect(try await world.get("/cat").status == 404) }
            #expect(try await world.get("/dog").body == "here")
        }
    }

    /// What was removed is forgotten only when it is known that nobody sends it any more.
    @Test func theOldestWorkOfAnotherProcessIsKnownOrAnError() async throws {
        try await withWorld { world in
            #expect(try await world.peer.oldestReplicationWork() == nil)
            let version = try await Fixture.put(ByteBuffer(string: "a"), at: "cat", in: Fixture.photos, world.there)
            #expect(try await world.peer.oldestReplicationWork() == version.stamp)
            await world.front.shutdown(grace: .zero)
            await #expect(throws: PeerFault.self) { try await world.peer.oldestReplicationWork() }
        }
    }

    /// The call is ended, and the region is left alone for a moment.
    @Test func aPeerThatDoesNotAnswerPromisesNothing() async throws {
        let calls = CallCount()
        let time = StoppedTime()
        try await withWorld(time: time, wrapping: { _ in Silent(calls: calls, time: time) }) { world in
            try await Fixture.put(ByteBuffer(string: "there"), at: "cat", in: Fixture.photos, world.there)
            for asked in 1...3 {
                #expect(try await world.get("/cat").status == 404)
                #expect(try await world.get("/cat").status == 404)
                #expect(calls.value == asked)
                time.advance(milliseconds: PeerReads.silenceMilliseconds)
            }
        }
    }

    @Test func aVersionThatIsGoneByThenIsAskedForAgain() async throws {
        try await withWorld(wrapping: { Forgetful(service: $0) }) { world in
            try await Fixture.put(ByteBuffer(repeating: 1, count: 100_000), at: "cat", in: Fixture.photos, world.there)
            #expect(try await world.get("/cat").status == 503)
            #expect(try await world.get("/cat", method: "HEAD").status == 200)
        }
    }

    @Test func bytesThatBreakOffBreakTheAnswerOff() async throws {
        try await withWorld(wrapping: { Cut(service: $0) }) { world in
            try await Fixture.put(ByteBuffer(repeating: 1, count: 1 << 20), at: "cat", in: Fixture.photos, world.there)
            await #expect(throws: RawClient.Failure.self) { try await world.get("/cat") }
        }
    }

    // MARK: Peers of several kinds

    private final class CallCount: Sendable {
        private let count = Atomic<Int>(0)
        var value: Int { count.load(ordering: .relaxed) }
        func add() { count.add(1, ordering: .relaxed) }
    }

    private struct Counting: PeerService {
        let service: ReadService
        let calls: CallCount
        func answer(_ call: PeerMessage) async throws -> PeerMessage {
            calls.add()
            return try await service.answer(call)
        }
    }

    /// Stands still but for what a test says; whoever sleeps wakes when a call has come in.
    private final class StoppedTime: TimeSource {
        private let now = Atomic<UInt64>(1_000_000_000)
        let called = AsyncSignal()
        func wallMilliseconds() -> Int64 { 1_000 }
        func monotonicNanoseconds() -> UInt64 { now.load(ordering: .relaxed) }
        func sleep(nanoseconds: UInt64) async throws { await called.wait() }
        func advance(milliseconds: UInt64) { now.add(milliseconds * 1_000_000, ordering: .relaxed) }
    }

    private struct Silent: PeerService {
        let calls: CallCount
        let time: StoppedTime
        func answer(_ call: PeerMessage) async throws -> PeerMessage {
            calls.add()
            time.called.notify()
            try await WallClock().sleep(milliseconds: 3_600_000)
            return PeerMessage(head: [])
        }
    }

    /// Has promised a version, and does not have it any more when its bytes are wanted.
    private struct Forgetful: PeerService {
        let service: ReadService
        func answer(_ call: PeerMessage) async throws -> PeerMessage {
            guard
                case .content(let key, let stamp, let isNull, let range, let bucket, let region) = try ReadCall(
                    call.head)
            else { return try await service.answer(call) }
            let other = VersionStamp(milliseconds: 1, counter: 0, region: stamp.region)
            let changed = ReadCall.content(key, other, isNull: isNull, range: range, of: bucket, in: region)
            return try await service.answer(PeerMessage(head: changed.encoded()))
        }
    }

    private struct Cut: PeerService {
        let service: ReadService
        func answer(_ call: PeerMessage) async throws -> PeerMessage {
            var answer = try await service.answer(call)
            if let content = answer.content {
                answer.content = (CountingSource(pieces: 4, of: 1024, failsAtEnd: true), content.length)
            }
            return answer
        }
    }
}
