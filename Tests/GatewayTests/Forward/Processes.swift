import Cluster
import Environment
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Policy
import Replication
import S3Model
import SigV4
import Storage
import Synchronization
import Testing

@testable import AccessPoints
@testable import Gateway

/// Processes of one installation, each with real sockets, its own regions in memory, and its own view of one control
/// store. The first is the server.
final class Processes: Sendable {
    static let server = RegionName(literal: "us-east-1")
    static let west = RegionName(literal: "eu-west-1")
    static let south = RegionName(literal: "ap-south-1")
    static let regions = [server, west, south]
    static let secret = SigningSecret(accessKeyID: "AKIATEST", secretAccessKey: "secret")
    static let alias = "mtest1234.mrap"

    /// What reached the local pipeline of each process: `REGION OPERATION`.
    let answered = Mutex<[String]>([])
    let control = InMemoryControlStore()
    let running = Mutex<[RegionName: Process]>([:])
    let ports = Mutex<[RegionName: Int]>([:])
    let key: EdgeKey
    let owner: Owner

    init() throws {
        key = try #require(EdgeKey(bytes: Array(repeating: 7, count: EdgeKey.byteCount)))
        owner = Owner(account: try #require(AccountID("123456789012")), canonicalID: "c", displayName: "d")
    }

    /// One process, with one region.
    struct Process: Sendable {
        let region: RegionName
        let front: HTTPFront
        let store: RegionStore
        let directory: BucketDirectory
        let table: RoutingTable
        let responder: RegionForwarder
        let peers: [RegionName: PeerClient]

        func refresh() async throws {
            try await directory.refresh()
            try await table.refresh()
        }

        func close() {
            responder.close()
            for peer in peers.values { peer.close() }
        }
    }

    struct NoPages: ConsoleResponding {
        func respond(path: String, to request: HTTPRequest) async -> HTTPResponse { .text("page", status: 404) }
    }

    struct Observer: RequestObserver {
        let processes: Processes
        let region: RegionName
        func finished(_ trace: RequestTrace) {
            let name = trace.operation?.rawValue ?? trace.otherOperation ?? "?"
            processes.answered.withLock { $0.append("\(region) \(name)") }
        }
    }

    /// Runs `body` with a process per region.
    static func run(_ body: (Processes) async throws -> Void) async throws {
        let processes = try Processes()
        let slots = Dictionary(uniqueKeysWithValues: regions.map { ($0, Slot()) })
        try await withFronts(slots, regions[...], []) { fronts in
            for (region, front) in zip(regions, fronts) {
                let port = try #require(front.boundAddresses.first?.port)
                processes.ports.withLock { $0[region] = port }
            }
            for (region, front) in zip(regions, fronts) {
                let process = try await processes.make(region, front)
                slots[region]?.responder.withLock { $0 = process.responder }
                processes.running.withLock { $0[region] = process }
            }
            defer { for process in processes.running.withLock({ $0 }).values { process.close() } }
            try await body(processes)
        }
    }

    private final class Slot: Sendable {
        let responder = Mutex<(any HTTPResponder)?>(nil)
    }

    private static func withFronts(
        _ slots: [RegionName: Slot], _ rest: ArraySlice<RegionName>, _ fronts: [HTTPFront],
        body: ([HTTPFront]) async throws -> Void
    ) async throws {
        guard let region = rest.first, let slot = slots[region] else { return try await body(fronts) }
        try await withFront(respond: { request in
            await slot.responder.withLock { $0 }?.respond(to: request) ?? .text("not yet", status: 503)
        }) { front, _ in
            try await withFronts(slots, rest.dropFirst(), fronts + [front], body: body)
        }
    }

    private func make(_ region: RegionName, _ front: HTTPFront) async throws -> Process {
        let time = WallClock()
        let random = SystemRandomSource()
        let log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let group = MultiThreadedEventLoopGroup.singleton
        let store = try await RegionStore.open(
            region: region, metadata: InMemoryMetadataStore(), blobs: InMemoryBlobStore(), time: time, random: random,
            planner: RulePlanner(region: region))
        let directory = BucketDirectory(store: control, time: time)
        let table = RoutingTable(store: control, time: time)
        let places = RegionDirectory(regions: Self.regions)
        let elsewhere = ports.withLock { $0 }.filter { $0.key != region }
            .mapValues { ListenAddress(host: "127.0.0.1", port: $0) }
        let peers = elsewhere.mapValues { PeerClient(to: $0, on: group, key: key, time: time) }
        let router = Router(
            regions: [region: store], configured: Set(Self.regions), directory: directory, table: table, home: region,
            places: places, random: random, edgeKey: key,
            peerReads: Dictionary(
                uniqueKeysWithValues: peers.map { ($0.key, PeerReads($0.key, over: $0.value, time: time)) }))
        let services: [String: any PeerService] = [
            CreateBucketService.name: CreateBucketService(stores: [region: store]),
            BucketStateService.name: BucketStateService(stores: [region: store]),
            ReadService.name: ReadService(regions: [region: store]),
        ]
        let endpoints = EndpointResolver(ownDomains: [])
        let identity = Identity(owner: owner, userName: nil)
        let pipeline = RequestPipeline(
            endpoints: endpoints,
            authenticator: Authenticator(
                identities: Identities([(Self.secret.accessKeyID, identity)]),
                secrets: [Self.secret.accessKeyID: Self.secret], endpoints: endpoints, isBucket: { _ in false }),
            operations: OperationDispatch(
                router: router, objects: ObjectOperations(router: router),
                buckets: BucketOperations(router: router, peers: PeerBuckets(peers)),
                control: ControlOperations(
                    router: router,
                    registry: AccessPointRegistry(
                        store: control, buckets: directory, regions: places, table: table, time: time, random: random),
                    jobs: BatchJobRegistry(
                        control: control, locate: { _ in nil }, bucket: { _ in nil }, time: time, random: random))),
            console: PeerResponder(services: services, key: key, time: time, otherwise: NoPages()),
            observer: Observer(processes: self, region: region), time: time, random: random, logger: log)
        let forwarder = RegionForwarder(
            local: pipeline,
            router: EdgeRouter(
                endpoints: endpoints, table: table, directory: directory, home: region, places: places,
                accounts: [Self.secret.accessKeyID: owner.account], random: random),
            served: [region], elsewhere: elsewhere, origin: region == Self.server ? nil : elsewhere[Self.server],
            on: group, key: key, time: time, random: random, logger: log)
        return Process(
            region: region, front: front, store: store, directory: directory, table: table, responder: forwarder,
            peers: peers)
    }
}

// MARK: What tests do

extension Processes {
    func process(_ region: RegionName) throws -> Process { try #require(running.withLock { $0[region] }) }

    /// Brings every process's view of the control store up to date.
    func refresh() async throws {
        for process in running.withLock({ $0 }).values { try await process.refresh() }
    }

    /// Makes a bucket in `region` that all know.
    func makeBucket(_ name: String, in region: RegionName) async throws {
        let bucket = try #require(BucketName(name))
        _ = try await process(region).store.createBucket(bucket, owner: owner)
        try await process(region).directory.confirm(name: bucket, region: region, owner: owner)
        try await refresh()
    }

    /// An access point over `members`: buckets that are made here, and dials.
    func makePoint(_ members: [(region: RegionName, dial: Int)], version: Int64 = 1) async throws {
        var buckets: [(BucketName, RegionName)] = []
        for member in members {
            let name = try #require(BucketName("member-\(member.region)"))
            if try process(member.region).directory.location(of: name) == nil {
                try await makeBucket(name.rawValue, in: member.region)
            }
            buckets.append((name, member.region))
        }
        let now = Timestamp(milliseconds: 1_800_000_000_000)
        let point = AccessPoint(
            name: try #require(AccessPointName("orders")), alias: try #require(AccessPointAlias(Self.alias)),
            account: owner.account, created: now, status: .ready,
            regions: buckets.map { MemberBucket(bucket: $0.0, account: owner.account, region: $0.1) },
            publicAccessBlock: PublicAccessBlock(), policy: AccessPointPolicy())
        let routes = Routes(
            version: version, changed: now,
            dials: zip(buckets, members).map {
                Routes.Dial(bucket: $0.0.0, region: $0.0.1, percentage: $0.1.dial)
            })
        var transaction = ControlTransaction()
        transaction.writes = [
            .put(
                key: ControlKeys.point(point.name, point.account),
                value: try PointRecord(point, operation: nil).encoded()),
            .put(key: ControlKeys.routes(point.alias), value: try RoutesRecord(routes).encoded()),
        ]
        _ = try await control.commit(transaction)
        try await refresh()
    }

    func kill(_ region: RegionName) async throws { await (try process(region)).front.shutdown(grace: .zero) }

    /// The requests that a pipeline answered since the last call, without those that processes make of each other.
    func takeAnswered() -> [String] {
        answered.withLock { answered in
            defer { answered = [] }
            return answered
        }
    }

    func client(of region: RegionName) async throws -> SignedClient {
        let port = try #require(ports.withLock { $0[region] })
        return SignedClient(raw: try await RawClient.connect(port), host: "127.0.0.1:\(port)")
    }
}

/// Sends signed requests over one connection.
struct SignedClient {
    let raw: RawClient
    let host: String
    var signer = RequestSigner(secret: Processes.secret, region: "us-east-1")

    var now: Timestamp { Timestamp(milliseconds: WallClock().wallMilliseconds()) }

    /// Sends head and, unless it waits to be asked for it, the body.
    func send(
        _ method: String, _ target: String, headers: [(name: String, value: String)] = [], body: String = "",
        payloadHash: String = "UNSIGNED-PAYLOAD", note: String? = nil, sendsBody: Bool = true
    ) async throws {
        var all = [(name: "Host", value: headers.first { $0.name == "Host" }?.value ?? host)]
        all += headers.filter { $0.name != "Host" }
        if method != "GET", method != "HEAD" { all.append(("Content-Length", "\(body.utf8.count)")) }
        all += signer.sign(method: method, target: target, headers: all, payloadHash: payloadHash, now: now)
        // Not signed, as what our own processes add.
        if let note { all.append((RouteClaim.header, note)) }
        let head = all.map { "\($0.name): \($0.value)\r\n" }.joined()
        try await raw.send("\(method) \(target) HTTP/1.1\r\n\(head)\r\n\(sendsBody ? body : "")")
    }

    func request(
        _ method: String, _ target: String, headers: [(name: String, value: String)] = [], body: String = "",
        payloadHash: String = "UNSIGNED-PAYLOAD", note: String? = nil
    ) async throws -> RawClient.Response {
        try await send(method, target, headers: headers, body: body, payloadHash: payloadHash, note: note)
        return try await raw.response(toHEAD: method == "HEAD")
    }
}
