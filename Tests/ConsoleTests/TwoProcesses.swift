import Cluster
import Environment
import Gateway
import Logging
import NIOCore
import Replication
import S3Model
import Storage
import Synchronization
import Testing

@testable import AccessPoints
@testable import Console

enum Silence {
    /// Returns by throwing `CancellationError` only.
    static func wait() async throws {
        let (nothing, end) = AsyncStream.makeStream(of: Never.self)
        for await _ in nothing {}
        end.finish()
        throw CancellationError()
    }
}

/// A clock that stands still. Who sleeps, sleeps until cancelled.
final class StillTime: TimeSource {
    private let moment = Mutex<Int64>(1_700_000_000_000)

    func wallMilliseconds() -> Int64 {
        moment.withLock { moment in
            moment += 1
            return moment
        }
    }
    func monotonicNanoseconds() -> UInt64 { 1_000_000_000 }
    func sleep(nanoseconds: UInt64) async throws { try await Silence.wait() }
}

/// Never waits: whoever has patience has lost it at once.
struct ImpatientTime: TimeSource {
    func wallMilliseconds() -> Int64 { 1_700_000_000_000 }
    func monotonicNanoseconds() -> UInt64 { 1_000_000_000 }
    func sleep(nanoseconds: UInt64) async throws {}
}

/// Another process, without a wire: heads go through the services as bytes, and are counted.
final class FakePeer: PeerCalling {
    enum Mood: Sendable {
        case answering
        case away
        /// Takes calls and never answers.
        case silent
        /// Answers with bytes that mean nothing.
        case garbled
    }

    let place = "127.0.0.1:9001"
    private let services = Mutex<[String: any PeerService]>([:])
    private let mood = Mutex(Mood.answering)
    private let traffic = Mutex<[String: Int]>([:])

    func serve(_ services: [String: any PeerService]) { self.services.withLock { $0 = services } }
    func feels(_ mood: Mood) { self.mood.withLock { $0 = mood } }

    /// Bytes of heads there and back since the last look.
    func exchanged() -> Int {
        traffic.withLock { all in
            defer { all = [:] }
            return all.values.reduce(0, +)
        }
    }

    func call(_ name: String, _ message: PeerMessage) async throws -> PeerMessage {
        switch mood.withLock({ $0 }) {
        case .away: throw PeerFault.unavailable(reason: "\(place): nobody listens")
        case .silent:
            try await Silence.wait()
            throw CancellationError()
        case .garbled: return PeerMessage(head: [7, 7, 7])
        case .answering: break
        }
        guard let service = services.withLock({ $0[name] }) else {
            throw PeerFault.refused(code: nil, reason: "there is no call '\(name)'")
        }
        do {
            let answer = try await service.answer(message)
            traffic.withLock { $0[name, default: 0] += message.head.count + answer.head.count }
            return answer
        } catch let error as S3Error {
            throw PeerFault.refused(code: error.code, reason: error.description)
        }
    }
}

/// Where `near` (bucket `here`) is in the process that is asked and `far` (bucket `there`) in another one. The two buckets
/// replicate to each other; nothing is sent unless a test does it.
struct TwoProcesses {
    static let near = RegionName(literal: "us-east-1")
    static let far = RegionName(literal: "eu-west-1")

    struct Status: RegionStatusSource {
        var store: RegionStore

        func regionStatus(_ region: RegionName) async -> RegionStatusReport? {
            guard region == store.region else { return nil }
            return RegionStatusReport(
                region: .init(
                    name: region.rawValue, isHome: true, isHealthy: true, buckets: store.listBuckets().count),
                replication: [])
        }
    }

    let control = InMemoryControlStore()
    let nearStore: RegionStore
    let farStore: RegionStore
    let services: [ReplicationService]
    let admin: ReplicationAdmin
    let here: BucketName
    let there: BucketName
    let owner: Owner

    /// - Parameter peer: how the process of `far` is reached, with its services.
    init(
        time: any TimeSource = StillTime(), peer: ([String: any PeerService]) async throws -> any PeerCalling
    ) async throws {
        let random = SystemRandomSource()
        let clock = StillTime()
        owner = Owner(account: try #require(AccountID("111122223333")), canonicalID: "c", displayName: "d")
        here = try #require(BucketName("here"))
        there = try #require(BucketName("there"))
        let buckets = BucketDirectory(store: control, time: clock)
        nearStore = try await Self.region(Self.near, here, owner, clock, random, buckets)
        farStore = try await Self.region(Self.far, there, owner, clock, random, buckets)
        let locate: @Sendable (BucketName) -> BucketLocation? = { buckets.location(of: $0) }
        services = [nearStore, farStore].map {
            ReplicationService(region: $0, links: [:], locate: locate, time: clock, random: random)
        }
        let far = RegionAdmin(
            store: farStore, service: services[1], locate: locate, names: [Self.far, Self.near], time: clock)
        let peer = try await peer([
            AdminService.call: AdminService(regions: [Self.far: far], status: Status(store: farStore)),
            VerificationService.call: VerificationService(regions: [Self.far: farStore]),
        ])
        let table = RoutingTable(store: control, time: clock)
        let places = RegionDirectory(regions: [Self.near, Self.far])
        let verified: [RegionName: any VerifiedRegion] = [
            Self.near: nearStore, Self.far: RemoteRegion(Self.far, at: peer, time: time),
        ]
        admin = ReplicationAdmin(
            stores: [Self.near: nearStore], services: [services[0]], peers: [Self.far: peer], directory: buckets,
            table: table,
            registry: AccessPointRegistry(
                store: control, buckets: buckets, regions: places, table: table, time: clock, random: random),
            limits: BandwidthLimits(
                control: control, services: services, time: clock, log: Logger(label: "test")),
            jobs: BatchJobRegistry(
                control: control, locate: locate,
                bucket: { try await verified[$0.region]?.bucket($0.name) }, shareProcess: { $0 == $1 },
                time: clock, random: random), time: time)
    }

    private static func region(
        _ name: RegionName, _ bucket: BucketName, _ owner: Owner, _ time: any TimeSource, _ random: any RandomSource,
        _ directory: BucketDirectory
    ) async throws -> RegionStore {
        let store = try await RegionStore.open(
            region: name, metadata: InMemoryMetadataStore(), blobs: InMemoryBlobStore(), time: time, random: random,
            planner: RulePlanner(region: name))
        try await directory.create(name: bucket, region: name, owner: owner) {
            _ = try await store.createBucket(bucket, owner: owner)
        }
        try await store.setVersioning(.enabled, bucket: bucket)
        return store
    }

    static func withFakePeer(time: any TimeSource = StillTime()) async throws -> (TwoProcesses, FakePeer) {
        let fake = FakePeer()
        let world = try await TwoProcesses(time: time) { services in
            fake.serve(services)
            return fake
        }
        return (world, fake)
    }

    // MARK: What happens in it

    /// Both buckets replicate everything to each other.
    func addRules() async throws {
        for (store, bucket, other) in [(nearStore, here, there), (farStore, there, here)] {
            var rule = ReplicationRule(id: "to-\(other)", schema: .v2, destination: .init(bucket: other))
            rule.deleteMarkerReplication = true
            rule.replicaModifications = true
            rule.priority = 1
            try await store.setReplication(
                ReplicationConfiguration(role: "arn:aws:iam::111122223333:role/r", rules: [rule]), bucket: bucket)
        }
    }

    /// An access point `points` over both buckets.
    func addAccessPoint() async throws {
        _ = try await admin.registry.create(
            CreateAccessPoint(name: "points", regions: [.init(bucket: "here"), .init(bucket: "there")]),
            account: owner.account, clientToken: "c")
        for _ in 0..<2 { _ = try await admin.registry.advancePending() }
        try await admin.table.refresh()
    }

    @discardableResult
    func put(_ key: String, in store: RegionStore) async throws -> ObjectVersion {
        let content = try await store.stage(BufferSource(ByteBuffer(string: key)), digests: DigestPlan())
        let bucket = store.region == Self.near ? here : there
        let put = ObjectPut(
            bucket: bucket, key: try #require(ObjectKey(key)), owner: owner, metadata: ObjectMetadata())
        return try await store.putObject(put, content: content)
    }

    /// Brings everything that waits in `store` to the other one.
    func deliver(from store: RegionStore) async throws {
        let other = store.region == Self.near ? farStore : nearStore
        let destination = store.region == Self.near ? there : here
        for entry in try store.outbox(destination: destination, after: 0, limit: 10_000) {
            guard case .version(let version, _) = try store.work(of: entry) else { continue }
            let body = try store.content(of: version, range: 0..<(version.object?.size ?? 0))
            _ = try await other.applyReplica(version, bucket: destination, body: body, creates: true)
            try await store.complete([entry])
        }
    }

    func ask<Report: Decodable>(
        _ type: Report.Type, _ method: String, _ path: String, _ query: String = ""
    ) async throws -> Report {
        let bytes = try await admin.perform(method: method, path: path, query: try QueryItems(parsing: query[...]))
        return try AdminAnswer(region: Self.near, bytes: bytes).decode(type)
    }
}
