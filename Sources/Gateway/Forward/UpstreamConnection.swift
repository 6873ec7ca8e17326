import NIOCore
import NIOHTTP1

/// One keep-alive connection to an upstream: one request at a time, answers taken apart by ``ResponseParser``.
///
/// Unchecked: all state is confined to the channel's event loop.
final class UpstreamConnection: ChannelInboundHandler, ChannelOutboundHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// How much of an answer may wait for a slow client before we stop reading it. One more read can come on top.
    private static let maximumBufferedBytes = 256 * 1024

    private let pool: UpstreamPool
    private var context: ChannelHandlerContext?
    private var exchange: UpstreamExchange?
    private var parser = ResponseParser()
    private var readIsHeld = false
    private(set) var isOpen = false
    private(set) var idleSince = NIODeadline.now()
    /// Since when the upstream is what somebody waits for.
    private var waitingSince: NIODeadline?

    init(pool: UpstreamPool) { self.pool = pool }

    // MARK: For the exchange

    var eventLoop: any EventLoop { pool.eventLoop }
    var isWritable: Bool { context?.channel.isWritable ?? true }

    /// Makes the connection carry `exchange` until its answer has ended.
    func begin(_ exchange: UpstreamExchange, isHEAD: Bool) {
        self.exchange = exchange
        exchange.connection = self
        parser.begin(isHEAD: isHEAD)
    }

    func write(_ buffer: ByteBuffer) { context?.write(wrapOutboundOut(buffer), promise: nil) }
    func flush() { context?.flush() }

    func startsWaiting() { waitingSince = .now() }
    func endsWaiting() { waitingSince = nil }

    func close() {
        isOpen = false
        context?.close(promise: nil)
    }

    func releaseRead() {
        guard readIsHeld, let exchange, exchange.bufferedBytes < Self.maximumBufferedBytes else { return }
        readIsHeld = false
        context?.read()
    }

    /// Ends what has waited too long. Called by the pool now and then.
    func sweep(now: NIODeadline, limits: UpstreamLimits) {
        if let waitingSince, now - waitingSince > limits.stall {
            giveUp()
        } else if exchange == nil {
            if now - idleSince > limits.idle { close() }
        } else if let lost = limits.lost, let channel = context?.channel {
            LostConnections.silence(of: channel)?.assumeIsolated().whenSuccess { silence in
                if silence.meansLoss(after: lost) { self.giveUp() }
            }
        }
    }

    private func giveUp() {
        waitingSince = nil
        exchange?.fail(UpstreamFault.timeout(pool.address))
        close()
    }

    // MARK: Channel events

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        isOpen = true
    }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelInactive(context: ChannelHandlerContext) {
        isOpen = false
        pool.remove(self)
        if let exchange {
            let hadHead = exchange.head != nil
            if let event = try? parser.endOfInput() {
                exchange.receive(event)
                exchange.wake()
            } else {
                exchange.fail(
                    hadHead ? UpstreamFault.brokenAnswer(pool.address) : .closedBeforeAnswer(pool.address))
            }
            self.exchange = nil
        }
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        parser.append(unwrapInboundIn(data))
        guard let exchange else { return close() }
        if waitingSince != nil { waitingSince = .now() }
        do {
            while let event = try parser.next() {
                exchange.receive(event)
                if case .end(let keepsAlive) = event { ended(exchange, keepsAlive: keepsAlive) }
            }
        } catch {
            exchange.fail(UpstreamFault.brokenAnswer(pool.address))
            self.exchange = nil
            return close()
        }
        exchange.wake()
    }

    /// Back-pressure: the answer is read only as fast as the client takes it.
    func read(context: ChannelHandlerContext) {
        if let exchange, exchange.bufferedBytes >= Self.maximumBufferedBytes {
            readIsHeld = true
        } else {
            context.read()
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { exchange?.wake() }
        context.fireChannelWritabilityChanged()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    /// The answer is complete. An upstream that answered before it had the whole request gets no other one here.
    private func ended(_ exchange: UpstreamExchange, keepsAlive: Bool) {
        self.exchange = nil
        waitingSince = nil
        guard keepsAlive, exchange.isSent, isOpen, !parser.hasSurplus else { return close() }
        idleSince = .now()
        pool.giveBack(self)
        if readIsHeld {
            readIsHeld = false
            context?.read()
        }
    }
}
