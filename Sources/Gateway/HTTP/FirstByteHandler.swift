import Environment
import Logging
import NIOCore
import NIOHTTP1
import NIOSSL
import NIOTLS

/// Decides by a connection's (or a tunnel's) first byte what it speaks: a TLS record of type handshake, or HTTP. Then it
/// puts the handlers in place, hands on what it has read, and leaves.
final class FirstByteHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let context: ConnectionContext
    private let tunnelHost: String?
    private var isDecided = false
    private var timeout: Scheduled<Void>?

    init(_ context: ConnectionContext, tunnelHost: String?) {
        self.context = context
        self.tunnelHost = tunnelHost
    }

    func handlerAdded(context handler: ChannelHandlerContext) {
        let channel = handler.channel
        timeout = handler.eventLoop.assumeIsolated().scheduleTask(in: context.configuration.timeouts.header) {
            channel.close(promise: nil)
        }
    }

    func handlerRemoved(context handler: ChannelHandlerContext) { timeout?.cancel() }

    func channelInactive(context handler: ChannelHandlerContext) {
        timeout?.cancel()
        // Until the HTTP handler is in place nobody else tells the registry.
        context.registry.remove(handler.channel)
        handler.fireChannelInactive()
    }

    func userInboundEventTriggered(context handler: ChannelHandlerContext, event: Any) {
        if event is DrainConnection { handler.close(promise: nil) }
        handler.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context handler: ChannelHandlerContext, error: any Error) { handler.close(promise: nil) }

    func channelRead(context handler: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        if !isDecided, let first = buffer.getInteger(at: buffer.readerIndex, as: UInt8.self) {
            isDecided = true
            do {
                if first == 0x16 {
                    try startTLS(handler)
                } else {
                    try HTTPConnection.install(on: handler.channel, context, isTLS: false, tunnelHost: tunnelHost)
                    handler.fireChannelRead(data)
                    handler.pipeline.syncOperations.removeHandler(self, promise: nil)
                    return
                }
            } catch {
                context.logger.debug("http.connection.refused", metadata: ["error": "\(error)"])
                handler.close(promise: nil)
                return
            }
        }
        handler.fireChannelRead(data)
    }

    /// The server name is read from the ClientHello before TLS starts, because it selects the certificate.
    private func startTLS(_ handler: ChannelHandlerContext) throws {
        guard let authority = context.authority else { throw TLSNotConfigured() }
        let channel = handler.channel
        let bound = NIOLoopBound(self, eventLoop: handler.eventLoop)
        let host = tunnelHost
        let context = self.context
        let byName = SNIHandler { result in
            channel.eventLoop.makeCompletedFuture {
                var name = host
                if case .hostname(let given) = result, authority.permits(given) { name = given }
                let tls = NIOSSLServerHandler(context: try authority.context(forServerName: name))
                try channel.pipeline.syncOperations.addHandler(tls)
                try HTTPConnection.install(on: channel, context, isTLS: true, tunnelHost: host)
                channel.pipeline.syncOperations.removeHandler(bound.value, promise: nil)
            }.flatMapErrorThrowing { error in
                context.logger.warning("http.tls.failed", metadata: ["error": "\(error)"])
                channel.close(promise: nil)
                throw error
            }
        }
        try handler.pipeline.syncOperations.addHandler(ByteToMessageHandler(byName), position: .after(self))
    }
}

private struct TLSNotConfigured: Error, CustomStringConvertible {
    var description: String { "a TLS connection, but no certificate authority is configured" }
}

/// Answers one connection too many: 503 once it has sent something (an answer to unread bytes would be lost in the
/// reset that follows), or closes it after a while. To TLS it only closes.
final class OverloadHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let context: ConnectionContext
    private var isAnswered = false

    init(_ context: ConnectionContext) { self.context = context }

    func channelActive(context handler: ChannelHandlerContext) {
        let channel = handler.channel
        handler.eventLoop.assumeIsolated().scheduleTask(in: context.configuration.timeouts.refusal) {
            channel.close(promise: nil)
        }
        handler.fireChannelActive()
    }

    func userInboundEventTriggered(context handler: ChannelHandlerContext, event: Any) {
        if event is DrainConnection { handler.close(promise: nil) }
    }

    func errorCaught(context handler: ChannelHandlerContext, error: any Error) { handler.close(promise: nil) }

    func channelRead(context handler: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        guard !isAnswered, let first = buffer.getInteger(at: buffer.readerIndex, as: UInt8.self) else { return }
        isAnswered = true
        guard first != 0x16 else { return handler.close(promise: nil) }
        let response = context.responder.refuse(
            status: 503, reason: "Too many connections are open. Please reduce your request rate.")
        let framing = ResponseFraming(
            status: response.status, body: response.body, isHEAD: false, isHTTP10: false, mayKeepAlive: false)
        var date = HTTPDate()
        date.update(wallMilliseconds: context.time.wallMilliseconds())
        var out = handler.channel.allocator.buffer(capacity: 1024)
        ResponseHeadWriter(serverName: context.configuration.serverName).write(
            response, framing: framing, isHTTP10: false, date: date, into: &out)
        if case .buffer(var body) = response.body { out.writeBuffer(&body) }
        handler.writeAndFlush(wrapOutboundOut(out), promise: nil)
        handler.close(mode: .output, promise: nil)
    }
}
