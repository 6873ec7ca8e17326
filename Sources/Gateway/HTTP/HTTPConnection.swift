import Logging
import NIOCore
import NIOHTTP1
import Storage

/// One HTTP connection: takes the codec's parts, runs one task per request, one request after the other.
///
/// Unchecked: all state is confined to the channel's event loop. Channel events come there, the request's task has the
/// loop as its executor, and ``HTTPExchange`` moves there before it calls in.
final class HTTPConnection: ChannelInboundHandler, ChannelOutboundHandler, RemovableChannelHandler, @unchecked Sendable
{
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    enum Phase {
        /// Between requests, or within a head.
        case idle
        case handling(HTTPExchange)
        /// The request is answered; the rest of its body is read and dropped.
        case skipping
        /// The last response is on its way out; what still comes in is dropped.
        case closing
        /// A CONNECT was accepted; the bytes belong to the next ``FirstByteHandler``.
        case tunnelling
        case closed
    }

    let shared: ConnectionContext
    let info: ConnectionInfo
    let eventLoop: any EventLoop
    private let channel: any Channel
    private let executor: EventLoopTaskExecutor
    let codec: ByteToMessageHandler<HTTPRequestDecoder>
    private(set) var context: ChannelHandlerContext?
    var phase = Phase.idle
    var queue: InboundQueue
    private var task: Task<Void, Never>?
    /// A `read` that was asked for while the queue was full.
    private var readIsHeld = false
    /// Bytes of a head have come, but not its end.
    private var isHeadPending = true
    private var hasFailed = false
    /// Of the CONNECT that was accepted.
    var tunnelHost: String?
    private var droppedBytes = 0
    var deadline: Deadline
    var date = HTTPDate()
    private var writableWaiter: CheckedContinuation<Void, Never>?

    private init(
        _ shared: ConnectionContext, channel: any Channel, codec: ByteToMessageHandler<HTTPRequestDecoder>,
        isTLS: Bool, tunnelHost: String?
    ) {
        self.shared = shared
        self.codec = codec
        self.channel = channel
        eventLoop = channel.eventLoop
        info = ConnectionInfo(
            remoteAddress: channel.remoteAddress, isTLS: isTLS, tunnelHost: tunnelHost, eventLoop: channel.eventLoop)
        executor = shared.executor(for: channel.eventLoop)
        queue = InboundQueue(maximumBytes: shared.configuration.maximumBufferedBytes)
        deadline = Deadline()
    }

    /// Adds the codec and a connection at the end of `channel`'s pipeline. On the channel's event loop.
    static func install(
        on channel: any Channel, _ shared: ConnectionContext, isTLS: Bool, tunnelHost: String?
    ) throws {
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderFieldSize = shared.configuration.maximumHeadBytes
        limits.maxHeaderListSize = shared.configuration.maximumHeadBytes
        limits.maxHeaderFieldCount = shared.configuration.maximumHeaderCount
        let codec = ByteToMessageHandler(
            HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes, limitConfiguration: limits))
        let connection = HTTPConnection(shared, channel: channel, codec: codec, isTLS: isTLS, tunnelHost: tunnelHost)
        try channel.pipeline.syncOperations.addHandlers([codec, connection])
    }
}

// MARK: Channel events

extension HTTPConnection {
    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        arm(shared.configuration.timeouts.header)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        if case .tunnelling = phase {} else { ended() }
        deadline.cancel()
        self.context = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        ended()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch phase {
        case .closing: drop(unwrapInboundIn(data))
        case .closed: break
        case .tunnelling: if case .end = unwrapInboundIn(data) { leavePipeline() }
        case .idle, .handling, .skipping:
            switch unwrapInboundIn(data) {
            case .head(let head): queue.append(.head(head))
            case .body(let buffer): queue.append(.body(buffer))
            case .end: queue.append(.end)
            }
            advance()
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if case .idle = phase, !isHeadPending {
            // Bytes, but no head yet: from here on the client has so long to finish it.
            isHeadPending = true
            arm(shared.configuration.timeouts.header)
        }
        context.fireChannelReadComplete()
    }

    /// Back-pressure: reading goes on only while there is room for what it brings.
    func read(context: ChannelHandlerContext) {
        if queue.isFull {
            readIsHeld = true
        } else {
            context.read()
        }
    }

    private func releaseRead() {
        guard readIsHeld, !queue.isFull else { return }
        readIsHeld = false
        context?.read()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { writableWaiter.take()?.resume() }
        context.fireChannelWritabilityChanged()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is DrainConnection, case .idle = phase { closeAfterWrites(readsOn: false) }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        let limits = shared.configuration
        if let failure = HTTPFailure(
            error, maximumHeadBytes: limits.maximumHeadBytes, maximumHeaderCount: limits.maximumHeaderCount)
        {
            guard !hasFailed else { return }
            hasFailed = true
            switch phase {
            case .idle, .handling, .skipping:
                queue.append(.failed(failure))
                advance()
            case .closing, .tunnelling, .closed: break
            }
        } else if error is HTTPParserError || hasFailed && error is ByteToMessageDecoderError {
            // The end of the connection within a message (channelInactive follows), or more bytes after bad ones.
        } else {
            shared.logger.debug("http.connection.error", metadata: ["error": "\(error)"])
            context.close(promise: nil)
        }
    }

    /// After the last response: what the client still sends is read, so that its answer is not lost in a reset, but only
    /// so much.
    private func drop(_ part: HTTPServerRequestPart) {
        guard case .body(let buffer) = part else { return }
        droppedBytes += buffer.readableBytes
        if droppedBytes > 16 * 1024 * 1024 { context?.close(promise: nil) }
    }
}

// MARK: Requests, one after the other

extension HTTPConnection {
    enum Pull {
        case piece(ByteBuffer)
        case end
        case failed(any Error)
        case wait
    }

    /// The next piece of the body of the request that is being handled.
    func pull(for exchange: HTTPExchange) -> Pull {
        if let failure = exchange.failure { return .failed(failure) }
        if exchange.isComplete { return .end }
        guard case .handling(let current) = phase, current === exchange else {
            return .failed(HTTPBodyError.incomplete)
        }
        switch queue.first {
        case .body(let buffer):
            _ = queue.popFirst()
            exchange.receivedBytes += Int64(buffer.readableBytes)
            releaseRead()
            return .piece(buffer)
        case .end:
            _ = queue.popFirst()
            exchange.isComplete = true
            releaseRead()
            return .end
        case .failed, .head:
            exchange.failure = HTTPBodyError.malformed
            return .failed(HTTPBodyError.malformed)
        case nil: return .wait
        }
    }

    /// A pull has nothing to give: the client is told to go ahead if it waits for that, and has so long to send more.
    func bodyIsAwaited(_ exchange: HTTPExchange) {
        if exchange.expectsContinue, !exchange.continueSent, exchange.receivedBytes == 0 { sendContinue(exchange) }
        arm(shared.configuration.timeouts.bodyStall)
    }

    private func sendContinue(_ exchange: HTTPExchange) {
        exchange.continueSent = true
        context?.writeAndFlush(wrapOutboundOut(ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n")), promise: nil)
    }

    func sendProcessing(for exchange: HTTPExchange) {
        guard isHandling(exchange), !exchange.isAnswering, !exchange.isHTTP10, let context, context.channel.isWritable
        else { return }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: "HTTP/1.1 102 Processing\r\n\r\n")), promise: nil)
    }

    /// Whether all of the request that is being handled has arrived, taken or not.
    var hasWholeRequest: Bool { queue.holdsEnd }
    var isWithinHead: Bool { isHeadPending }
    /// Whether something waits to be pulled.
    var hasArrived: Bool { queue.first != nil }

    func isHandling(_ exchange: HTTPExchange) -> Bool {
        if case .handling(let current) = phase { return current === exchange }
        return false
    }

    /// Returns when the client has taken enough of what was written for more to be useful, or when it has gone.
    func writable(for exchange: HTTPExchange) async {
        while isHandling(exchange), let context, !context.channel.isWritable {
            armWriteStall()
            await withCheckedContinuation { writableWaiter = $0 }
            disarm()
        }
    }

    /// Does what the phase and the front of the queue allow.
    private func advance() {
        while true {
            switch phase {
            case .handling(let exchange):
                if exchange.isWaiting {
                    disarm()
                    exchange.deliver()
                }
                return
            case .skipping:
                guard let item = queue.popFirst() else { return arm(shared.configuration.timeouts.bodyStall) }
                switch item {
                case .body: releaseRead()
                case .end: becomeIdle()
                case .failed(let failure): return refuse(failure)
                case .head: return refuse(HTTPFailure(status: 400, reason: "A body has no end."))
                }
            case .idle:
                // The end of the last answer may still be on its way into the socket.
                if shared.registry.isDraining { return closeAfterWrites(readsOn: false) }
                guard let item = queue.popFirst() else { return }
                switch item {
                case .head(let head): begin(head)
                case .failed(let failure): return refuse(failure)
                case .body, .end: break
                }
            case .closing, .tunnelling, .closed: return
            }
        }
    }

    private func becomeIdle() {
        phase = .idle
        isHeadPending = false
        arm(shared.configuration.timeouts.idle)
    }

    private func begin(_ head: HTTPRequestHead) {
        isHeadPending = false
        disarm()
        if head.method == .CONNECT { return connect(to: head.uri) }
        if let failure = Self.check(head) { return refuse(failure) }
        let exchange = HTTPExchange(head, connection: self, eventLoop: eventLoop)
        phase = .handling(exchange)
        shared.registry.requestStarted()
        if exchange.expectsContinueForNothing { sendContinue(exchange) }
        let request = HTTPRequest(
            method: head.method.rawValue, target: head.uri, headers: head.headers, body: exchange, connection: info)
        // The one unstructured task of the front: channel events cannot await. It is cancelled when the connection ends,
        // and the registry waits for it.
        task = Task(executorPreference: executor) {
            let response = await self.shared.responder.respond(to: request)
            await self.send(response, for: exchange)
            self.finish(exchange)
        }
    }

    /// What the codec lets through, but we do not.
    private static func check(_ head: HTTPRequestHead) -> HTTPFailure? {
        for value in head.headers[canonicalForm: "transfer-encoding"] where value.lowercased() != "chunked" {
            return HTTPFailure(status: 501, reason: "The only Transfer-Encoding served here is chunked.")
        }
        for value in head.headers[canonicalForm: "expect"] where value.lowercased() != "100-continue" {
            return HTTPFailure(status: 417, reason: "The only Expect served here is 100-continue.")
        }
        // RFC 9112 §3.2: who reads the first and who reads the last must not see two requests.
        if head.headers["host"].count > 1 {
            return HTTPFailure(status: 400, reason: "A request has one Host header.")
        }
        return nil
    }

    private func finish(_ exchange: HTTPExchange) {
        task = nil
        shared.registry.requestFinished()
        guard case .handling(let current) = phase, current === exchange, let context else {
            // The client had gone before.
            return leaveRegistry()
        }
        guard exchange.keepsAlive else { return closeAfterWrites(readsOn: !exchange.isComplete) }
        if exchange.isComplete {
            becomeIdle()
        } else {
            phase = .skipping
        }
        advance()
        if readIsHeld && !queue.isFull {
            readIsHeld = false
            context.read()
        }
    }

    /// Answers bytes that never became a request, and closes.
    func refuse(_ failure: HTTPFailure) {
        guard let context else { return }
        let response = shared.responder.refuse(status: failure.status, reason: failure.reason)
        let framing = ResponseFraming(
            status: response.status, body: response.body, isHEAD: false, isHTTP10: false, mayKeepAlive: false)
        var out = head(of: response, framing, isHTTP10: false)
        if case .buffer(var body) = response.body { out.writeBuffer(&body) }
        context.writeAndFlush(wrapOutboundOut(out), promise: nil)
        closeAfterWrites(readsOn: true)
    }

    /// Ends our side once everything is written; the client's side is read on for a while when it may still be sending.
    private func closeAfterWrites(readsOn: Bool) {
        guard let context else { return }
        phase = .closing
        queue.removeAll()
        arm(shared.configuration.timeouts.writeStall)
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenComplete { result in
            guard case .closing = self.phase, let context = self.context else { return }
            if readsOn, case .success = result {
                self.arm(self.shared.configuration.timeouts.linger)
            } else {
                context.close(promise: nil)
            }
        }
        context.close(mode: .output, promise: promise)
        releaseRead()
    }

    /// The socket is gone: whoever waits is told, and the task is cancelled.
    private func ended() {
        if case .closed = phase { return }
        let last = phase
        phase = .closed
        deadline.cancel()
        queue.removeAll()
        if case .handling(let exchange) = last { exchange.fail(HTTPBodyError.incomplete) }
        writableWaiter.take()?.resume()
        if let task { task.cancel() } else { leaveRegistry() }
    }

    /// Not by the context: when a client goes away within a request, the handler leaves its pipeline before the request's
    /// task ends.
    private func leaveRegistry() { shared.registry.remove(channel) }
}
