import NIOCore
import NIOHTTP1
import Testing

@testable import Gateway

@Suite("Forwarding: answers of the upstream, byte by byte") struct ResponseParserTests {
    /// What a parser makes of bytes that arrive in pieces: statuses of interim answers, heads, bodies, ends.
    struct Outcome: Equatable {
        var interim: [Int] = []
        var heads: [UpstreamHead] = []
        var body = ""
        var ends: [Bool] = []
        var fault: UpstreamResponseFault?

        init(_ pieces: [[UInt8]], heads isHEAD: Bool = false, atEnd: Bool = false) {
            var parser = ResponseParser()
            parser.begin(isHEAD: isHEAD)
            do {
                for piece in pieces {
                    parser.append(ByteBuffer(bytes: piece))
                    while let event = try parser.next() { take(event) }
                }
                if atEnd, let event = try parser.endOfInput() { take(event) }
            } catch {
                fault = error as? UpstreamResponseFault
            }
        }

        private mutating func take(_ event: ResponseParser.Event) {
            switch event {
            case .informational(let status): interim.append(status)
            case .head(let head): heads.append(head)
            case .body(let piece): body += String(buffer: piece)
            case .end(let keepsAlive): ends.append(keepsAlive)
            }
        }
    }

    struct Case: Sendable {
        let text: String
        var status = 200
        var body = ""
        var keepsAlive = true
        var isHEAD = false
        var atEnd = false
        var interim: [Int] = []
    }

    static let good: [Case] = [
        Case(text: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A:  b \r\n\r\nhello", body: "hello"),
        Case(text: "HTTP/1.1 204 No Content\r\n\r\n", status: 204),
        Case(text: "HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n", status: 304),
        Case(text: "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", isHEAD: true),
        Case(text: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200\r\ncontent-length: 0\r\n\r\n", interim: [100]),
        Case(
            text: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n",
            body: "abc0123456789"),
        Case(text: "HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n0\r\nx-t: 1\r\ny: 2\r\n\r\n"),
        Case(
            text: "HTTP/1.1 503 Slow\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno", status: 503, body: "no",
            keepsAlive: false),
        Case(text: "HTTP/1.0 200 OK\r\n\r\nto the end", body: "to the end", keepsAlive: false, atEnd: true),
    ]

    @Test(arguments: good) func readsWhateverTheCuts(one: Case) {
        let bytes = Array(one.text.utf8)
        for size in 1...bytes.count {
            let pieces = stride(from: 0, to: bytes.count, by: size).map {
                Array(bytes[$0..<min($0 + size, bytes.count)])
            }
            let outcome = Outcome(pieces, heads: one.isHEAD, atEnd: one.atEnd)
            #expect(outcome.fault == nil)
            #expect(outcome.heads.map(\.status) == [one.status])
            #expect(outcome.body == one.body)
            #expect(outcome.ends == [one.keepsAlive])
            #expect(outcome.interim == one.interim)
        }
    }

    @Test func keepsFieldsInOrder() throws {
        let head = try #require(
            Outcome([Array("HTTP/1.1 200 OK\r\nb: 1\r\na:\r\nB: 2 3\r\nContent-Length: 0\r\n\r\n".utf8)]).heads.first)
        #expect(head.headers.map { "\($0.name)=\($0.value)" } == ["b=1", "a=", "B=2 3", "Content-Length=0"])
        #expect(head.length == 0)
    }

    @Test(arguments: [
        ("HTTP/2 200 OK\r\n\r\n", UpstreamResponseFault.malformedHead), ("garbage\r\n\r\n\r\n", .malformedHead),
        ("HTTP/1.1 2x0 OK\r\n\r\n", .malformedHead), ("HTTP/1.1 101 Switching\r\n\r\n", .malformedHead),
        ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", .malformedHead),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", .malformedHead),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx", .malformedHead),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nx", .malformedHead),
        ("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", .malformedHead), ("HTTP/1.1 200 OK\r\n a: b\r\n\r\n", .malformedHead),
        ("HTTP/1.1 200 OK\r\na: b\nc: d\r\n\r\n", .malformedHead),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", .malformedChunk),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", .malformedChunk),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc", .malformedChunk),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", .incomplete), ("HTTP/1.1 200 O", .incomplete),
    ])
    func refuses(text: String, fault: UpstreamResponseFault) {
        #expect(Outcome([Array(text.utf8)], atEnd: true).fault == fault)
    }

    @Test func limitsTheHead() {
        let long = "HTTP/1.1 200 OK\r\na: " + String(repeating: "b", count: ResponseParser.maximumHeadBytes)
        #expect(Outcome([Array(long.utf8)]).fault == .headTooLarge)
        #expect(Outcome([Array((long + "\r\n\r\n").utf8)]).fault == .headTooLarge)
    }

    /// Mutated answers end in parts or in a fault, and cut or whole in the same.
    @Test(arguments: 0..<16) func survivesGarbage(seed: UInt64) {
        var random = HTTPLimitsTests.SplitMix(seed: seed)
        for _ in 0..<500 {
            var bytes = Array(Self.good[Int(random.next() % UInt64(Self.good.count))].text.utf8)
            for _ in 0..<(random.next() % 5) where !bytes.isEmpty {
                let index = Int(random.next() % UInt64(bytes.count))
                switch random.next() % 3 {
                case 0: bytes[index] = UInt8(truncatingIfNeeded: random.next())
                case 1: bytes.remove(at: index)
                default: bytes.insert(UInt8(truncatingIfNeeded: random.next()), at: index)
                }
            }
            let cut = bytes.isEmpty ? 0 : Int(random.next() % UInt64(bytes.count))
            let whole = Outcome([bytes])
            let halves = Outcome([Array(bytes[..<cut]), Array(bytes[cut...])])
            #expect(whole.heads == halves.heads && whole.fault == halves.fault && whole.ends == halves.ends)
        }
    }
}
