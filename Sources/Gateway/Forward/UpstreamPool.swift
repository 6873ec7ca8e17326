package import NIOCore
import NIOPosix

/// How long an upstream may take.
package struct UpstreamLimits: Sendable {
    package var connect: TimeAmount = .seconds(5)
    /// Without a byte of the answer (or of room for the request). Copies of large objects answer late.
    package var stall: TimeAmount = .seconds(300)
    /// A connection unused for longer is closed, before the origin does so after 75 seconds.
    package var idle: TimeAmount = .seconds(55)
    /// A connection whose other end does not even acknowledge for so long is closed (``LostConnections``), also while
    /// nothing is sent; `nil` leaves it to TCP, which takes many minutes.
    package var lost: TimeAmount?
    /// How often they are looked at.
    package var sweep: TimeAmount = .seconds(5)
    /// Unused connections kept per event loop.
    package var maximumIdle = 256

    package init() {}
}

/// The connections of one event loop to one upstream, the one last used first. There are never more than requests in
/// flight, which the front bounds, and ``UpstreamLimits/maximumIdle``.
///
/// Unchecked: confined to its event loop.
final class UpstreamPool: @unchecked Sendable {
    let eventLoop: any EventLoop
    let address: ListenAddress
    private let limits: UpstreamLimits
    private var idle: [UpstreamConnection] = []
    private var all: [ObjectIdentifier: UpstreamConnection] = [:]
    private var sweeper: RepeatedTask?
    private var isClosed = false

    init(_ address: ListenAddress, on eventLoop: any EventLoop, limits: UpstreamLimits) {
        self.address = address
        self.eventLoop = eventLoop
        self.limits = limits
    }

    var idleCount: Int { idle.count }
    var openCount: Int { all.count }

    /// A connection that was used before, if one is free.
    func takeIdle() -> UpstreamConnection? {
        while let connection = idle.popLast() {
            if connection.isOpen, NIODeadline.now() - connection.idleSince < limits.idle { return connection }
            connection.close()
        }
        return nil
    }

    /// A new connection. Throws ``UpstreamFault/cannotConnect(_:reason:)``.
    func connect() async throws(UpstreamFault) -> UpstreamConnection {
        do {
            let connection = UpstreamConnection(pool: self)
            _ = try await bootstrap(connection).connect(host: address.host, port: address.port).get()
            guard connection.isOpen else { throw ChannelError.alreadyClosed }
            all[ObjectIdentifier(connection)] = connection
            startSweeping()
            return connection
        } catch {
            throw UpstreamFault(connectingTo: address, within: limits.connect, error)
        }
    }

    func giveBack(_ connection: UpstreamConnection) {
        guard !isClosed, idle.count < limits.maximumIdle else { return connection.close() }
        idle.append(connection)
    }

    func remove(_ connection: UpstreamConnection) {
        all[ObjectIdentifier(connection)] = nil
        // Usually one of the last used.
        if let index = idle.lastIndex(where: { $0 === connection }) { idle.remove(at: index) }
    }

    func close() {
        isClosed = true
        sweeper?.cancel()
        sweeper = nil
        for connection in all.values { connection.close() }
    }

    private func bootstrap(_ connection: UpstreamConnection) -> ClientBootstrap {
        LostConnections.options(on: ClientBootstrap(group: eventLoop), after: limits.lost)
            .connectTimeout(limits.connect)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelOption(
                .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 4096, initial: 8192, maximum: 262_144)
            )
            .channelOption(.writeBufferWaterMark, value: .init(low: 128 * 1024, high: 512 * 1024))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(connection) }
            }
    }

    private func startSweeping() {
        guard sweeper == nil, !isClosed else { return }
        sweeper = eventLoop.scheduleRepeatedTask(initialDelay: limits.sweep, delay: limits.sweep) { _ in
            let now = NIODeadline.now()
            for connection in self.all.values { connection.sweep(now: now, limits: self.limits) }
        }
    }
}
