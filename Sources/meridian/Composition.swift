import AccessPoints
import Cluster
import Console
import Environment
import Gateway
import Logging
import NIOCore
import NIOPosix
import Policy
import Replication
import S3Model
import SigV4
import Telemetry

/// The whole object graph in one place: stores, cluster, replication, gateway, console, in that order.
enum Composition {
    /// Runs the server until SIGINT or SIGTERM, then stops it gracefully. Writes `runtime.json` once the ports are bound.
    static func run(
        configuration: ServerConfiguration, dataFolder: DataFolder, credentials: RootCredentials, isFirstStart: Bool,
        logger: Logger
    ) async throws {
        let stop = StopSignals()
        let time = SystemTime()
        let random = SystemRandomSource()
        let eventLoops = MultiThreadedEventLoopGroup(numberOfThreads: System.coreCount)
        let installation = try await Installation.open(
            configuration, in: dataFolder, time: time, random: random, log: logger)

        let metrics = Metrics()
        let telemetry = RequestTelemetry(registry: metrics, regions: configuration.regions.map(\.name))
        let status = InstallationStatus(
            installation: installation, configuration: configuration, folder: dataFolder,
            requests: telemetry.metrics, metrics: metrics)
        let edgeKey = try dataFolder.edgeKey(random: random)
        let feed = ControlFeed(prefix: RoutingTable.controlPrefix, store: installation.control, time: time)
        let pages = RouteFeedResponder(
            feed: feed, key: edgeKey, time: time, otherwise: ConsoleResponder(source: status, metrics: metrics))
        let limits = BandwidthLimits(
            control: installation.control, services: installation.replication, time: time, log: logger)
        let admin = ReplicationAdmin(
            stores: installation.stores, services: installation.replication, directory: installation.directory,
            table: installation.table, registry: installation.registry,
            limits: limits, jobs: installation.jobs, time: time)
        let pipeline = gateway(
            configuration, credentials: credentials, installation: installation, telemetry: telemetry,
            pages: pages, admin: admin, edgeKey: edgeKey, random: random, log: logger)
        let authority = try CertificateAuthority.loadOrCreate(
            directory: dataFolder.path, names: configuration.domains, time: time)
        let front = HTTPFront(
            configuration: HTTPFrontConfiguration(configuration), group: eventLoops, responder: pipeline,
            tls: authority, isProxied: { pipeline.endpoints.isServiceName($0) }, time: time, logger: logger)
        metrics.gauge(
            "meridian_requests_in_flight", help: "Requests being answered now.",
            reading: { Int64(front.counters.requestsInFlight) })
        metrics.gauge(
            "meridian_connections_open", help: "Connections of clients that are open now.",
            reading: { Int64(front.counters.connectionsOpen) })
        try await start(front)
        let addresses = front.boundAddresses.map(\.description)
        status.listens(on: addresses)
        try dataFolder.writeRuntime(
            RuntimeRecord(
                processID: ProcessIdentity.current, addresses: addresses,
                startedWallMilliseconds: time.wallMilliseconds()))
        Terminal.note(
            Banner.text(
                configuration: configuration, dataFolder: dataFolder, listeners: addresses, isFirstStart: isFirstStart))

        await withTaskGroup(of: Void.self) { group in
            group.addTask { await installation.run() }
            group.addTask { await feed.run() }
            group.addTask { await limits.run() }
            await stop.wait()
            Terminal.note("meridian: stopping, requests in flight may finish.")
            // Edges that wait for news would hold up the stop.
            feed.close()
            await front.shutdown(grace: .seconds(configuration.limits.drainTimeoutSeconds))
            group.cancelAll()
        }
        try await installation.close()
        try await eventLoops.shutdownGracefully()
    }

    private static func gateway(
        _ configuration: ServerConfiguration, credentials: RootCredentials, installation: Installation,
        telemetry: RequestTelemetry, pages: any ConsoleResponding, admin: any AdminResponding, edgeKey: EdgeKey,
        random: any RandomSource,
        log: Logger
    ) -> RequestPipeline {
        let root = Identity(owner: configuration.rootOwner, userName: nil)
        var identities = [(accessKeyID: credentials.accessKeyID, identity: root)]
        var secrets = [
            credentials.accessKeyID: SigningSecret(
                accessKeyID: credentials.accessKeyID, secretAccessKey: credentials.secretAccessKey.secret)
        ]
        for user in configuration.users {
            identities.append((user.accessKeyID, Identity(owner: user.owner, userName: user.name)))
            secrets[user.accessKeyID] = SigningSecret(
                accessKeyID: user.accessKeyID, secretAccessKey: user.secretAccessKey.secret)
        }
        let router = Router(
            regions: installation.stores, directory: installation.directory, table: installation.table,
            home: configuration.homeRegion, places: installation.places, random: random, edgeKey: edgeKey)
        let endpoints = EndpointResolver(ownDomains: configuration.domains)
        return RequestPipeline(
            endpoints: endpoints,
            authenticator: Authenticator(
                identities: Identities(identities), secrets: secrets, endpoints: endpoints,
                isBucket: { [directory = installation.directory] in directory.location(of: $0) != nil }),
            operations: OperationDispatch(
                router: router, objects: ObjectOperations(router: router), buckets: BucketOperations(router: router),
                control: ControlOperations(
                    router: router, registry: installation.registry, jobs: installation.jobs)),
            console: pages, admin: admin, rootAccessKeyID: credentials.accessKeyID, observer: telemetry,
            time: installation.time, random: random, logger: log)
    }

    /// Binds the ports. The default's IPv6 address may be missing on machines without IPv6; anything else is an error.
    static func start(_ front: HTTPFront) async throws(OperatorError) {
        do {
            for address in try await front.start() {
                Terminal.note("meridian: not listening on \(address), which this machine does not have.")
            }
        } catch {
            throw OperatorError("\(error)")
        }
    }
}

extension ConsoleResponder: ConsoleResponding {
    func respond(path: String, to request: HTTPRequest) async -> HTTPResponse {
        await respond(to: request, path: path)
    }
}

extension HTTPFrontConfiguration {
    init(_ configuration: ServerConfiguration) {
        self.init(addresses: configuration.listen)
        if configuration.listensByDefault {
            optionalAddresses = Set(configuration.listen.filter { $0.host.contains(":") })
        }
        maximumConnections = configuration.limits.maximumConnections
        maximumHeadBytes = configuration.limits.maximumHeadBytes
        timeouts.header = .seconds(Int64(configuration.limits.headTimeoutSeconds))
        timeouts.bodyStall = .seconds(Int64(configuration.limits.stallTimeoutSeconds))
        timeouts.writeStall = .seconds(Int64(configuration.limits.stallTimeoutSeconds))
        timeouts.idle = .seconds(Int64(configuration.limits.idleTimeoutSeconds))
    }
}
