import Cluster
import Environment
import NIOCore
import S3Model
import Storage
import Synchronization
import Testing

@testable import Replication

/// What becomes of waiting work when rules change, and of outcomes that the store does not take.
@Suite struct RuleChangeTests {
    /// Takes whatever comes.
    private struct Peer: PeerLink {
        let region = RegionName(literal: "us-east-1")
        func apply(_ push: ReplicaPush, body: (any ByteSource)?) async throws -> ApplyOutcome { .applied }
    }

    /// Ends a store's process after some more durable steps.
    private final class Steps: Sendable {
        private let left = Mutex<Int?>(nil)
        func end(after count: Int) { left.withLock { $0 = count } }
        func pass() throws {
            try left.withLock { left in
                guard let count = left else { return }
                if count == 0 { throw StorageError.diskFull }
                left = count - 1
            }
        }
    }

    private static func rules(_ rules: ReplicationRule...) -> ReplicationConfiguration {
        ReplicationConfiguration(role: "arn:aws:iam::111122223333:role/r", rules: rules)
    }

    /// A bucket with one version that waits for `copy` by the rule `r`.
    private func withWaiting(_ body: (RegionStore, ReplicaSender, OutboxEntry, Steps) async throws -> Void) async throws
    {
        let steps = Steps()
        let (time, random) = (BatchTime(), SeededRandom(1))
        let store = try await RegionStore.open(
            region: Fixtures.origin, metadata: InMemoryMetadataStore { _ in try steps.pass() },
            blobs: InMemoryBlobStore(), time: time, random: random, planner: RulePlanner(region: Fixtures.origin))
        _ = try await store.createBucket(BatchWorld.source, owner: Fixtures.owner)
        try await store.setVersioning(.enabled, bucket: BatchWorld.source)
        try await store.setReplication(
            Self.rules(Fixtures.rule("r", to: "copy", priority: 1)), bucket: BatchWorld.source)
        let content = try await store.stage(BufferSource(ByteBuffer(string: "k")), digests: DigestPlan())
        let put = ObjectPut(
            bucket: BatchWorld.source, key: ObjectKey(stored: "k"), owner: Fixtures.owner, metadata: ObjectMetadata())
        _ = try await store.putObject(put, content: content)
        let peer = Peer()
        let sender = ReplicaSender(
            store: store, links: [peer.region: peer],
            locate: { BucketLocation(name: $0, region: peer.region, owner: Fixtures.owner) }, time: StillTime(),
            throttles: [:], smallBytes: 1, counters: ReplicationCounters())
        let entry = try #require(try store.outbox(destination: BatchWorld.destination, after: 0, limit: 9).first)
        try await body(store, sender, entry, steps)
    }

    /// Nothing that waits for time goes on.
    private struct StillTime: TimeSource {
        func wallMilliseconds() -> Int64 { 1_800_000_000_000 }
        func monotonicNanoseconds() -> UInt64 { 0 }
        func sleep(nanoseconds: UInt64) async throws {
            let never = AsyncSignal()
            await never.wait()
            try Task.checkCancellation()
        }
    }

    @Test func aRuleThatLeadsElsewhereNowBringsNothingToWhereItLed() async throws {
        try await withWaiting { store, sender, entry, steps in
            #expect(await sender.send(entry) == .delivered)
            // The change is committed, and then the process comes to nothing more.
            steps.end(after: 2)
            await #expect(throws: StorageError.diskFull) {
                try await store.setReplication(
                    Self.rules(Fixtures.rule("r", to: "elsewhere", priority: 1)), bucket: BatchWorld.source)
            }
            #expect(await sender.send(entry) == .unsendable(reason: "SrcBucketReplicationConfigMissing"))
        }
    }

    @Test(.timeLimit(.minutes(1))) func aStoreThatTakesNoOutcomesSaysWhy() async throws {
        try await withWaiting { store, sender, _, steps in
            let told = AsyncSignal()
            let reasons = Mutex<[String]>([])
            let hooks = ReplicationHooks { notice in
                guard case .storeTrouble(let reason) = notice else { return }
                reasons.withLock { $0.append(reason) }
                told.notify()
            }
            let service = ReplicationService(
                region: store, links: sender.links, locate: sender.locate, time: BatchTime(), random: SeededRandom(2),
                hooks: hooks)
            steps.end(after: 0)
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await service.run() }
                await told.wait()
                group.cancelAll()
            }
            #expect(reasons.withLock { $0.first }?.hasPrefix("recording what was sent: ") == true)
        }
    }

    /// A job sends replicas, which no rule takes when they are made: its work follows the rules all the same.
    @Test func aJobsReplicasFollowTheRules() async throws {
        let world = try await BatchWorld()
        let store = world.store
        try await world.promise()
        let replica = Fixtures.version("k", region: RegionName(literal: "us-east-1"), size: 0)
        _ = try await store.applyReplica(replica, bucket: BatchWorld.source, body: nil)
        _ = try await store.enqueueExisting([replica.reference], bucket: BatchWorld.source) { version, bucket in
            ExistingPlan().entries(for: version, in: bucket, at: Timestamp(milliseconds: 1))
        }
        func waiting() throws -> [String] {
            try store.outbox(destination: BatchWorld.destination, after: 0, limit: 9)
                .map { "\($0.ruleID) \($0.isForJob)" }
        }
        func rename(_ id: String) async throws {
            try await store.setReplication(
                Self.rules(Fixtures.rule(id, to: "copy", priority: 1)), bucket: BatchWorld.source)
        }
        #expect(try waiting() == ["r true"])
        try await rename("new")
        #expect(try waiting() == ["new true"])

        try await store.setReplication(nil, bucket: BatchWorld.source)
        let failures = try store.failures(of: BatchWorld.source, limit: 9)
        #expect(failures.map(\.reason) == ["SrcBucketReplicationConfigMissing"])
        try await rename("newer")
        #expect(try await store.retryFailures(of: BatchWorld.source).retried == 1)
        #expect(try waiting() == ["newer true"])
        try await store.complete(try store.outbox(destination: BatchWorld.destination, after: 0, limit: 9))
        #expect(
            try store.object(replica.key, version: nil, bucket: BatchWorld.source).replication == .replica)
    }
}
