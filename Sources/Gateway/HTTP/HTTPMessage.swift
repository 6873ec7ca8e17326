package import NIOCore
package import NIOHTTP1
package import Storage

/// One request as it came off a connection: nothing decoded, nothing checked but HTTP itself.
package struct HTTPRequest: Sendable {
    /// As received, for example `GET`.
    package let method: String
    /// The request target exactly as received: origin form or absolute form.
    package let target: String
    /// All header fields in order, names in the case they came in.
    package let headers: HTTPHeaders
    /// The body. Pulling it for the first time answers `Expect: 100-continue`.
    package let body: any RequestBody
    package let connection: ConnectionInfo
    /// What the process of ours that sent the request on says about it, once that is verified.
    package var note: ForwardingNote?

    package init(
        method: String, target: String, headers: HTTPHeaders, body: any RequestBody, connection: ConnectionInfo
    ) {
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body
        self.connection = connection
    }
}

/// What is known of the connection a request came on.
package struct ConnectionInfo: Sendable {
    package let remoteAddress: SocketAddress?
    package let isTLS: Bool
    /// The host of the CONNECT that opened this tunnel.
    package let tunnelHost: String?
    /// The loop that the connection, and the task of each of its requests, runs on.
    package let eventLoop: (any EventLoop)?

    package init(
        remoteAddress: SocketAddress?, isTLS: Bool, tunnelHost: String?, eventLoop: (any EventLoop)? = nil
    ) {
        self.remoteAddress = remoteAddress
        self.isTLS = isTLS
        self.tunnelHost = tunnelHost
        self.eventLoop = eventLoop
    }
}

/// The body of a request, pulled piece by piece on the connection's event loop. `next()` throws ``HTTPBodyError``.
package protocol RequestBody: ByteSource {
    /// From `Content-Length`; `nil` when the body is chunked. 0 when there is none.
    var announcedLength: Int64? { get }
    /// Whether the client waits for `100 Continue` before it sends anything.
    var expectsContinue: Bool { get }
    /// Whether `next()` would answer at once.
    var isReady: Bool { get }
    /// Bytes pulled so far, without HTTP's own chunk framing.
    var receivedBytes: Int64 { get }
    /// Ends a `next()` that waits for the client with ``HTTPBodyError/interrupted``; the body can be pulled on afterwards.
    /// On the connection's event loop.
    func interrupt()
    /// Tells the client with `102 Processing` (RFC 2518 §10.1) that its request is being worked on. Only for clients that
    /// are known to understand it; not after the answer.
    func sendProcessing()
}

extension RequestBody {
    package var isReady: Bool { true }
    package var receivedBytes: Int64 { 0 }
    package func interrupt() {}
    package func sendProcessing() {}
}

package enum HTTPBodyError: Error, Sendable, Equatable {
    /// The connection closed before the body was complete.
    case incomplete
    /// Nothing arrived for too long.
    case timeout
    case malformed
    /// ``RequestBody/interrupt()`` was called.
    case interrupted
}

/// What a responder answers. `HTTPFront` adds framing (`Content-Length`, `Transfer-Encoding`, `Connection`) and `Date`.
package struct HTTPResponse: Sendable {
    package var status: Int
    package var headers: HTTPHeaders
    package var body: ResponseBody
    /// Close the connection after this response.
    package var closes: Bool
    /// Called once, on the connection's event loop, when all of the response was handed to the socket or when it is certain
    /// that it never will be.
    package var ended: (@Sendable (ResponseEnd) -> Void)?

    package init(status: Int, headers: HTTPHeaders = [:], body: ResponseBody = .empty, closes: Bool = false) {
        self.status = status
        self.headers = headers
        self.body = body
        self.closes = closes
    }
}

/// How a response ended.
package struct ResponseEnd: Sendable {
    /// Body bytes handed to the socket.
    package var sentBytes: Int64 = 0
    /// Whether the client can have taken all of it.
    package var isComplete = false
    /// Why the body's source broke off; `nil` when the client went away.
    package var failure: (any Error)?

    package init() {}
}

package enum ResponseBody: Sendable {
    case empty
    /// The answer to a HEAD: `Content-Length` is sent, no bytes are.
    case headOnly(length: Int64)
    case buffer(ByteBuffer)
    /// `length` bytes pulled from `source`; when the source throws or ends early the connection is cut, so that a client
    /// never takes a broken object for a whole one. `nil` length: chunked.
    case stream(any ByteSource, length: Int64?)
}

/// Answers requests. Called once per request in one task on the connection's event loop; never throws.
package protocol HTTPResponder: Sendable {
    func respond(to request: HTTPRequest) async -> HTTPResponse
    /// The answer to something that never became a request (bad HTTP, too large a head, CONNECT to a foreign name …).
    func refuse(status: Int, reason: String) -> HTTPResponse
}
