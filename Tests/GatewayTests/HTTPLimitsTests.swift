import Environment
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Storage
import Synchronization
import Testing

@testable import Gateway

@Suite("HTTP: what a client must not do", .timeLimit(.minutes(1)))
struct HTTPLimitsTests {
    static let bad: [(String, Int)] = [
        ("\u{1}\u{2}\u{3}garbage\r\n\r\n", 400),
        ("GET / HTTP/9.9\r\n\r\n", 505),
        ("GET /\r\n\r\n", 505),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: five\r\n\r\nhello", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\nhello", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\nhello", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400),
        ("GET / HTTP/1.1\r\nBad Name: a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
        ("GET / HTTP/1.1\r\nx: \(String(repeating: "y", count: 70_000))\r\n\r\n", 431),
        ("GET /\(String(repeating: "y", count: 70_000)) HTTP/1.1\r\n\r\n", 431),
        ("GET / HTTP/1.1\r\n" + (0..<300).map { "x\($0): y\r\n" }.joined() + "\r\n", 431),
        ("CONNECT nowhere HTTP/1.1\r\n\r\n", 400),
        ("CONNECT example.com:443 HTTP/1.1\r\n\r\n", 403),
        ("CONNECT s3.amazonaws.com:80 HTTP/1.1\r\n\r\n", 403),
        ("CONNECT amazonaws.com.evil.example:443 HTTP/1.0\r\n\r\n", 403),
    ]

    @Test(arguments: bad) func isToldSoAndCut(request: String, status: Int) async throws {
        try await withFront(respond: HTTPExchangeTests.respond) { _, port in
            let client = try await RawClient.connect(port)
            try? await client.send(request)
            let response = try await client.response()
            #expect(response.status == status, "\(response.body)")
            #expect(response.body.hasPrefix("<Error>"))
            #expect(response.headers["connection"] == ["close"])
            let other = try await RawClient.connect(port)
            try await other.send("GET /ok HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try await other.response().body == "GET /ok")
        }
    }

    @Test func badChunksReachTheResponderAsMalformed() async throws {
        try await withFront(respond: HTTPExchangeTests.respond) { _, port in
            let client = try await RawClient.connect(port)
            try await client.send(
                "PUT /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n")
            let response = try await client.response()
            #expect(response.status == 400)
            #expect(response.body == "malformed")
            #expect(response.headers["connection"] == ["close"])
        }
    }

    @Test func garbageBehindARequestIsAnsweredAfterIt() async throws {
        try await withFront(respond: HTTPExchangeTests.respond) { _, port in
            let client = try await RawClient.connect(port)
            try await client.send("GET /first HTTP/1.1\r\nHost: a\r\n\r\n\u{1}\u{2}\r\n\r\n")
            #expect(try await client.response().body == "GET /first")
            #expect(try await client.response().status == 400)
        }
    }

    /// Mutated and random requests: whatever comes, the server answers the next client.
    @Test(arguments: 0..<8) func survivesGarbage(seed: UInt64) async throws {
        var random = SplitMix(seed: seed)
        let seeds =
            Self.bad.map { Array($0.0.utf8.prefix(400)) } + [
                Array("PUT /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n".utf8),
                Array("PUT /echo HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc".utf8),
                [0x16, 0x03, 0x01, 0x00, 0x10, 0x01, 0x00],
            ]
        try await withFront(respond: HTTPExchangeTests.respond) { front, port in
            for _ in 0..<60 {
                var bytes = seeds[Int(random.next() % UInt64(seeds.count))]
                for _ in 0..<(random.next() % 6) where !bytes.isEmpty {
                    let index = Int(random.next() % UInt64(bytes.count))
                    switch random.next() % 3 {
                    case 0: bytes[index] = UInt8(truncatingIfNeeded: random.next())
                    case 1: bytes.remove(at: index)
                    default: bytes.insert(UInt8(truncatingIfNeeded: random.next()), at: index)
                    }
                }
                let client = try await RawClient.connect(port)
                try? await client.send(ByteBuffer(bytes: bytes))
                if random.next() % 2 == 0 { try? await client.send(ByteBuffer(bytes: bytes)) }
                try? await client.close()
            }
            let client = try await RawClient.connect(port)
            try await client.send("GET /ok HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try await client.response().body == "GET /ok")
        }
    }

    struct SplitMix {
        var state: UInt64
        init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 }
        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
    }
}

@Suite("HTTP: timeouts, limits and shutdown", .timeLimit(.minutes(1)))
struct HTTPLifetimeTests {
    @Test func anUnfinishedHeadTimesOut() async throws {
        try await withFront(
            configure: { $0.timeouts.header = .milliseconds(200) }, respond: HTTPExchangeTests.respond
        ) { _, port in
            // A connection whose first byte comes too late is closed without a word. On a busy machine that can be this
            // one, so it is tried until the first bytes were in time.
            while true {
                let client = try await RawClient.connect(port)
                try await client.send("GET /slow HTTP/1.1\r\nHo")
                do {
                    #expect(try await client.response().status == 408)
                    break
                } catch RawClient.Failure.closedEarly("") {}
            }
        }
    }

    @Test func aSilentConnectionIsClosed() async throws {
        try await withFront(
            configure: { $0.timeouts.header = .milliseconds(50) }, respond: HTTPExchangeTests.respond
        ) { _, port in
            let silent = try await RawClient.connect(port)
            #expect(await silent.receiveToEnd() == "")
        }
    }

    @Test func anUnfinishedSecondHeadTimesOut() async throws {
        try await withFront(
            configure: { $0.timeouts.header = .milliseconds(500) }, respond: HTTPExchangeTests.respond
        ) { _, port in
            while true {
                let client = try await RawClient.connect(port)
                try await client.send("GET /ok HTTP/1.1\r\nHost: a\r\n\r\n")
                // As above: the limit may have run out before the first request, or before it was whole.
                guard let first = try? await client.response(), first.status == 200 else { continue }
                try await client.send("GET /slow HTTP/1.1\r\nHo")
                #expect(try await client.response().status == 408)
                break
            }
        }
    }

    @Test func anIdleConnectionIsClosed() async throws {
        try await withFront(configure: { $0.timeouts.idle = .milliseconds(50) }, respond: HTTPExchangeTests.respond) {
            _, port in
            let client = try await RawClient.connect(port)
            try await client.send("GET /ok HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try await client.response().status == 200)
            #expect(await client.receiveToEnd() == "")
        }
    }

    @Test func aStalledBodyTimesOut() async throws {
        try await withFront(
            configure: { $0.timeouts.bodyStall = .milliseconds(50) }, respond: HTTPExchangeTests.respond
        ) { _, port in
            let client = try await RawClient.connect(port)
            try await client.send("PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
            let response = try await client.response()
            #expect(response.status == 400)
            #expect(response.body == "timeout")
            #expect(response.headers["connection"] == ["close"])
        }
    }

    @Test func aClientThatReadsNothingIsCut() async throws {
        let cut = AsyncSignal()
        final class Watched: ByteSource {
            let inner = CountingSource(pieces: 1 << 20, of: 64 * 1024)
            let cut: AsyncSignal
            init(_ cut: AsyncSignal) { self.cut = cut }
            deinit { cut.notify() }
            func next() async throws -> ByteBuffer? { try await inner.next() }
        }
        try await withFront(
            configure: { $0.timeouts.writeStall = .milliseconds(50) },
            respond: { _ in HTTPResponse(status: 200, body: .stream(Watched(cut), length: nil)) }
        ) { _, port in
            let client = try await RawClient.connect(port, autoRead: false)
            try await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            await cut.wait()
            try? await client.close()
        }
    }

    @Test func oneConnectionTooManyIsRefused() async throws {
        try await withFront(
            configure: {
                $0.maximumConnections = 1
                $0.timeouts.refusal = .seconds(50)
            }, respond: HTTPExchangeTests.respond
        ) { front, port in
            let first = try await RawClient.connect(port)
            try await first.send("GET /ok HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try await first.response().status == 200)
            let second = try await RawClient.connect(port)
            try await second.send("GET /ok HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try await second.response().status == 503)
            #expect(front.counters.connectionsRefused == 1)
            try await first.send("GET /again HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try await first.response().body == "GET /again")
        }
    }

    @Test func shutdownClosesIdleConnectionsAndFinishesRequests() async throws {
        let started = AsyncSignal()
        let gate = AsyncSignal()
        try await withFront(respond: { request in
            if request.target == "/slow" {
                started.notify()
                await gate.wait()
            }
            return .text("done")
        }) { front, port in
            let idle = try await RawClient.connect(port)
            try await idle.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try await idle.response().body == "done")
            let busy = try await RawClient.connect(port)
            try await busy.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
            await started.wait()
            async let down: Void = front.shutdown(grace: .seconds(30))
            #expect(await idle.receiveToEnd() == "")
            await #expect(throws: (any Error).self) { try await RawClient.connect(port) }
            gate.notify()
            let response = try await busy.response()
            #expect(response.body == "done")
            #expect(response.headers["connection"] == ["close"])
            await down
            #expect(front.counters.connectionsOpen == 0)
            #expect(front.counters.requestsInFlight == 0)
        }
    }

    /// A connection may be between requests while the end of its last answer is not taken yet.
    @Test func shutdownDeliversTheEndOfTheLastAnswer() async throws {
        let size = 50_000
        let answered = Mutex<[String: Int]>([:])
        try await withFront(respond: { request in
            let target = request.target
            guard target != "/" else { return .text("small") }
            var response = HTTPResponse.text(String(repeating: "x", count: size))
            response.ended = { _ in answered.withLock { $0[target, default: 0] += 1 } }
            return response
        }) { front, port in
            // How many answers fit into the buffers of a connection whose client reads nothing: the front holds up to
            // 512 KiB back before it stops, which is ten of them.
            let probe = try await RawClient.connect(port, autoRead: false)
            let fitting = try await Self.requestUntilHeld(probe, "/probe", limit: 1000, answered, port)
            try? await probe.close()
            let slow = try await RawClient.connect(port, autoRead: false)
            let count = try await Self.requestUntilHeld(slow, "/slow", limit: max(1, fitting - 4), answered, port)
            async let down: Void = front.shutdown(grace: .seconds(30))
            await #expect(throws: (any Error).self) {
                while true { try await RawClient.connect(port).close() }
            }
            // Fails when everything fitted into the socket's buffers and the connection has ended already.
            try? await slow.channel.setOption(.autoRead, value: true).get()
            let received = await slow.receiveToEnd()
            let bytes = received.utf8.count { $0 == UInt8(ascii: "x") }
            #expect(bytes >= count * size && bytes % size == 0, "an answer was cut off")
            await down
        }
    }

    /// Sends one request after the other, until one is not answered any more. Returns how many were.
    private static func requestUntilHeld(
        _ client: RawClient, _ target: String, limit: Int, _ answered: borrowing Mutex<[String: Int]>, _ port: Int
    ) async throws -> Int {
        for count in 0..<limit {
            try await client.send("GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n")
            var exchanges = 0
            while answered.withLock({ $0[target, default: 0] }) == count {
                guard exchanges < 20 else { return count }
                exchanges += 1
                let other = try await RawClient.connect(port)
                try await other.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(try await other.response().body == "small")
                try? await other.close()
            }
        }
        return limit
    }

    @Test func shutdownCutsWhatOutlivesTheGrace() async throws {
        let started = AsyncSignal()
        try await withFront(respond: { _ in
            started.notify()
            await AsyncSignal().wait()
            return .text("late")
        }) { front, port in
            let client = try await RawClient.connect(port)
            try await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            await started.wait()
            await front.shutdown(grace: .milliseconds(20))
            #expect(front.counters.requestsInFlight == 0)
            #expect(await client.receiveToEnd() == "")
        }
    }

    @Test func aBusyPortIsNamed() async throws {
        try await withFront(respond: HTTPExchangeTests.respond) { _, port in
            let address = ListenAddress(host: "127.0.0.1", port: port)
            await #expect(throws: HTTPFrontError.addressInUse(address)) {
                try await withFront(
                    configure: { $0.addresses = [.ephemeral, address] }, respond: HTTPExchangeTests.respond
                ) {
                    _, _ in
                }
            }
            #expect("\(HTTPFrontError.addressInUse(address))".hasPrefix("127.0.0.1:\(port) is already in use"))
        }
    }

    @Test func anOptionalAddressMayBeMissing() async throws {
        // Reserved (RFC 1112), so no machine has it.
        let missing = ListenAddress(host: "240.0.0.1", port: 0)
        func start(_ addresses: [ListenAddress]) async throws -> [ListenAddress] {
            var configuration = HTTPFrontConfiguration(addresses: addresses)
            configuration.optionalAddresses = [missing]
            let front = HTTPFront(
                configuration: configuration, group: MultiThreadedEventLoopGroup.singleton,
                responder: ClosureResponder(closure: HTTPExchangeTests.respond), tls: nil, isProxied: { _ in false },
                time: WallClock(), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            let left = try await front.start()
            #expect(front.boundAddresses.count == addresses.count - left.count)
            await front.shutdown(grace: .zero)
            return left
        }
        #expect(try await start([.ephemeral, missing]) == [missing])
        await #expect(throws: HTTPFrontError.addressMissing(missing)) { try await start([missing]) }
        let needed = ListenAddress(host: "240.0.0.2", port: 0)
        await #expect(throws: HTTPFrontError.addressMissing(needed)) { try await start([.ephemeral, needed]) }
    }

    @Test(arguments: [
        ("127.0.0.1:9000", "127.0.0.1", 9000), ("[::1]:0", "::1", 0), ("localhost:65535", "localhost", 65_535),
    ]) func parsesListenAddresses(text: String, host: String, port: Int) throws {
        let address = try #require(ListenAddress(text))
        #expect(address == ListenAddress(host: host, port: port))
        #expect(address.description == text)
    }

    @Test(arguments: ["", ":", ":80", "a", "a:", "a:b", "a:65536", "a:-1", "[::1", "[::1]", "::1:80", "a b:1", "a:1:2"])
    func refusesOtherListenAddresses(text: String) { #expect(ListenAddress(text) == nil) }
}
