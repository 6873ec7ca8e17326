package import Environment
import NIOCore
import NIOHTTP1
import S3Model
package import Storage

/// A call from another process of this installation, or the answer to one: a head of known length, content behind it.
package struct PeerMessage: Sendable {
    /// What the call means by itself; every format that is used here carries a version.
    package var head: [UInt8]
    /// Bytes behind the head, for example those of an object, and how many.
    package var content: (source: any ByteSource, length: Int64)?
    /// Of a call: the called process is at work on it, though it takes no bytes of the content and has no answer yet. The
    /// called process says it, the caller hears it.
    package var noteProgress: @Sendable () -> Void = {}

    package init(head: [UInt8], content: (source: any ByteSource, length: Int64)? = nil) {
        self.head = head
        self.content = content
    }
}

/// Answers the calls of one name.
package protocol PeerService: Sendable {
    /// Throws ``S3Error`` for what the caller did wrong; anything else tells the caller to try again.
    func answer(_ call: PeerMessage) async throws -> PeerMessage
}

/// The private pages by which processes of an installation talk: `POST /-/peer/CALL`. Everything else is the console's.
package struct PeerResponder: ConsoleResponding {
    package static let path = "/-/peer/"
    static let headLengthHeader = "x-meridian-peer-head"
    /// A snapshot of the control store is the largest head.
    package static let maximumHeadBytes = 64 * 1024 * 1024

    private let services: [String: any PeerService]
    private let key: EdgeKey
    private let time: any TimeSource
    private let console: any ConsoleResponding

    package init(
        services: [String: any PeerService], key: EdgeKey, time: any TimeSource,
        otherwise console: any ConsoleResponding
    ) {
        self.services = services
        self.key = key
        self.time = time
        self.console = console
    }

    package func respond(path: String, to request: HTTPRequest) async -> HTTPResponse {
        guard path.hasPrefix(Self.path) else { return await console.respond(path: path, to: request) }
        let name = String(path.dropFirst(Self.path.count))
        let now = Timestamp(milliseconds: time.wallMilliseconds())
        let signed = request.headers.first(name: PeerProof.header)
        guard request.method == "POST", let proof = signed.flatMap({ PeerProof($0, key: key, now: now) }),
            proof.call == name
        else { return refusal(signed, now: now) }
        guard let service = services[name] else { return Self.failure(404, "there is no call '\(name.prefix(40))'") }
        do {
            let body = CallBody(request.body)
            guard proof.headLength <= Self.maximumHeadBytes else { return Self.failure(400, "the head is too long") }
            let head = try await body.head(of: proof.headLength)
            guard proof.covers(head) else { return Self.failure(400, "the head is not the one that was signed") }
            let length = (request.body.announcedLength ?? 0) - Int64(head.count)
            let content: (source: any ByteSource, length: Int64)? = length > 0 ? (body, length) : nil
            var call = PeerMessage(head: head, content: content)
            call.noteProgress = { request.body.sendProcessing() }
            return Self.response(try await service.answer(call))
        } catch let error as S3Error {
            return Self.failure(409, error.description, code: error.code)
        } catch {
            return Self.failure(503, "\(error)")
        }
    }

    /// Only who has the key is told about the clock.
    private func refusal(_ signed: String?, now: Timestamp) -> HTTPResponse {
        guard let ahead = signed.flatMap({ PeerProof.clockDifference($0, key: key, now: now) }) else {
            return Self.failure(403, "this is for processes of the installation alone")
        }
        let direction = ahead > 0 ? "behind" : "ahead of"
        return Self.failure(
            403,
            "the called process's clock is \(abs(ahead)) s \(direction) the caller's, more than "
                + "\(RouteClaim.toleranceSeconds) s")
    }

    private static func response(_ message: PeerMessage) -> HTTPResponse {
        let headers: HTTPHeaders = [
            headLengthHeader: "\(message.head.count)", "Content-Type": "application/octet-stream",
            "Cache-Control": "no-store",
        ]
        guard let content = message.content else {
            return HTTPResponse(status: 200, headers: headers, body: .buffer(ByteBuffer(bytes: message.head)))
        }
        return HTTPResponse(
            status: 200, headers: headers,
            body: .stream(
                PrefixedSource(ByteBuffer(bytes: message.head), content.source),
                length: Int64(message.head.count) + content.length))
    }

    private static func failure(_ status: Int, _ reason: String, code: S3ErrorCode? = nil) -> HTTPResponse {
        var headers: HTTPHeaders = ["Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store"]
        if let code { headers.add(name: PeerClient.errorCodeHeader, value: code.rawValue) }
        return HTTPResponse(
            status: status, headers: headers, body: .buffer(ByteBuffer(string: reason.prefix(1024) + "\n")))
    }
}

/// The body of a call: its head first, then what is behind it. Pulled by one task, one piece at a time.
private final class CallBody: ByteSource {
    private let source: any RequestBody
    private let rest = PieceBox()

    init(_ source: any RequestBody) { self.source = source }

    func head(of length: Int) async throws -> [UInt8] {
        var head: [UInt8] = []
        head.reserveCapacity(min(length, 1 << 20))
        while head.count < length {
            guard var piece = try await source.next() else { throw HTTPBodyError.incomplete }
            let taken = min(length - head.count, piece.readableBytes)
            head += piece.readBytes(length: taken) ?? []
            if piece.readableBytes > 0 { rest.put(piece) }
        }
        return head
    }

    func next() async throws -> ByteBuffer? {
        if let piece = rest.take() { return piece }
        return try await source.next()
    }
}

/// A piece, and then the bytes of another source.
final class PrefixedSource: ByteSource {
    private let first = PieceBox()
    private let source: any ByteSource

    init(_ first: ByteBuffer, _ source: any ByteSource) {
        if first.readableBytes > 0 { self.first.put(first) }
        self.source = source
    }

    func next() async throws -> ByteBuffer? {
        if let piece = first.take() { return piece }
        return try await source.next()
    }
}
