import Cluster
package import Environment
package import NIOCore
import NIOHTTP1
package import S3Model
import Storage

/// Why a call brought no answer.
package enum PeerFault: Error, Sendable, Equatable, CustomStringConvertible {
    /// The process cannot be reached, broke off, or is not able to answer now.
    case unavailable(reason: String)
    /// It answered that the call cannot be carried out; `code` is S3's where there is one.
    case refused(code: S3ErrorCode?, reason: String)

    package var description: String {
        switch self {
        case .unavailable(let reason): reason
        case .refused(_, let reason): reason
        }
    }
}

/// Calls the private pages (``PeerResponder``) of one other process of the installation, over pooled connections.
package final class PeerClient: Sendable {
    static let errorCodeHeader = "x-meridian-peer-error"

    package let address: ListenAddress
    private let forwarder: Forwarder
    private let eventLoops: any EventLoopGroup
    /// One per event loop, made once: a task needs its executor alive for as long as it runs.
    private let executors: [ObjectIdentifier: EventLoopTaskExecutor]
    private let key: EdgeKey
    private let time: any TimeSource

    /// - Parameter patience: how long the other process may give no sign that it is at work: take no byte, send none.
    /// - Parameter lost: how long its machine may acknowledge nothing.
    package init(
        to address: ListenAddress, on eventLoops: any EventLoopGroup, key: EdgeKey, time: any TimeSource,
        patience: TimeAmount = .milliseconds(PeerPatience.milliseconds), lost: TimeAmount = .seconds(3)
    ) {
        var limits = UpstreamLimits()
        limits.connect = .seconds(2)
        limits.stall = patience
        limits.lost = lost
        limits.sweep = min(.milliseconds(500), .nanoseconds(patience.nanoseconds / 2))
        self.address = address
        forwarder = Forwarder(to: address, group: eventLoops, limits: limits)
        self.eventLoops = eventLoops
        executors = Dictionary(
            uniqueKeysWithValues: eventLoops.makeIterator().map { (ObjectIdentifier($0), EventLoopTaskExecutor($0)) })
        self.key = key
        self.time = time
    }

    package func close() { forwarder.close() }

    /// Asks, and waits for the head of the answer; the content behind it is pulled by the caller and must be pulled to its
    /// end, on `eventLoop` where one is given. Throws ``PeerFault``, what the content's source throws, or
    /// `CancellationError`.
    package func call(
        _ name: String, _ message: PeerMessage, on eventLoop: (any EventLoop)? = nil
    ) async throws -> PeerMessage {
        let eventLoop = eventLoop ?? eventLoops.next()
        let proof = PeerProof(call: name, head: message.head)
        let now = Timestamp(milliseconds: time.wallMilliseconds())
        let body = MessageBody(message)
        let request = HTTPRequest(
            method: "POST", target: PeerResponder.path + name,
            headers: headers(proof.signed(with: key, now: now), body),
            body: body,
            connection: ConnectionInfo(remoteAddress: nil, isTLS: false, tunnelHost: nil, eventLoop: eventLoop))
        return try await withTaskExecutorPreference(executors[ObjectIdentifier(eventLoop)]) {
            do {
                return try await Self.answer(
                    try await self.forwarder.forward(request, claim: nil, onProcessing: message.noteProgress))
            } catch let fault as UpstreamFault {
                throw PeerFault.unavailable(reason: fault.description)
            }
        }
    }

    private func headers(_ proof: String, _ body: MessageBody) -> HTTPHeaders {
        ["Host": "\(address)", PeerProof.header: proof, "Content-Length": "\(body.announcedLength ?? 0)"]
    }

    private static func answer(_ response: HTTPResponse) async throws -> PeerMessage {
        guard response.status == 200 else {
            let text = try await whole(response.body, limit: 4096)
            let reason = String(decoding: text, as: UTF8.self).split(separator: "\n").first.map(String.init)
            let told = reason ?? "status \(response.status)"
            guard response.status < 500, response.status != 403 else { throw PeerFault.unavailable(reason: told) }
            let code = response.headers.first(name: errorCodeHeader).flatMap { S3ErrorCode(rawValue: $0) }
            throw PeerFault.refused(code: code, reason: told)
        }
        guard let length = response.headers.first(name: PeerResponder.headLengthHeader).flatMap({ Int($0) }),
            (0...PeerResponder.maximumHeadBytes).contains(length)
        else { throw PeerFault.unavailable(reason: "the answer has no head") }
        switch response.body {
        case .stream(let source, let total):
            return try await split(source, headLength: length, total: total)
        case .buffer(var buffer):
            guard let head = buffer.readBytes(length: length) else { throw broken }
            return PeerMessage(head: head, content: buffer.readableBytes > 0 ? content(buffer) : nil)
        case .empty, .headOnly:
            guard length == 0 else { throw broken }
            return PeerMessage(head: [])
        }
    }

    private static var broken: PeerFault { .unavailable(reason: "the answer ended too early") }

    private static func content(_ buffer: ByteBuffer) -> (source: any ByteSource, length: Int64) {
        (BufferSource(buffer), Int64(buffer.readableBytes))
    }

    private static func split(
        _ source: any ByteSource, headLength: Int, total: Int64?
    ) async throws -> PeerMessage {
        var head: [UInt8] = []
        var rest = ByteBuffer()
        while head.count < headLength {
            guard var piece = try await source.next() else { throw broken }
            head += piece.readBytes(length: min(headLength - head.count, piece.readableBytes)) ?? []
            rest = piece
        }
        guard let total, total > Int64(headLength) else {
            // Takes the end, so that the connection can be used again.
            while try await source.next() != nil {}
            return PeerMessage(head: head)
        }
        return PeerMessage(head: head, content: (PrefixedSource(rest, source), total - Int64(headLength)))
    }

    private static func whole(_ body: ResponseBody, limit: Int) async throws -> [UInt8] {
        switch body {
        case .buffer(let buffer): Array(buffer.readableBytesView.prefix(limit))
        case .stream(let source, _): Array(try await source.collect(upTo: limit).readableBytesView)
        case .empty, .headOnly: []
        }
    }
}

/// A call's head and content as the body of a request.
private final class MessageBody: RequestBody {
    let announcedLength: Int64?
    let expectsContinue = false
    private let source: any ByteSource

    init(_ message: PeerMessage) {
        let content = message.content
        announcedLength = Int64(message.head.count) + (content?.length ?? 0)
        let head = ByteBuffer(bytes: message.head)
        source = content.map { PrefixedSource(head, $0.source) } ?? BufferSource(head)
    }

    func next() async throws -> ByteBuffer? { try await source.next() }
}
