import Environment
import FoundationEssentials
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Storage
import Synchronization
import Testing

@testable import Gateway

/// The machine's wall clock: certificates are checked by a client against real time.
struct WallClock: TimeSource {
    func wallMilliseconds() -> Int64 { Int64(Date().timeIntervalSince1970 * 1000) }
    func monotonicNanoseconds() -> UInt64 { NIODeadline.now().uptimeNanoseconds }
    func sleep(nanoseconds: UInt64) async throws { try await Task.sleep(nanoseconds: nanoseconds) }
}

struct ClosureResponder: HTTPResponder {
    let closure: @Sendable (HTTPRequest) async -> HTTPResponse

    func respond(to request: HTTPRequest) async -> HTTPResponse { await closure(request) }

    func refuse(status: Int, reason: String) -> HTTPResponse {
        HTTPResponse(
            status: status, headers: ["Content-Type": "application/xml"],
            body: .buffer(ByteBuffer(string: "<Error><Message>\(reason)</Message></Error>")))
    }
}

extension HTTPResponse {
    static func text(_ text: String, status: Int = 200) -> HTTPResponse {
        HTTPResponse(status: status, body: .buffer(ByteBuffer(string: text)))
    }
}

/// Runs `body` against a front on a free port, then shuts it down.
func withFront(
    configure: (inout HTTPFrontConfiguration) -> Void = { _ in }, tls: CertificateAuthority? = nil,
    respond: @escaping @Sendable (HTTPRequest) async -> HTTPResponse,
    body: (_ front: HTTPFront, _ port: Int) async throws -> Void
) async throws {
    var configuration = HTTPFrontConfiguration.ephemeral
    configure(&configuration)
    let front = HTTPFront(
        configuration: configuration, group: MultiThreadedEventLoopGroup.singleton,
        responder: ClosureResponder(closure: respond), tls: tls,
        isProxied: { $0.hasSuffix(".amazonaws.com") }, time: WallClock(),
        logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    try await front.start()
    let port = try #require(front.boundAddresses.first?.port)
    do {
        try await body(front, port)
    } catch {
        await front.shutdown(grace: .zero)
        throw error
    }
    await front.shutdown(grace: .zero)
}

/// A byte-level client.
final class RawClient: Sendable {
    private struct State {
        var bytes: [UInt8] = []
        var isClosed = false
        var errors: [any Error] = []
    }

    private final class Receiver: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        let client: RawClient
        init(_ client: RawClient) { self.client = client }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let buffer = unwrapInboundIn(data)
            client.state.withLock { $0.bytes.append(contentsOf: buffer.readableBytesView) }
            client.signal.notify()
        }
        func channelInactive(context: ChannelHandlerContext) {
            client.state.withLock { $0.isClosed = true }
            client.signal.notify()
        }
        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            client.state.withLock { $0.errors.append(error) }
            context.close(promise: nil)
        }
    }

    struct Response {
        let status: Int
        let headers: HTTPHeaders
        let body: String
    }

    enum Failure: Error {
        case closedEarly(String)
    }

    private let state = Mutex(State())
    private let signal = AsyncSignal()
    private let connected = Mutex<(any Channel)?>(nil)

    static func connect(
        _ port: Int, tls: NIOSSLContext? = nil, serverName: String? = nil, autoRead: Bool = true
    ) async throws -> RawClient {
        let client = RawClient()
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.autoRead, value: autoRead)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        let handler = try NIOSSLClientHandler(context: tls, serverHostname: serverName)
                        try channel.pipeline.syncOperations.addHandler(handler)
                    }
                    try channel.pipeline.syncOperations.addHandler(Receiver(client))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        client.connected.withLock { $0 = channel }
        return client
    }

    var channel: any Channel {
        get throws { try #require(connected.withLock { $0 }) }
    }

    var errors: [any Error] { state.withLock { $0.errors } }

    func send(_ text: String) async throws { try await send(ByteBuffer(string: text)) }

    /// Writes as much as the server takes. A server may answer and close before it has read everything: what it said
    /// counts, not that the rest found nobody. What broke TLS is an error.
    func send(_ buffer: ByteBuffer) async throws {
        do {
            try await channel.writeAndFlush(buffer)
        } catch {
            if let cause = errors.first(where: { !($0 is IOError || $0 is ChannelError) }) { throw cause }
        }
    }

    /// Starts TLS inside what is connected.
    func startTLS(_ context: NIOSSLContext, serverName: String) async throws {
        let channel = try self.channel
        try await channel.eventLoop.submit {
            let handler = try NIOSSLClientHandler(context: context, serverHostname: serverName)
            try channel.pipeline.syncOperations.addHandler(handler, position: .first)
        }.get()
    }

    func close() async throws { try await channel.close() }

    /// Waits until `take` finds what it wants in what has arrived, and removes that.
    private func take<Value>(_ take: (inout [UInt8]) throws -> Value?) async throws -> Value {
        while true {
            let (value, isClosed, rest) = try state.withLock { state in
                (try take(&state.bytes), state.isClosed, state.bytes)
            }
            if let value { return value }
            if isClosed { throw Failure.closedEarly(String(decoding: rest, as: UTF8.self)) }
            await signal.wait()
        }
    }

    /// Up to and with the first `mark`.
    func receive(through mark: String) async throws -> String {
        try await take { bytes in
            guard let end = bytes.firstRange(of: Array(mark.utf8))?.upperBound else { return nil }
            defer { bytes.removeFirst(end) }
            return String(decoding: bytes[..<end], as: UTF8.self)
        }
    }

    func receive(count: Int) async throws -> [UInt8] {
        try await take { bytes in
            guard bytes.count >= count else { return nil }
            defer { bytes.removeFirst(count) }
            return Array(bytes[..<count])
        }
    }

    /// Everything until the server closes.
    func receiveToEnd() async -> String {
        while true {
            let (isClosed, bytes) = state.withLock { ($0.isClosed, $0.bytes) }
            if isClosed { return String(decoding: bytes, as: UTF8.self) }
            await signal.wait()
        }
    }

    var receivedCount: Int { state.withLock { $0.bytes.count } }

    func response(toHEAD: Bool = false) async throws -> Response {
        let head = try await receive(through: "\r\n\r\n")
        var lines = head.split(separator: "\r\n").map(String.init)
        let statusLine = lines.removeFirst()
        let status = try #require(Int(statusLine.split(separator: " ")[1]))
        var headers = HTTPHeaders()
        for line in lines {
            let colon = try #require(line.firstIndex(of: ":"))
            headers.add(name: String(line[..<colon]), value: String(line[colon...].dropFirst(2)))
        }
        var body = ""
        if toHEAD || status == 204 || status == 304 || status < 200 {
        } else if let length = headers.first(name: "content-length").flatMap(Int.init) {
            body = String(decoding: try await receive(count: length), as: UTF8.self)
        } else if headers.contains(name: "transfer-encoding") {
            while true {
                let size = try await receive(through: "\r\n").utf8.dropLast(2)
                let count = try #require(Int(String(decoding: size, as: UTF8.self), radix: 16))
                body += String(decoding: try await receive(count: count + 2).dropLast(2), as: UTF8.self)
                if count == 0 { break }
            }
        } else {
            body = await receiveToEnd()
        }
        return Response(status: status, headers: headers, body: body)
    }
}

/// Pieces made on demand.
final class CountingSource: ByteSource {
    private let remaining: Mutex<Int>
    private let pieceSize: Int
    private let failsAtEnd: Bool
    let pulls = Atomic<Int>(0)

    init(pieces: Int, of pieceSize: Int, failsAtEnd: Bool = false) {
        remaining = Mutex(pieces)
        self.pieceSize = pieceSize
        self.failsAtEnd = failsAtEnd
    }

    struct Broken: Error {}

    func next() async throws -> ByteBuffer? {
        pulls.add(1, ordering: .relaxed)
        let hasMore = remaining.withLock { remaining in
            remaining -= 1
            return remaining >= 0
        }
        if hasMore { return ByteBuffer(repeating: UInt8(ascii: "x"), count: pieceSize) }
        if failsAtEnd { throw Broken() }
        return nil
    }
}
