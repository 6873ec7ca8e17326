import NIOCore
import Storage

/// One request at the upstream and its answer, as its task sees them. One task waits at a time.
///
/// Unchecked: all state is confined to the event loop that the client's and the upstream's connection share. The request's
/// task runs there.
final class UpstreamExchange: @unchecked Sendable {
    let eventLoop: any EventLoop
    weak var connection: UpstreamConnection?
    private(set) var head: UpstreamHead?
    private(set) var sawContinue = false
    private(set) var isComplete = false
    private(set) var failure: (any Error)?
    /// All of the request has been written, so that the connection can take another one after the answer.
    var isSent = false
    private var pieces = CircularBuffer<ByteBuffer>(initialCapacity: 4)
    private(set) var bufferedBytes = 0
    /// What the request's task waits for instead of this exchange: more of the body.
    var pulledBody: (any RequestBody)?
    private var waiter: CheckedContinuation<Void, Never>?
    /// The upstream is at work on the request (`102 Processing`).
    private let onProcessing: @Sendable () -> Void

    init(on eventLoop: any EventLoop, onProcessing: @escaping @Sendable () -> Void = {}) {
        self.eventLoop = eventLoop
        self.onProcessing = onProcessing
    }

    // MARK: From the connection

    func receive(_ event: ResponseParser.Event) {
        switch event {
        case .informational(100): sawContinue = true
        case .informational(102): onProcessing()
        case .informational: break
        case .head(let head): self.head = head
        case .body(let piece):
            pieces.append(piece)
            bufferedBytes += piece.readableBytes
        case .end: isComplete = true
        }
    }

    func fail(_ error: any Error) {
        if failure == nil, !isComplete { failure = error }
        wake()
    }

    func wake() {
        waiter.take()?.resume()
        if head != nil || failure != nil { pulledBody?.interrupt() }
    }

    // MARK: From the task

    /// Returns after the next event of any kind. The connection's time-out runs meanwhile.
    func wait() async {
        connection?.startsWaiting()
        await withCheckedContinuation { waiter = $0 }
        connection?.endsWaiting()
    }

    /// Waits for the head of the answer.
    func answer() async throws -> UpstreamHead {
        while true {
            if let head { return head }
            if let failure { throw failure }
            await wait()
        }
    }

    /// Waits until more of the request is welcome: `false` when an answer (or a failure) came instead.
    func mayGoOn(afterContinue: Bool) async -> Bool {
        while head == nil, failure == nil {
            if afterContinue ? sawContinue : connection?.isWritable ?? true { return true }
            await wait()
        }
        return false
    }

    /// The next piece of the answer's body without waiting.
    func popPiece() -> ByteBuffer? {
        guard let piece = pieces.popFirst() else { return nil }
        bufferedBytes -= piece.readableBytes
        if !isComplete { connection?.releaseRead() }
        return piece
    }

    /// The only piece of a body that is already here as a whole.
    func popWhole() -> ByteBuffer? { isComplete && pieces.count == 1 ? popPiece() : nil }

    var isEmpty: Bool { pieces.isEmpty }

    /// Nobody wants the rest of the answer; a connection in the middle of it cannot be used again.
    func abandon() {
        pieces.removeAll()
        if !isComplete { connection?.close() }
    }
}

/// The answer's body, as it is handed to the client. Dropping it before its end closes the upstream connection.
final class UpstreamBody: ByteSource {
    private let exchange: UpstreamExchange

    init(_ exchange: UpstreamExchange) { self.exchange = exchange }

    deinit {
        let exchange = self.exchange
        if exchange.eventLoop.inEventLoop {
            exchange.abandon()
        } else {
            exchange.eventLoop.execute { exchange.abandon() }
        }
    }

    func next() async throws -> ByteBuffer? {
        while true {
            if let piece = exchange.popPiece() { return piece }
            if let failure = exchange.failure { throw failure }
            if exchange.isComplete { return nil }
            let exchange = self.exchange
            await withTaskCancellationHandler {
                await exchange.wait()
            } onCancel: {
                exchange.eventLoop.execute { exchange.fail(CancellationError()) }
            }
        }
    }
}
