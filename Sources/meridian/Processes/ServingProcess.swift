import AccessPoints
import Cluster
import Console
import Environment
import Gateway
import Logging
import NIOCore
import Policy
import Replication
import S3Model
import SigV4
import Telemetry

/// What serves regions, from the open stores to the bound ports: the same in the server and in a region's own process.
struct ServingProcess: Sendable {
    /// What the process was started with.
    struct Settings: Sendable {
        var configuration: ServerConfiguration
        var folder: DataFolder
        /// Where the local certificate authority is.
        var secrets: DataFolder
        var credentials: RootCredentials
        var edgeKey: EdgeKey
    }

    let limits: BandwidthLimits
    private let front: HTTPFront
    private let forwarder: RegionForwarder?
    private let status: InstallationStatus
    private let settings: Settings
    private let time: any TimeSource

    /// - Parameters:
    ///   - services: calls that other processes may make here, beside those that every process answers.
    ///   - feed: what edges follow, in the server.
    init(
        _ settings: Settings, _ installation: Installation, services: [String: any PeerService] = [:],
        feed: ControlFeed? = nil, on eventLoops: any EventLoopGroup, random: any RandomSource, log: Logger
    ) throws {
        let configuration = settings.configuration
        let time = installation.time
        let peers: [RegionName: any PeerCalling] = installation.peers.clients
        let metrics = Metrics()
        let telemetry = RequestTelemetry(registry: metrics, regions: configuration.regions.map(\.name))
        let status = InstallationStatus(
            installation: installation, configuration: configuration, folder: settings.folder,
            requests: telemetry.metrics, metrics: metrics, peers: peers)
        let limits = BandwidthLimits(
            control: installation.control, services: installation.replication, time: time, log: log)
        let admin = ReplicationAdmin(
            stores: installation.stores, services: installation.replication, peers: peers,
            directory: installation.directory, table: installation.table, registry: installation.registry,
            limits: limits, jobs: installation.jobs, time: time)
        var pages: any ConsoleResponding = OwnHostPages(
            domains: configuration.domains, listen: configuration.listen,
            pages: ConsoleResponder(source: status, metrics: metrics))
        if let feed { pages = RouteFeedResponder(feed: feed, key: settings.edgeKey, time: time, otherwise: pages) }
        let answers = Self.services(installation, admin, status).merging(services) { $1 }
        pages = PeerResponder(services: answers, key: settings.edgeKey, time: time, otherwise: pages)

        let gateway = RegionGateway(settings, installation, random: random, log: log)
        let pipeline = gateway.pipeline(telemetry: telemetry, pages: pages, admin: admin)
        forwarder = gateway.forwarder(around: pipeline, on: eventLoops)
        let authority = try CertificateAuthority.loadOrCreate(
            directory: settings.secrets.path, names: configuration.domains, time: time)
        front = HTTPFront(
            configuration: HTTPFrontConfiguration(configuration), group: eventLoops, responder: forwarder ?? pipeline,
            tls: authority, isProxied: { pipeline.endpoints.isServiceName($0) }, time: time, logger: log)
        Self.register(front, in: metrics)
        self.limits = limits
        self.status = status
        self.settings = settings
        self.time = time
    }

    /// Binds the ports and tells the other commands of it. Returns the addresses as bound.
    func start() async throws -> [String] {
        try await Composition.start(front)
        let addresses = front.boundAddresses.map(\.description)
        status.listens(on: addresses)
        try settings.folder.writeRuntime(
            RuntimeRecord(
                processID: ProcessIdentity.current, addresses: addresses,
                startedWallMilliseconds: time.wallMilliseconds()
            ))
        return addresses
    }

    /// Lets requests in flight finish.
    func stop() async {
        await front.shutdown(grace: .seconds(settings.configuration.limits.drainTimeoutSeconds))
        forwarder?.close()
    }

    /// What every process answers about the regions that it has.
    private static func services(
        _ installation: Installation, _ admin: ReplicationAdmin, _ status: InstallationStatus
    ) -> [String: any PeerService] {
        let stores = installation.stores
        return [
            ApplyService.name: ApplyService(regions: stores),
            ReadService.name: ReadService(regions: stores),
            CreateBucketService.name: CreateBucketService(stores: stores),
            BucketStateService.name: BucketStateService(stores: stores),
            AdminService.call: AdminService(regions: admin.regions, status: status),
            VerificationService.call: VerificationService(regions: stores),
        ]
    }

    private static func register(_ front: HTTPFront, in metrics: Metrics) {
        metrics.gauge(
            "meridian_requests_in_flight", help: "Requests being answered now.",
            reading: { Int64(front.counters.requestsInFlight) })
        metrics.gauge(
            "meridian_connections_open", help: "Connections of clients that are open now.",
            reading: { Int64(front.counters.connectionsOpen) })
    }
}

extension ConsoleResponder: ConsoleResponding {
    func respond(path: String, to request: HTTPRequest) async -> HTTPResponse {
        await respond(to: request, path: path)
    }
}
