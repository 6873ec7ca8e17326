import Environment
import NIOCore
import Storage
import Synchronization
import Testing

@testable import Gateway

@Suite("HTTP: how responses end", .timeLimit(.minutes(1)))
struct HTTPResponseEndTests {
    private final class Ends: Sendable {
        let signal = AsyncSignal()
        let all = Mutex<[ResponseEnd]>([])

        func add(_ end: ResponseEnd) {
            all.withLock { $0.append(end) }
            signal.notify()
        }
    }

    @Test(arguments: [
        ("/x", 6, true, false), ("/head", 0, true, false), ("/stream", 15, true, false), ("/chunked", 15, true, false),
        ("/short", 15, false, true), ("/long", 10, false, true), ("/broken", 15, false, true),
    ])
    func whatWasSentIsTold(target: String, sent: Int64, isComplete: Bool, isBroken: Bool) async throws {
        let ends = Ends()
        try await withFront(respond: { request in
            var response = await HTTPExchangeTests.respond(request)
            response.ended = { ends.add($0) }
            return response
        }) { _, port in
            let client = try await RawClient.connect(port)
            try await client.send("GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n")
            await ends.signal.wait()
        }
        let all = ends.all.withLock { $0 }
        #expect(all.map(\.sentBytes) == [sent])
        #expect(all.map(\.isComplete) == [isComplete])
        #expect(all.map { $0.failure != nil } == [isBroken])
    }

    @Test func aClientThatGoesAwayIsToldOf() async throws {
        let ends = Ends()
        let source = CountingSource(pieces: 1024, of: 64 * 1024)
        try await withFront(respond: { _ in
            var response = HTTPResponse(status: 200, body: .stream(source, length: 64 << 20))
            response.ended = { ends.add($0) }
            return response
        }) { _, port in
            let client = try await RawClient.connect(port, autoRead: false)
            try await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            while source.pulls.load(ordering: .relaxed) == 0 { try await client.channel.eventLoop.submit {}.get() }
            try await client.close()
            await ends.signal.wait()
        }
        let end = try #require(ends.all.withLock { $0 }.first)
        #expect(!end.isComplete && end.failure == nil && end.sentBytes < 64 << 20)
    }

    @Test func aBodyIsStartedBeforeItsHead() async throws {
        var response = HTTPResponse(status: 200, body: .stream(CountingSource(pieces: 3, of: 5), length: 15))
        try await StartedBody.start(&response)
        guard case .stream(let source, 15?) = response.body else { return #expect(Bool(false), "\(response.body)") }
        #expect(try await source.collect(upTo: 100).readableBytes == 15)

        var whole = HTTPResponse(status: 200, body: .stream(CountingSource(pieces: 1, of: 5), length: 5))
        try await StartedBody.start(&whole)
        guard case .buffer(let buffer) = whole.body else { return #expect(Bool(false), "\(whole.body)") }
        #expect(buffer.readableBytes == 5)

        var broken = HTTPResponse(
            status: 200, body: .stream(CountingSource(pieces: 0, of: 5, failsAtEnd: true), length: 5))
        await #expect(throws: CountingSource.Broken.self) { try await StartedBody.start(&broken) }
    }

    @Test func aTraceSaysWhatBecameOfTheAnswer() {
        var gone = RequestTrace(id: RequestID(1, 2), startedNanoseconds: 0)
        var end = ResponseEnd()
        end.sentBytes = 7
        gone.note(end)
        #expect(gone.isAborted && !gone.foundDamage && gone.errorCode == nil && gone.bytesOut == 7)

        var damaged = RequestTrace(id: RequestID(1, 2), startedNanoseconds: 0)
        end.failure = StorageError.corrupt(detail: "block 3")
        damaged.note(end)
        #expect(damaged.isAborted && damaged.foundDamage && damaged.errorCode == "InternalError")

        var whole = RequestTrace(id: RequestID(1, 2), startedNanoseconds: 0)
        end.isComplete = true
        end.failure = nil
        whole.note(end)
        #expect(!whole.isAborted)
    }
}
