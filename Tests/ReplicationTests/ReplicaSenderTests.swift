import Cluster
import Environment
import NIOCore
import S3Model
import Storage
import Synchronization
import Testing

@testable import Replication

@Suite struct ReplicaSenderTests {
    private final class Peer: PeerLink {
        let region = RegionName(literal: "us-east-1")
        let outcome: Result<ApplyOutcome, StorageError>

        init(_ outcome: ApplyOutcome) { self.outcome = .success(outcome) }
        init(throwing error: StorageError) { outcome = .failure(error) }

        func apply(_ push: ReplicaPush, body: (any ByteSource)?) async throws -> ApplyOutcome { try outcome.get() }
    }

    private let push = ReplicaPush(
        source: Fixtures.origin, sourceBucket: Fixtures.bucketName("source"),
        destination: Fixtures.bucketName("destination"),
        ruleID: "r", kind: .object, version: Fixtures.version("k"))

    /// A link says as a refusal what is damaged at its other end; so this is about the bytes that it was given.
    @Test func bytesThatAreDamagedHereAreNotSentForEver() async {
        let peer = Peer(throwing: .corrupt(detail: "too few bytes"))
        let told = await ReplicaSender.apply(push, body: nil, through: peer, ReplicationCounters())
        guard case .unsendable(let reason) = told else {
            Issue.record("\(told)")
            return
        }
        #expect(reason.contains("too few bytes"))
    }

    /// The sender gives up on who makes no progress.
    @Test func aPeerThatIsAtWorkMakesProgress() async throws {
        let store = try await RegionStore.open(
            region: Fixtures.origin, metadata: InMemoryMetadataStore(), blobs: InMemoryBlobStore(), time: BatchTime(),
            random: SystemRandomSource(), planner: RulePlanner(region: Fixtures.origin))
        let body = ReplicaBody(store: store, version: Fixtures.version("k"), throttle: nil) { nil }
        let before = body.progress
        (body as any ResumableSource).noteProgress()
        #expect(body.progress != before)
    }

    @Test(arguments: [ApplyOutcome.applied, .updated, .unchanged, .erased])
    func deliveriesThatChangeNothingAreCounted(outcome: ApplyOutcome) async {
        let counters = ReplicationCounters()
        let peer = Peer(outcome)
        let told = await ReplicaSender.apply(push, body: nil, through: peer, counters)
        #expect(told == (outcome == .erased ? .erased : .delivered))
        #expect(counters.snapshot()[peer.region]?.unchanged ?? 0 == ([.unchanged, .erased].contains(outcome) ? 1 : 0))
    }

    // MARK: What comes in the way while bytes are on their way

    /// Takes the bytes as they come, and lets something happen after the first piece.
    private final class SlowPeer: PeerLink {
        let region = RegionName(literal: "us-east-1")
        let taken = Mutex<Int64>(0)
        private let happens: @Sendable () async throws -> Void

        init(_ happens: @escaping @Sendable () async throws -> Void) { self.happens = happens }

        func apply(_ push: ReplicaPush, body: (any ByteSource)?) async throws -> ApplyOutcome {
            while let piece = try await body?.next() {
                let isFirst = taken.withLock { taken in
                    taken += Int64(piece.readableBytes)
                    return taken == piece.readableBytes
                }
                if isFirst { try await happens() }
            }
            return .applied
        }
    }

    /// Waits as long as it is let.
    private struct PatientTime: TimeSource {
        func wallMilliseconds() -> Int64 { 1_800_000_000_000 }
        func monotonicNanoseconds() -> UInt64 { 0 }
        func sleep(nanoseconds: UInt64) async throws {
            let never = AsyncSignal()
            await never.wait()
            try Task.checkCancellation()
        }
    }

    enum Event: CaseIterable, Sendable { case nothing, removal, ruleDisabled, rulesRemoved }

    @Test(arguments: Event.allCases)
    func whatIsRemovedOnItsWayDoesNotArrive(event: Event) async throws {
        let world = try await BatchWorld()
        try await world.promise()
        let size: Int64 = 3 << 20
        let store = world.store
        let content = try await store.stage(
            BufferSource(ByteBuffer(repeating: 7, count: Int(size))), digests: DigestPlan())
        let put = ObjectPut(
            bucket: BatchWorld.source, key: ObjectKey(stored: "k"), owner: Fixtures.owner, metadata: ObjectMetadata())
        let version = try await store.putObject(put, content: content)
        let peer = SlowPeer {
            switch event {
            case .nothing: break
            case .removal:
                _ = try await store.deleteObject(
                    version.key, version: version.versionID, bucket: BatchWorld.source, owner: Fixtures.owner)
            case .ruleDisabled:
                var rule = Fixtures.rule("r", to: BatchWorld.destination.rawValue, priority: 1)
                rule.isEnabled = false
                try await store.setReplication(
                    ReplicationConfiguration(role: "arn:aws:iam::111122223333:role/r", rules: [rule]),
                    bucket: BatchWorld.source)
            case .rulesRemoved: try await store.setReplication(nil, bucket: BatchWorld.source)
            }
        }
        // A limited link takes pieces of a mebibyte at most.
        let throttle = LinkThrottle(time: PatientTime())
        throttle.limit = 1 << 40
        let sender = ReplicaSender(
            store: store, links: [peer.region: peer],
            locate: { BucketLocation(name: $0, region: peer.region, owner: Fixtures.owner) }, time: PatientTime(),
            throttles: [peer.region: throttle], smallBytes: 1 << 20, counters: ReplicationCounters())
        let entry = try #require(try store.outbox(destination: BatchWorld.destination, after: 0, limit: 1).first)
        let expected: [Event: LinkMachine.Outcome] = [
            .nothing: .delivered, .removal: .superseded, .ruleDisabled: .ruleDisabled, .rulesRemoved: .superseded,
        ]
        #expect(await sender.send(entry) == expected[event])
        #expect(peer.taken.withLock { $0 == size } == (event == .nothing), "all of it, or not the last piece")
    }
}
