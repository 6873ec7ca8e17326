import AccessPoints
import Cluster
import Console
import Environment
import Gateway
import Logging
import NIOCore
import NIOPosix

/// The server's whole object graph: control store, regions, cluster, replication, gateway, console, in that order.
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
        let edgeKey = try dataFolder.edgeKey(random: random)
        let layout = ProcessLayout.server(configuration)
        try layout.check(dataFolder)
        let peers = layout.clients(on: eventLoops, key: edgeKey, time: time).peers
        let control = try await EmbeddedControlStore.open(path: dataFolder.path("control.sqlite"))
        let installation = try await Installation.open(
            configuration, layout, in: dataFolder, control: control, peers: peers, time: time, random: random,
            log: logger)

        let feed = ControlFeed(prefix: RoutingTable.controlPrefix, store: control, time: time)
        let answers = ControlAnswers(store: control, time: time)
        let settings = ServingProcess.Settings(
            configuration: configuration, folder: dataFolder, secrets: dataFolder, credentials: credentials,
            edgeKey: edgeKey)
        let process = try ServingProcess(
            settings, installation, services: [ControlService.name: ControlService(answers)], feed: feed,
            on: eventLoops, random: random, log: logger)
        let addresses = try await process.start()
        Terminal.note(
            Banner.text(
                configuration: configuration, dataFolder: dataFolder, listeners: addresses, isFirstStart: isFirstStart))

        await withTaskGroup(of: Void.self) { group in
            group.addTask { await installation.run() }
            group.addTask { await installation.registry.run() }
            group.addTask { await feed.run() }
            group.addTask { await process.limits.run() }
            await stop.wait()
            Terminal.note("meridian: stopping, requests in flight may finish.")
            // Other processes that wait for news would hold up the stop.
            feed.close()
            answers.close()
            await process.stop()
            group.cancelAll()
        }
        try await installation.close()
        try await eventLoops.shutdownGracefully()
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
