import Environment
import Logging
import NIOCore
import Storage

extension HTTPConnection {
    /// Bodies up to this size are copied behind their head, so that both leave in one buffer; larger ones go out as two
    /// buffers in one write call.
    private static let copiedBodyBytes = 16 * 1024
    /// What most heads fit into.
    private static let headBytes = 1024

    /// Writes the whole response; returns when it is handed to the socket as far as the client takes it.
    func send(_ response: HTTPResponse, for exchange: HTTPExchange) async {
        var end = ResponseEnd()
        await send(response, for: exchange, &end)
        await writable(for: exchange)
        end.isComplete = end.isComplete && isHandling(exchange)
        response.ended?(end)
    }

    private func send(_ response: HTTPResponse, for exchange: HTTPExchange, _ end: inout ResponseEnd) async {
        guard isHandling(exchange), let context else { return }
        let configuration = shared.configuration
        let mayKeepAlive =
            exchange.mayKeepAlive && !response.closes && !shared.registry.isDraining
            && (hasWholeRequest || exchange.canDrainRest(upTo: configuration.maximumDrainedBytes))
        let framing = ResponseFraming(
            status: response.status, body: response.body, isHEAD: exchange.isHEAD, isHTTP10: exchange.isHTTP10,
            mayKeepAlive: mayKeepAlive)
        exchange.keepsAlive = framing.keepsAlive
        exchange.isAnswering = true
        var head = head(of: response, framing, isHTTP10: exchange.isHTTP10)
        end.isComplete = true
        guard !framing.isHeadOnly else { return context.writeAndFlush(wrapOutboundOut(head), promise: nil) }
        switch response.body {
        case .empty, .headOnly: context.writeAndFlush(wrapOutboundOut(head), promise: nil)
        case .buffer(var body):
            end.sentBytes = Int64(body.readableBytes)
            if body.readableBytes <= Self.copiedBodyBytes {
                head.writeBuffer(&body)
                context.writeAndFlush(wrapOutboundOut(head), promise: nil)
            } else {
                context.write(wrapOutboundOut(head), promise: nil)
                context.writeAndFlush(wrapOutboundOut(body), promise: nil)
            }
        case .stream(let source, _):
            await stream(source, head: head, framing.length, for: exchange, &end)
            if let failure = end.failure, response.ended == nil {
                shared.logger.warning("http.response.cut", metadata: ["error": "\(failure)"])
            }
        }
    }
}

// MARK: Parts

extension HTTPConnection {
    /// Status line and headers in a buffer of their own.
    func head(of response: HTTPResponse, _ framing: ResponseFraming, isHTTP10: Bool) -> ByteBuffer {
        date.update(wallMilliseconds: shared.time.wallMilliseconds())
        var capacity = Self.headBytes
        if case .buffer(let body) = response.body, body.readableBytes <= Self.copiedBodyBytes {
            capacity += body.readableBytes
        }
        var out = ByteBufferAllocator().buffer(capacity: capacity)
        ResponseHeadWriter(serverName: shared.configuration.serverName).write(
            response, framing: framing, isHTTP10: isHTTP10, date: date, into: &out)
        return out
    }

    private func stream(
        _ source: any ByteSource, head: ByteBuffer, _ length: ResponseFraming.Length, for exchange: HTTPExchange,
        _ end: inout ResponseEnd
    ) async {
        end.isComplete = false
        var unsentHead: ByteBuffer? = head
        var remaining: Int64? = if case .known(let length) = length { length } else { nil }
        do {
            while remaining != 0, let piece = try await source.next() {
                guard isHandling(exchange), let context else { return }
                if let promised = remaining {
                    guard Int64(piece.readableBytes) <= promised else { throw ResponseBodyError.longerThanAnnounced }
                    remaining = promised - Int64(piece.readableBytes)
                }
                if let head = unsentHead.take() { context.write(wrapOutboundOut(head), promise: nil) }
                write(piece, isChunk: length == .chunked, context)
                end.sentBytes += Int64(piece.readableBytes)
                context.flush()
                await writable(for: exchange)
            }
            if let remaining, remaining > 0 { throw ResponseBodyError.shorterThanAnnounced }
            guard isHandling(exchange), let context else { return }
            if let head = unsentHead.take() { context.write(wrapOutboundOut(head), promise: nil) }
            if length == .chunked { context.write(wrapOutboundOut(ByteBuffer(string: "0\r\n\r\n")), promise: nil) }
            context.flush()
            end.isComplete = true
        } catch {
            // The client must not take what it has for the whole.
            exchange.keepsAlive = false
            if !(error is CancellationError) { end.failure = error }
            if isHandling(exchange) { context?.close(promise: nil) }
        }
    }

    private func write(_ piece: ByteBuffer, isChunk: Bool, _ context: ChannelHandlerContext) {
        guard isChunk else { return context.write(wrapOutboundOut(piece), promise: nil) }
        // An empty chunk would end the body.
        guard piece.readableBytes > 0 else { return }
        var size = ByteBufferAllocator().buffer(capacity: 16)
        ResponseHeadWriter.writeChunkSize(piece.readableBytes, into: &size)
        context.write(wrapOutboundOut(size), promise: nil)
        context.write(wrapOutboundOut(piece), promise: nil)
        context.write(wrapOutboundOut(Self.lineEnd), promise: nil)
    }

    private static let lineEnd = ByteBuffer(string: "\r\n")
}

private enum ResponseBodyError: Error {
    case shorterThanAnnounced
    case longerThanAnnounced
}
