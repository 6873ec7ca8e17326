package import NIOCore
import NIOHTTP1
import Storage

/// Brings requests to one upstream and its answers back, over pooled connections on the event loop of the client's
/// connection (spec/performance.md §9.3).
package final class Forwarder: Sendable {
    package let upstream: ListenAddress
    private let pools: [ObjectIdentifier: UpstreamPool]

    package init(to upstream: ListenAddress, group: any EventLoopGroup, limits: UpstreamLimits = UpstreamLimits()) {
        self.upstream = upstream
        var pools: [ObjectIdentifier: UpstreamPool] = [:]
        for eventLoop in group.makeIterator() {
            pools[ObjectIdentifier(eventLoop)] = UpstreamPool(upstream, on: eventLoop, limits: limits)
        }
        self.pools = pools
    }

    /// Closes every connection. Requests in flight fail.
    package func close() {
        for pool in pools.values { pool.eventLoop.execute { pool.close() } }
    }

    func pool(on eventLoop: any EventLoop) -> UpstreamPool? { pools[ObjectIdentifier(eventLoop)] }

    /// The upstream's answer to `request`, whose task runs on the loop of its connection. Throws ``UpstreamFault``, or
    /// what the client's body throws. `onProcessing` is called on the event loop whenever the upstream says that it is at
    /// work on the request.
    func forward(
        _ request: HTTPRequest, claim: String?, onProcessing: @escaping @Sendable () -> Void = {}
    ) async throws -> HTTPResponse {
        guard let eventLoop = request.connection.eventLoop, let pool = pool(on: eventLoop) else {
            throw UpstreamFault.cannotConnect(
                upstream, reason: "the request is on no event loop of this forwarder")
        }
        var body = ReplayableBody(request.body)
        if let connection = pool.takeIdle() {
            do {
                return try await send(request, &body, claim: claim, over: connection, onProcessing)
            } catch UpstreamFault.closedBeforeAnswer where body.isReplayable && Self.isRepeatable(request.method) {
                // It had been closed in the moment it was taken. A new connection tells whether the upstream is there.
                body.rewind()
            }
        }
        let connection = try await connect(pool, request, body)
        return try await send(request, &body, claim: claim, over: connection, onProcessing)
    }

    /// Throws ``UpstreamFault/cannotConnect(_:reason:)`` only when nothing can have been done at the upstream: what was sent
    /// over a connection that ended may have been.
    private func connect(
        _ pool: UpstreamPool, _ request: HTTPRequest, _ body: ReplayableBody
    ) async throws(UpstreamFault) -> UpstreamConnection {
        do {
            return try await pool.connect()
        } catch {
            let asksOnly = body.isEmpty && (request.method == "GET" || request.method == "HEAD")
            throw body.wasSent && !asksOnly ? .closedBeforeAnswer(upstream) : error
        }
    }

    /// Whether doing it twice is the same as once (RFC 9110 §9.2.2).
    private static func isRepeatable(_ method: String) -> Bool { method != "POST" && method != "PATCH" }

    private func send(
        _ request: HTTPRequest, _ body: inout ReplayableBody, claim: String?, over connection: UpstreamConnection,
        _ onProcessing: @escaping @Sendable () -> Void
    ) async throws -> HTTPResponse {
        let exchange = UpstreamExchange(on: connection.eventLoop, onProcessing: onProcessing)
        connection.begin(exchange, isHEAD: request.method == "HEAD")
        do {
            // On a new name, because a cancellation handler must not capture an inout parameter.
            var sending = body
            defer { body = sending }
            let head = try await withTaskCancellationHandler {
                try await Self.write(request, &sending, claim: claim, exchange, connection)
                return try await exchange.answer()
            } onCancel: {
                exchange.eventLoop.execute { exchange.fail(CancellationError()) }
            }
            return Self.response(head, exchange, isHEAD: request.method == "HEAD")
        } catch {
            exchange.abandon()
            throw error
        }
    }
}

// MARK: Request

extension Forwarder {
    /// Bodies up to this size go behind their head in one buffer.
    private static let copiedBodyBytes = 16 * 1024

    /// Writes head and body as fast as the upstream takes them; returns early when it has answered before the end.
    private static func write(
        _ request: HTTPRequest, _ body: inout ReplayableBody, claim: String?, _ exchange: UpstreamExchange,
        _ connection: UpstreamConnection
    ) async throws {
        var head = ByteBufferAllocator().buffer(capacity: 1024)
        RequestHeadWriter.write(request, claim: claim, into: &head)
        if body.isEmpty {
            // Sent as a whole before it is written, since the answer can come within the write.
            exchange.isSent = true
            connection.write(head)
            return connection.flush()
        }
        var unsentHead: ByteBuffer? = head
        let expectsContinue = body.expectsContinue
        // The upstream may refuse by the head alone, so that does not wait for a body that is not here.
        if expectsContinue || !body.isReady {
            unsentHead = nil
            connection.write(head)
            connection.flush()
        }
        if expectsContinue {
            guard await exchange.mayGoOn(afterContinue: true) else { return }
        }
        var remaining = request.body.announcedLength
        while exchange.failure == nil, exchange.head == nil, let piece = try await pull(&body, exchange) {
            if let left = remaining { remaining = left - Int64(piece.readableBytes) }
            if remaining == 0 { exchange.isSent = true }
            write(piece, after: &unsentHead, isChunk: body.isChunked, connection)
            connection.flush()
            if remaining == 0 {
                // Only the end is left to take.
                _ = try await pull(&body, exchange)
                return
            }
            guard await exchange.mayGoOn(afterContinue: false) else { return }
        }
        guard exchange.failure == nil, exchange.head == nil else { return }
        if let head = unsentHead { connection.write(head) }
        exchange.isSent = true
        if body.isChunked { connection.write(ByteBuffer(string: "0\r\n\r\n")) }
        connection.flush()
    }

    /// The next piece from the client; `nil` at the end, or when the upstream has answered (or gone) meanwhile.
    private static func pull(_ body: inout ReplayableBody, _ exchange: UpstreamExchange) async throws -> ByteBuffer? {
        exchange.pulledBody = body.source
        defer { exchange.pulledBody = nil }
        do {
            return try await body.nextPiece()
        } catch HTTPBodyError.interrupted {
            return nil
        }
    }

    private static func write(
        _ piece: ByteBuffer, after head: inout ByteBuffer?, isChunk: Bool, _ connection: UpstreamConnection
    ) {
        if isChunk {
            var size = head.take() ?? ByteBufferAllocator().buffer(capacity: 16)
            ResponseHeadWriter.writeChunkSize(piece.readableBytes, into: &size)
            connection.write(size)
            connection.write(piece)
            connection.write(ByteBuffer(string: "\r\n"))
        } else if var both = head.take() {
            if piece.readableBytes <= copiedBodyBytes {
                var piece = piece
                both.writeBuffer(&piece)
                connection.write(both)
            } else {
                connection.write(both)
                connection.write(piece)
            }
        } else {
            connection.write(piece)
        }
    }
}

// MARK: Answer

extension Forwarder {
    private static func response(_ head: UpstreamHead, _ exchange: UpstreamExchange, isHEAD: Bool) -> HTTPResponse {
        let body: ResponseBody
        if isHEAD {
            body = head.length.map { .headOnly(length: $0) } ?? .empty
        } else if exchange.isComplete && exchange.isEmpty {
            body = .empty
        } else if let whole = exchange.popWhole() {
            body = .buffer(whole)
        } else {
            body = .stream(UpstreamBody(exchange), length: head.length)
        }
        // An upstream that answered without taking the whole request decides for the client too.
        return HTTPResponse(status: head.status, headers: head.headers, body: body, closes: false)
    }
}
