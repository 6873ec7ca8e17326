package import Environment
package import Logging
package import NIOCore
import NIOPosix
import Synchronization

/// The one HTTP front of a process (spec/performance.md §9.1): on every listen address it speaks HTTP/1.1 and 1.0 in
/// clear text, TLS (by the first byte), and CONNECT for our own service names, and hands requests to one responder.
package final class HTTPFront: Sendable {
    private enum State {
        case idle
        case running([any Channel])
        case stopped
    }

    private let configuration: HTTPFrontConfiguration
    private let group: any EventLoopGroup
    private let context: ConnectionContext
    private let state = Mutex(State.idle)

    /// - Parameters:
    ///   - tls: mints certificates by server name; without it TLS connections are closed.
    ///   - isProxied: whether `CONNECT` to this host, lower case, is answered here. All others get 403.
    ///   - time: the wall clock of the `Date` header.
    package init(
        configuration: HTTPFrontConfiguration, group: any EventLoopGroup, responder: any HTTPResponder,
        tls: CertificateAuthority?, isProxied: @escaping @Sendable (_ host: String) -> Bool, time: any TimeSource,
        logger: Logger
    ) {
        self.configuration = configuration
        self.group = group
        var executors: [ObjectIdentifier: EventLoopTaskExecutor] = [:]
        for eventLoop in group.makeIterator() {
            executors[ObjectIdentifier(eventLoop)] = EventLoopTaskExecutor(eventLoop)
        }
        context = ConnectionContext(
            configuration: configuration, responder: responder, authority: tls, isProxied: isProxied,
            registry: ConnectionRegistry(maximumConnections: configuration.maximumConnections), time: time,
            logger: logger, executors: executors)
    }

    package var counters: HTTPFrontCounters { context.registry.counters }

    /// The addresses in use, in the order of the configuration and with the real ports; empty before `start`.
    package var boundAddresses: [ListenAddress] {
        guard case .running(let channels) = state.withLock({ $0 }) else { return [] }
        return channels.compactMap { channel in
            guard let address = channel.localAddress, let host = address.ipAddress, let port = address.port else {
                return nil
            }
            return ListenAddress(host: host, port: port)
        }
    }

    /// Listens on all addresses, or on none: throws ``HTTPFrontError`` for the first that it cannot have. Returns the
    /// optional ones that this machine does not have; at least one address has to be there.
    @discardableResult
    package func start() async throws(HTTPFrontError) -> [ListenAddress] {
        var channels: [any Channel] = []
        var missing: [ListenAddress] = []
        for address in configuration.addresses {
            do {
                channels.append(try await bootstrap().bind(host: address.host, port: address.port).get())
            } catch {
                let reason = Self.explain(error, address)
                if reason == .addressMissing(address), configuration.optionalAddresses.contains(address) {
                    missing.append(address)
                    continue
                }
                for channel in channels { try? await channel.close() }
                throw reason
            }
        }
        if channels.isEmpty, let first = missing.first { throw .addressMissing(first) }
        state.withLock { $0 = .running(channels) }
        return missing
    }

    /// Stops listening, closes idle connections at once, lets running requests finish for up to `grace`, then cuts the
    /// rest (their tasks are cancelled). Returns when all are gone.
    package func shutdown(grace: Duration) async {
        let channels: [any Channel] = state.withLock { state in
            defer { state = .stopped }
            if case .running(let channels) = state { return channels }
            return []
        }
        for channel in channels { try? await channel.close() }
        let eventLoop = group.next()
        let registry = context.registry
        let drained = registry.drain(on: eventLoop)
        let graceful = eventLoop.scheduleTask(in: TimeAmount(grace)) { registry.closeAll() }
        // A task that ignores its cancellation must not hold up the process for ever.
        let final = eventLoop.scheduleTask(in: TimeAmount(grace) + .seconds(5)) { registry.abandon() }
        try? await drained.get()
        graceful.cancel()
        final.cancel()
    }

    private func bootstrap() -> ServerBootstrap {
        let context = self.context
        return ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            // One read per turn, so that the limit on buffered bytes is seen between two of them.
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(
                .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 4096, initial: 8192, maximum: 262_144)
            )
            .childChannelOption(.writeBufferWaterMark, value: .init(low: 128 * 1024, high: 512 * 1024))
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try Self.configure(channel, context) }
            }
    }

    private static func configure(_ channel: any Channel, _ context: ConnectionContext) throws {
        switch context.registry.add(channel) {
        case .admitted:
            try channel.pipeline.syncOperations.addHandler(FirstByteHandler(context, tunnelHost: nil))
        case .refused:
            channel.closeFuture.whenComplete { _ in context.registry.remove(channel) }
            try channel.pipeline.syncOperations.addHandler(OverloadHandler(context))
        case .dropped: throw ChannelError.alreadyClosed
        }
    }

    private static func explain(_ error: any Error, _ address: ListenAddress) -> HTTPFrontError {
        if error is SocketAddressError { return .addressMissing(address) }
        guard let error = error as? IOError else { return .cannotListen(address, reason: "\(error)") }
        switch error.errnoCode {
        case EADDRINUSE: return .addressInUse(address)
        case EACCES, EPERM: return .permissionDenied(address)
        case EADDRNOTAVAIL, EAFNOSUPPORT: return .addressMissing(address)
        default: return .cannotListen(address, reason: error.localizedDescription)
        }
    }
}
