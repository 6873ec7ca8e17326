import AccessPoints
import Cluster
import Environment
import S3Model
import Synchronization
import Testing

/// A seeded generator (SplitMix64), so that a failing run can be repeated.
final class SeededRandom: RandomSource {
    private let state: Mutex<UInt64>
    init(_ seed: UInt64) { state = Mutex(seed) }

    func next() -> UInt64 {
        state.withLock { state in
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
    }
}

/// One process of the control plane: its own directory, table and registry over a shared store.
struct Edge: Sendable {
    let buckets: BucketDirectory
    let table: RoutingTable
    let registry: AccessPointRegistry

    /// Directory, table and worker until the task is cancelled.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await buckets.run() }
            group.addTask { await table.run() }
            group.addTask { await registry.run() }
        }
    }
}

/// Three regions, two accounts, one control store.
struct World: Sendable {
    let store = InMemoryControlStore()
    let time = TestTime()
    let random: SeededRandom
    let regions: RegionDirectory
    let east = RegionName(literal: "us-east-1")
    let ireland = RegionName(literal: "eu-west-1")
    let tokyo = RegionName(literal: "ap-northeast-1")
    let account: AccountID
    let other: AccountID

    init(seed: UInt64 = 1) throws {
        random = SeededRandom(seed)
        regions = RegionDirectory(regions: [east, ireland, tokyo])
        account = try #require(AccountID("111122223333"))
        other = try #require(AccountID("444455556666"))
    }

    func edge(_ settings: AccessPointRegistry.Settings = .init()) -> Edge {
        let buckets = BucketDirectory(store: store, time: time)
        let table = RoutingTable(store: store, time: time)
        let registry = AccessPointRegistry(
            store: store, buckets: buckets, regions: regions, table: table, time: time, random: random,
            settings: settings)
        return Edge(buckets: buckets, table: table, registry: registry)
    }

    func makeBucket(_ text: String, in region: RegionName, of account: AccountID? = nil) async throws {
        let name = try #require(BucketName(text))
        let account = account ?? self.account
        let owner = Owner(account: account, canonicalID: "c\(account)", displayName: "d")
        try await BucketDirectory(store: store, time: time).create(name: name, region: region, owner: owner) {}
    }

    /// `b-east`, `b-ireland`, `b-tokyo`.
    func makeBuckets() async throws {
        try await makeBucket("b-east", in: east)
        try await makeBucket("b-ireland", in: ireland)
        try await makeBucket("b-tokyo", in: tokyo)
    }

    func request(_ name: String = "orders", _ buckets: [String] = ["b-east", "b-ireland", "b-tokyo"])
        -> CreateAccessPoint
    {
        CreateAccessPoint(name: name, regions: buckets.map { CreateAccessPoint.Member(bucket: $0) })
    }

    /// Creates and settles; returns the ready point.
    @discardableResult
    func createReady(_ edge: Edge, _ name: String = "orders") async throws -> AccessPoint {
        _ = try await edge.registry.create(request(name), account: account, clientToken: "create-\(name)")
        try await settle(edge)
        return try await edge.registry.get(name, account: account)
    }

    /// Steps until nothing is pending.
    func settle(_ edge: Edge) async throws {
        for _ in 0..<10 where try await edge.registry.advancePending().remaining > 0 {}
    }
}

/// The code of the S3 error that `body` throws; `nil` when it throws none.
func code(_ body: () async throws -> Void) async -> S3ErrorCode? {
    do {
        try await body()
        return nil
    } catch {
        return (error as? S3Error)?.code
    }
}
