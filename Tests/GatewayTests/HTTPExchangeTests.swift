import Environment
import NIOCore
import NIOHTTP1
import Storage
import Synchronization
import Testing

@testable import Gateway

@Suite("HTTP: requests and responses", .timeLimit(.minutes(1)))
struct HTTPExchangeTests {
    /// Answers by target; `/echo` gives the body back.
    @Sendable static func respond(_ request: HTTPRequest) async -> HTTPResponse {
        switch request.target {
        case "/echo":
            do {
                return HTTPResponse(status: 200, body: .buffer(try await request.body.collect(upTo: 1 << 20)))
            } catch {
                return .text("\(error)", status: 400)
            }
        case "/count":
            var count = 0
            do {
                while let piece = try await request.body.next() { count += piece.readableBytes }
            } catch {
                return .text("\(error)", status: 400)
            }
            return .text("\(count)")
        case "/forbidden": return .text("no", status: 403)
        case "/nothing": return HTTPResponse(status: 204)
        case "/unchanged": return HTTPResponse(status: 304, headers: ["ETag": "\"a\""])
        case "/head": return HTTPResponse(status: 200, body: .headOnly(length: 12_345))
        case "/chunked":
            return HTTPResponse(status: 200, body: .stream(CountingSource(pieces: 3, of: 5), length: nil))
        case "/stream":
            return HTTPResponse(status: 200, body: .stream(CountingSource(pieces: 3, of: 5), length: 15))
        case "/short":
            return HTTPResponse(status: 200, body: .stream(CountingSource(pieces: 3, of: 5), length: 20))
        case "/long":
            return HTTPResponse(status: 200, body: .stream(CountingSource(pieces: 3, of: 5), length: 12))
        case "/broken":
            let source = CountingSource(pieces: 3, of: 5, failsAtEnd: true)
            return HTTPResponse(status: 200, body: .stream(source, length: nil))
        case "/large": return HTTPResponse(status: 200, body: .buffer(ByteBuffer(repeating: 0x61, count: 100_000)))
        case "/injection": return HTTPResponse(status: 200, headers: ["x-a": "b\r\nSet-Cookie: c"], body: .empty)
        case "/closes": return HTTPResponse(status: 200, closes: true)
        default: return .text("\(request.method) \(request.target)")
        }
    }

    @Test func keepsTheConnectionAndAnswersInOrder() async throws {
        try await withFront(respond: Self.respond) { front, port in
            let client = try await RawClient.connect(port)
            for number in 0..<3 {
                try await client.send("GET /\(number) HTTP/1.1\r\nHost: a\r\n\r\n")
                let response = try await client.response()
                #expect(response.status == 200)
                #expect(response.body == "GET /\(number)")
                #expect(response.headers.first(name: "date")?.hasSuffix(" GMT") == true)
                #expect(response.headers.first(name: "server") == "Meridian")
                #expect(!response.headers.contains(name: "connection"))
            }
            let pipelined = (0..<300).map { "GET /p\($0) HTTP/1.1\r\nHost: a\r\n\r\n" }.joined()
            try await client.send(pipelined)
            for number in 0..<300 { #expect(try await client.response().body == "GET /p\(number)") }
            #expect(front.counters.requestsStarted == 303)
            #expect(front.counters.connectionsAccepted == 1)
            #expect(front.counters.requestsInFlight == 0)
        }
    }

    @Test(arguments: [
        ("/head", "12345"), ("/stream", "15"), ("/large", "100000"), ("/x", "7"),
    ]) func headHasTheLengthAndNoBytes(target: String, length: String) async throws {
        try await withFront(respond: Self.respond) { _, port in
            let client = try await RawClient.connect(port)
            try await client.send("HEAD \(target) HTTP/1.1\r\nHost: a\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\n")
            let head = try await client.response(toHEAD: true)
            #expect(head.headers["content-length"] == [length])
            #expect(try await client.response().body == "GET /next")
        }
    }

    @Test func framesEachFormOfBody() async throws {
        try await withFront(respond: Self.respond) { _, port in
            let client = try await RawClient.connect(port)
            let text = String(repeating: "x", count: 15)
            for (target, body) in [
                ("/chunked", text), ("/stream", text), ("/large", String(repeating: "a", count: 100_000)),
                ("/nothing", ""), ("/unchanged", ""), ("/injection", ""),
            ] {
                try await client.send("GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n")
                let response = try await client.response()
                #expect(response.body == body, "\(target)")
                #expect(!response.headers.contains(name: "set-cookie"))
                if response.status != 200 {
                    #expect(!response.headers.contains(name: "content-length"))
                    #expect(!response.headers.contains(name: "transfer-encoding"))
                }
            }
        }
    }

    @Test(arguments: ["/short", "/long", "/broken"]) func aBrokenStreamCutsTheConnection(target: String) async throws {
        try await withFront(respond: Self.respond) { _, port in
            let client = try await RawClient.connect(port)
            try await client.send("GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n")
            await #expect(throws: RawClient.Failure.self) { try await client.response() }
        }
    }

    @Test func servesHTTP10() async throws {
        try await withFront(respond: Self.respond) { _, port in
            let closing = try await RawClient.connect(port)
            try await closing.send("GET /a HTTP/1.0\r\n\r\n")
            let first = await closing.receiveToEnd()
            #expect(first.contains("Connection: close\r\n") && first.hasSuffix("GET /a"))
            let streaming = try await RawClient.connect(port)
            try await streaming.send("GET /chunked HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            let stream = await streaming.receiveToEnd()
            #expect(!stream.contains("chunked") && stream.hasSuffix("\r\n\r\nxxxxxxxxxxxxxxx"))
            let keeping = try await RawClient.connect(port)
            for _ in 0..<2 {
                try await keeping.send("GET /b HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
                #expect(try await keeping.response().headers["connection"] == ["keep-alive"])
            }
        }
    }

    @Test func takesBodiesByLengthAndByChunks() async throws {
        try await withFront(respond: Self.respond) { _, port in
            let client = try await RawClient.connect(port)
            try await client.send("PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
            #expect(try await client.response().body == "hello")
            try await client.send("PUT /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
            try await client.send("4;x=y\r\ndefg\r\n0\r\nTrailer: t\r\n\r\n")
            #expect(try await client.response().body == "abcdefg")
            try await client.send("PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
            #expect(try await client.response().body == "")
            try await client.send("GET http://bucket.s3.amazonaws.com/k?x HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try await client.response().body == "GET http://bucket.s3.amazonaws.com/k?x")
        }
    }

    @Test func sends100ContinueWhenTheBodyIsPulledOnly() async throws {
        try await withFront(respond: Self.respond) { _, port in
            let client = try await RawClient.connect(port)
            let expecting = "HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
            try await client.send("PUT /echo \(expecting)")
            #expect(try await client.receive(through: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
            try await client.send("hello")
            #expect(try await client.response().body == "hello")
            // Who has nothing to send and waits all the same is told too: some clients count on it.
            try await client.send("PUT /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n")
            #expect(try await client.receive(through: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
            #expect(try await client.response().body == "")
            // Refused before the body: no 100, and the connection ends, since nobody knows whether the body comes.
            try await client.send("PUT /forbidden \(expecting)")
            let refused = await client.receiveToEnd()
            #expect(refused.hasPrefix("HTTP/1.1 403 ") && refused.contains("Connection: close"))
            let other = try await RawClient.connect(port)
            try await other.send("PUT /echo HTTP/1.1\r\nHost: a\r\nExpect: tea\r\nContent-Length: 5\r\n\r\n")
            #expect(try await other.response().status == 417)
        }
    }

    @Test func anEarlyAnswerKeepsTheConnectionWhenLittleIsLeft() async throws {
        try await withFront(respond: Self.respond) { _, port in
            let client = try await RawClient.connect(port)
            try await client.send("PUT /forbidden HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")
            #expect(try await client.response().status == 403)
            try await client.send(String(repeating: "x", count: 1000) + "GET /next HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try await client.response().body == "GET /next")
            // A client that is still sending gets its answer and no reset before it: the server reads on for a while.
            try await client.send("PUT /forbidden HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n")
            let flood = ByteBuffer(repeating: 0, count: 4_000_000)
            let channel = try client.channel
            channel.writeAndFlush(flood, promise: nil)
            let response = try await client.response()
            #expect(response.status == 403)
            #expect(response.headers["connection"] == ["close"])
            #expect(client.errors.isEmpty)
        }
    }

    @Test func aRequestForAnotherProtocolIsAnsweredAsHTTP() async throws {
        try await withFront(respond: Self.respond) { _, port in
            let client = try await RawClient.connect(port)
            try await client.send(
                "GET /a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n")
            let answer = await client.receiveToEnd()
            #expect(answer.contains("Connection: close") && answer.hasSuffix("GET /a"))
        }
    }

    @Test func aClosingResponseCloses() async throws {
        try await withFront(respond: Self.respond) { _, port in
            let client = try await RawClient.connect(port)
            try await client.send("GET /closes HTTP/1.1\r\nHost: a\r\n\r\nGET /never HTTP/1.1\r\nHost: a\r\n\r\n")
            let all = await client.receiveToEnd()
            #expect(all.contains("Content-Length: 0\r\n") && !all.contains("never"))
        }
    }
}

@Suite("HTTP: back-pressure and disconnects", .timeLimit(.minutes(1)))
struct HTTPFlowTests {
    @Test func aSlowResponderHoldsTheSender() async throws {
        let gate = AsyncSignal()
        let arrived = AsyncSignal()
        try await withFront(respond: { request in
            _ = try? await request.body.next()
            arrived.notify()
            await gate.wait()
            return await HTTPExchangeTests.respond(request)
        }) { _, port in
            let client = try await RawClient.connect(port)
            let total = 64 << 20
            try await client.send("PUT /count HTTP/1.1\r\nHost: a\r\nContent-Length: \(total)\r\n\r\n")
            let channel = try client.channel
            // Written in one go: the promise can only succeed when the server has read what the kernel cannot hold.
            let sent = channel.eventLoop.makePromise(of: Void.self)
            channel.writeAndFlush(ByteBuffer(repeating: 1, count: total), promise: sent)
            let isSent = Mutex(false)
            sent.futureResult.whenComplete { _ in isSent.withLock { $0 = true } }
            await arrived.wait()
            #expect(!isSent.withLock { $0 })
            gate.notify()
            let response = try await client.response()
            let count = try #require(Int(response.body))
            // The first piece was taken before the count began.
            #expect(count < total && count > total - (1 << 20))
            try await sent.futureResult.get()
        }
    }

    @Test func aSlowReaderHoldsTheSource() async throws {
        let source = CountingSource(pieces: 1024, of: 64 * 1024)
        try await withFront(respond: { _ in HTTPResponse(status: 200, body: .stream(source, length: 64 << 20)) }) {
            _, port in
            let client = try await RawClient.connect(port, autoRead: false)
            try await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            let channel = try client.channel
            var last = -1
            // Settles once socket buffers and the write watermark are full: no pull between two exchanges of another
            // connection.
            while source.pulls.load(ordering: .relaxed) != last {
                last = source.pulls.load(ordering: .relaxed)
                let other = try await RawClient.connect(port, autoRead: true)
                for _ in 0..<20 { try await other.channel.eventLoop.submit {}.get() }
                try await other.close()
            }
            #expect(last < 1024)
            try await channel.setOption(.autoRead, value: true).get()
            #expect(try await client.response().body.utf8.count == 64 << 20)
        }
    }

    @Test func aDisconnectCancelsTheTaskAndTheBody() async throws {
        let started = AsyncSignal()
        let seen = Mutex<[String]>([])
        let ended = AsyncSignal()
        try await withFront(respond: { request in
            started.notify()
            do {
                while try await request.body.next() != nil {}
            } catch {
                let isCancelled = Task.isCancelled
                seen.withLock { $0.append("\(error) \(isCancelled)") }
            }
            ended.notify()
            return .text("nobody reads this")
        }) { front, port in
            let client = try await RawClient.connect(port)
            try await client.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
            await started.wait()
            try await client.close()
            await ended.wait()
            #expect(seen.withLock { $0 } == ["incomplete true"])
        }
    }

    @Test func aDisconnectCancelsAResponderThatWaitsForSomethingElse() async throws {
        let started = AsyncSignal()
        let ended = AsyncSignal()
        try await withFront(respond: { _ in
            started.notify()
            await AsyncSignal().wait()
            ended.notify()
            return .text("")
        }) { front, port in
            let client = try await RawClient.connect(port)
            try await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            await started.wait()
            try await client.close()
            await ended.wait()
            // Else the limit on connections would be used up by clients that are gone; the suite's time limit ends this.
            while front.counters.connectionsOpen > 0 { await Task.yield() }
        }
    }

    @Test func theBodyCanBePulledFromAnyExecutor() async throws {
        actor Puller {
            func all(_ body: any RequestBody) async throws -> Int {
                var count = 0
                while let piece = try await body.next() { count += piece.readableBytes }
                return count
            }
        }
        try await withFront(respond: { request in
            .text("\((try? await Task.detached { try await Puller().all(request.body) }.value) ?? -1)")
        }) { _, port in
            let client = try await RawClient.connect(port)
            try await client.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4000000\r\n\r\n")
            try await client.send(ByteBuffer(repeating: 7, count: 4_000_000))
            #expect(try await client.response().body == "4000000")
        }
    }
}
