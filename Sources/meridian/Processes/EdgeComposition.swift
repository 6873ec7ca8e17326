import AccessPoints
import Cluster
import Environment
import Gateway
import Logging
import NIOCore
import NIOPosix
import S3Model

/// The object graph of an edge: the origin's feed, the routing table over it, the forwarder, the front.
enum EdgeComposition {
    /// Runs the edge until SIGINT or SIGTERM, then lets requests in flight finish.
    static func run(
        configuration: ServerConfiguration, origin: ListenAddress, key: EdgeKey, credentials: RootCredentials,
        dataFolder: DataFolder, logger: Logger
    ) async throws {
        let stop = StopSignals()
        let time = SystemTime()
        let random = SystemRandomSource()
        let eventLoops = MultiThreadedEventLoopGroup(numberOfThreads: System.coreCount)
        let feed = OriginFeed(origin: origin, on: eventLoops.next(), key: key, time: time)
        let table = RoutingTable(
            store: FollowedControlStore(prefix: RoutingTable.controlPrefix, source: feed), time: time)
        let endpoints = EndpointResolver(ownDomains: configuration.domains)
        let forwarder = Forwarder(to: origin, group: eventLoops)
        let responder = EdgeResponder(
            router: EdgeRouter(
                endpoints: endpoints, table: table, home: configuration.homeRegion,
                places: Installation.places(configuration, and: [configuration.homeRegion]),
                accounts: configuration.accounts(credentials), random: random),
            forwarder: forwarder, key: key, time: time, random: random, logger: logger)
        let authority = try CertificateAuthority.loadOrCreate(
            directory: dataFolder.path, names: configuration.domains, time: time)
        let front = HTTPFront(
            configuration: HTTPFrontConfiguration(configuration), group: eventLoops, responder: responder,
            tls: authority, isProxied: { endpoints.isServiceName($0) }, time: time, logger: logger)
        do {
            try await table.refresh()
        } catch {
            Terminal.note("meridian: the origin \(origin) does not tell its routes yet: \(error).")
        }
        try await Composition.start(front)
        let addresses = front.boundAddresses.map(\.description).joined(separator: ", ")
        Terminal.note(
            "meridian edge in \(configuration.homeRegion): listening on \(addresses), forwarding to \(origin).")

        await withTaskGroup(of: Void.self) { group in
            group.addTask { await table.run() }
            await stop.wait()
            Terminal.note("meridian: stopping, requests in flight may finish.")
            await front.shutdown(grace: .seconds(configuration.limits.drainTimeoutSeconds))
            group.cancelAll()
        }
        feed.close()
        forwarder.close()
        try await eventLoops.shutdownGracefully()
    }
}
