import Environment
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import S3Model
import Storage
import Synchronization
import Testing

@testable import Gateway

@Suite("Forwarding: through an edge and back", .timeLimit(.minutes(1)))
struct ForwarderTests {
    /// An edge in front of `origin`: what it cannot forward it answers with the fault in words.
    static func withEdge(
        to origin: ListenAddress, limits: UpstreamLimits = UpstreamLimits(), body: (_ port: Int) async throws -> Void
    ) async throws {
        let forwarder = Forwarder(to: origin, group: MultiThreadedEventLoopGroup.singleton, limits: limits)
        try await withFront(respond: { request in
            do {
                return try await forwarder.forward(request, claim: nil)
            } catch let fault as UpstreamFault {
                return .text("\(fault)", status: 503)
            } catch {
                return HTTPResponse(status: 400, body: .buffer(ByteBuffer(string: "\(error)")), closes: true)
            }
        }) { _, port in try await body(port) }
        forwarder.close()
    }

    static func withOriginAndEdge(
        respond: @escaping @Sendable (HTTPRequest) async -> HTTPResponse,
        body: (_ origin: HTTPFront, _ port: Int) async throws -> Void
    ) async throws {
        try await withFront(respond: respond) { origin, originPort in
            try await withEdge(to: ListenAddress(host: "127.0.0.1", port: originPort)) { port in
                try await body(origin, port)
            }
        }
    }

    @Test func answersComeBackWhateverTheirForm() async throws {
        try await Self.withOriginAndEdge(respond: HTTPExchangeTests.respond) { origin, port in
            let client = try await RawClient.connect(port)
            func get(_ path: String, method: String = "GET") async throws -> RawClient.Response {
                try await client.send("\(method) \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
                return try await client.response(toHEAD: method == "HEAD")
            }
            #expect(try await get("/a?b=c%20d").body == "GET /a?b=c%20d")
            #expect(try await get("/nothing").status == 204)
            #expect(try await get("/unchanged").headers["etag"] == ["\"a\""])
            #expect(try await get("/head", method: "HEAD").headers["content-length"] == ["12345"])
            #expect(try await get("/chunked").body == String(repeating: "x", count: 15))
            #expect(try await get("/stream").headers["content-length"] == ["15"])
            #expect(try await get("/large").body.utf8.count == 100_000)
            #expect(try await get("/forbidden").status == 403)
            // All over one connection.
            #expect(origin.counters.connectionsAccepted == 1)
        }
    }

    @Test(arguments: [0, 1, 100, 20_000, 300_000]) func bodiesGoThrough(size: Int) async throws {
        try await Self.withOriginAndEdge(respond: HTTPExchangeTests.respond) { origin, port in
            let client = try await RawClient.connect(port)
            let body = String(repeating: "b", count: size)
            try await client.send("PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: \(size)\r\n\r\n\(body)")
            #expect(try await client.response().body == body)
            let chunks = size == 0 ? "" : "\(String(size, radix: 16))\r\n\(body)\r\n"
            try await client.send(
                "PUT /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\(chunks)0\r\n\r\n")
            #expect(try await client.response().body == body)
            try await client.send(
                "PUT /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: \(size)\r\n\r\n")
            #expect(try await client.response().status == 100)
            try await client.send(body)
            #expect(try await client.response().body == body)
            #expect(origin.counters.connectionsAccepted == 1)
        }
    }

    @Test func aRefusalComesBeforeTheBodyIsAskedFor() async throws {
        try await Self.withOriginAndEdge(respond: { _ in .text("no", status: 403) }) { _, port in
            let client = try await RawClient.connect(port)
            try await client.send("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
            let response = try await client.response()
            #expect(response.status == 403)
            #expect(response.headers["connection"] == ["close"])
        }
    }

    /// Though the client sends neither the rest nor anything else.
    @Test(arguments: [0, 1, 4 << 20]) func aRefusalEndsALargeUpload(sent: Int) async throws {
        try await Self.withOriginAndEdge(respond: { _ in .text("no", status: 403) }) { _, port in
            let client = try await RawClient.connect(port)
            try await client.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n")
            if sent > 0 { try await client.send(ByteBuffer(repeating: 1, count: sent)) }
            #expect(try await client.response().status == 403)
        }
    }

    @Test func aBrokenAnswerIsCut() async throws {
        try await Self.withOriginAndEdge(respond: HTTPExchangeTests.respond) { _, port in
            for path in ["/short", "/broken"] {
                let client = try await RawClient.connect(port)
                try await client.send("GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
                await #expect(throws: RawClient.Failure.self) { try await client.response() }
            }
        }
    }

    @Test func aClientThatGoesAwayEndsItsRequestAtTheOrigin() async throws {
        let started = AsyncSignal()
        let ended = AsyncSignal()
        try await Self.withOriginAndEdge(respond: { _ in
            started.notify()
            await withTaskCancellationHandler {
                await AsyncSignal().wait()
            } onCancel: {
                ended.notify()
            }
            return .text("late")
        }) { _, port in
            let client = try await RawClient.connect(port)
            try await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            await started.wait()
            try await client.close()
            await ended.wait()
        }
    }

    @Test func aSlowClientHoldsTheOrigin() async throws {
        let source = CountingSource(pieces: 2048, of: 64 * 1024)
        try await Self.withOriginAndEdge(respond: { _ in
            HTTPResponse(status: 200, body: .stream(source, length: 128 << 20))
        }) { _, port in
            let client = try await RawClient.connect(port, autoRead: false)
            try await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            var last = -1
            // Settles once the buffers between the three are full: no pull while other connections come and go.
            while source.pulls.load(ordering: .relaxed) != last {
                last = source.pulls.load(ordering: .relaxed)
                let other = try await RawClient.connect(port, autoRead: true)
                for _ in 0..<50 { try await other.channel.eventLoop.submit {}.get() }
                try await other.close()
            }
            #expect(last < 2048)
            try await client.channel.setOption(.autoRead, value: true).get()
            #expect(try await client.response().body.utf8.count == 128 << 20)
        }
    }

    // MARK: Origins that fail

    static let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    @Test func aStaleConnectionCostsNothing() async throws {
        try await RawOrigin.run { connection, request in
            connection == 0 && request == 1 ? .close : .answer(Self.ok)
        } body: { origin, address in
            try await Self.withEdge(to: address) { port in
                let client = try await RawClient.connect(port)
                for _ in 0..<3 {
                    try await client.send("PUT /k HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
                    #expect(try await client.response().body == "ok")
                }
            }
            #expect(origin.connectionCount == 2)
            #expect(origin.heads.withLock { $0.count } == 4)
        }
    }

    @Test func aPostIsNotSentTwice() async throws {
        try await RawOrigin.run { connection, request in
            connection == 0 && request == 1 ? .close : .answer(Self.ok)
        } body: { origin, address in
            try await Self.withEdge(to: address) { port in
                let client = try await RawClient.connect(port)
                try await client.send("GET /k HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(try await client.response().body == "ok")
                try await client.send("POST /k?uploads HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(try await client.response().body == "\(address) closed the connection before it answered")
                try await client.send("GET /k HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(try await client.response().body == "ok")
            }
        }
    }

    @Test(arguments: [
        (RawOrigin.Step.close, "ORIGIN closed the connection before it answered"),
        (.answerAndClose("HTTP/1.1 200"), "ORIGIN closed the connection before it answered"),
        (.answer("garbage\r\n\r\n"), "the answer of ORIGIN broke off or is not HTTP"),
        (.silence, "ORIGIN did not answer in time"),
    ])
    func anOriginThatFailsIsAnError(step: RawOrigin.Step, words: String) async throws {
        try await RawOrigin.run { _, _ in
            step
        } body: { _, address in
            var limits = UpstreamLimits()
            if case .silence = step { limits.stall = .milliseconds(50) }
            limits.sweep = .milliseconds(20)
            try await Self.withEdge(to: address, limits: limits) { port in
                let client = try await RawClient.connect(port)
                for _ in 0..<2 {
                    try await client.send("GET /k HTTP/1.1\r\nHost: a\r\n\r\n")
                    let response = try await client.response()
                    #expect(response.status == 503)
                    #expect(response.body.replacing("\(address)", with: "ORIGIN") == words)
                }
            }
        }
    }

    @Test func anOriginThatIsAwayIsAnError() async throws {
        // Bound and closed again, so that nobody listens there.
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let address = ListenAddress(host: "127.0.0.1", port: try #require(channel.localAddress?.port))
        try await channel.close()
        try await Self.withEdge(to: address) { port in
            let client = try await RawClient.connect(port)
            try await client.send("PUT /k HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
            #expect(try await client.response().body == "cannot connect to \(address): connection refused")
            try await client.send("GET /k HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try await client.response().body == "cannot connect to \(address): connection refused")
        }
    }

    @Test func anEarlyAnswerLeavesNoConnectionBehind() async throws {
        try await RawOrigin.run { _, _ in
            .answer(Self.ok)
        } body: { origin, address in
            try await Self.withEdge(to: address) { port in
                for _ in 0..<2 {
                    let client = try await RawClient.connect(port)
                    try await client.send("PUT /k HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\nabc")
                    #expect(try await client.response().body == "ok")
                }
            }
            #expect(origin.connectionCount == 2)
        }
    }

    @Test func anOriginThatDiesWithinAnUploadIsNoticed() async throws {
        try await RawOrigin.run { _, _ in
            .close
        } body: { _, address in
            try await Self.withEdge(to: address) { port in
                let client = try await RawClient.connect(port)
                try await client.send("PUT /k HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\nabc")
                #expect(try await client.response().body == "\(address) closed the connection before it answered")
            }
        }
    }
}
