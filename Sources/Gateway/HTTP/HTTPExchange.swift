import NIOCore
import NIOHTTP1
import Storage

/// One request on a connection, from its head to the end of its answer; to the responder it is the request's body.
///
/// Unchecked: everything mutable here is touched on the connection's event loop only. The request's task runs there, and
/// ``next()`` moves to the loop when it is called from anywhere else.
final class HTTPExchange: RequestBody, @unchecked Sendable {
    let announcedLength: Int64?
    let expectsContinue: Bool
    /// The client waits for `100 Continue` though it has nothing to send. It gets it at once, as from S3: older botocore
    /// takes a connection on which it did not come for broken with the next request, and waits for ever.
    let expectsContinueForNothing: Bool
    let isHEAD: Bool
    let isHTTP10: Bool
    /// Whether the client (and the codec) can go on after this request.
    let mayKeepAlive: Bool
    private let connection: HTTPConnection
    private let eventLoop: any EventLoop

    /// The whole body has been taken.
    var isComplete = false
    var receivedBytes: Int64 = 0
    var continueSent = false
    var isAnswering = false
    /// From the response's framing.
    var keepsAlive = false
    /// Sticky: what every further pull throws.
    var failure: (any Error)?
    private var waiter: CheckedContinuation<ByteBuffer?, any Error>?

    init(_ head: HTTPRequestHead, connection: HTTPConnection, eventLoop: any EventLoop) {
        let headers = head.headers
        isHTTP10 = head.version == .http1_0
        isHEAD = head.method == .HEAD
        let told = headers.first(name: "content-length").flatMap { Int64($0) }
        announcedLength = headers.contains(name: "transfer-encoding") ? nil : told ?? 0
        expectsContinue = !isHTTP10 && announcedLength != 0 && headers.contains(name: "expect")
        expectsContinueForNothing = !isHTTP10 && told == 0 && headers.contains(name: "expect")
        // After a request for another protocol the codec stops (we serve none), so the connection has to end.
        mayKeepAlive = head.isKeepAlive && !headers.contains(name: "upgrade")
        self.connection = connection
        self.eventLoop = eventLoop
    }

    var isWaiting: Bool { waiter != nil }
    var isReady: Bool { failure != nil || isComplete || connection.hasArrived }

    func next() async throws -> ByteBuffer? {
        if eventLoop.inEventLoop {
            switch connection.pull(for: self) {
            case .piece(let buffer): return buffer
            case .end: return nil
            case .failed(let error): throw error
            case .wait: break
            }
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                if eventLoop.inEventLoop {
                    wait(continuation)
                } else {
                    eventLoop.execute { self.wait(continuation) }
                }
            }
        } onCancel: {
            eventLoop.execute { self.fail(CancellationError()) }
        }
    }

    private func wait(_ continuation: CheckedContinuation<ByteBuffer?, any Error>) {
        guard waiter == nil else { return continuation.resume(throwing: HTTPBodyError.malformed) }
        switch connection.pull(for: self) {
        case .piece(let buffer): continuation.resume(returning: buffer)
        case .end: continuation.resume(returning: nil)
        case .failed(let error): continuation.resume(throwing: error)
        case .wait:
            waiter = continuation
            connection.bodyIsAwaited(self)
        }
    }

    /// Something arrived: the waiting pull, if any, gets it.
    func deliver() {
        guard let continuation = waiter else { return }
        switch connection.pull(for: self) {
        case .piece(let buffer): resume(continuation, .success(buffer))
        case .end: resume(continuation, .success(nil))
        case .failed(let error): resume(continuation, .failure(error))
        case .wait: break
        }
    }

    /// No more of the body will be given out.
    func fail(_ error: any Error) {
        if failure == nil { failure = error }
        if let continuation = waiter { resume(continuation, .failure(error)) }
    }

    func interrupt() {
        if let continuation = waiter { resume(continuation, .failure(HTTPBodyError.interrupted)) }
    }

    func sendProcessing() {
        if eventLoop.inEventLoop {
            connection.sendProcessing(for: self)
        } else {
            eventLoop.execute { self.connection.sendProcessing(for: self) }
        }
    }

    private func resume(
        _ continuation: CheckedContinuation<ByteBuffer?, any Error>, _ result: Result<ByteBuffer?, any Error>
    ) {
        waiter = nil
        continuation.resume(with: result)
    }

    /// Whether what is left of the body is so little that reading and dropping it is cheaper than a new connection.
    func canDrainRest(upTo limit: Int64) -> Bool {
        if isComplete { return true }
        // A client that still waits for `100 Continue` may or may not send its body now; nobody can tell.
        if expectsContinue && !continueSent && receivedBytes == 0 { return false }
        guard failure == nil, let announcedLength else { return false }
        return announcedLength - receivedBytes <= limit
    }
}
