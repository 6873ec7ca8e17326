import NIOCore

/// One timer per connection, moved lazily: under load a request costs no timer operation, because a deadline that moves
/// back only leaves the timer to fire early and look again.
struct Deadline {
    var at: NIODeadline?
    var timer: Scheduled<Void>?
    var timerAt = NIODeadline.distantFuture
    /// Bytes waiting to be written when the deadline was set; fewer later mean progress.
    var pendingWrites = 0

    mutating func cancel() {
        at = nil
        timer?.cancel()
        timer = nil
        timerAt = .distantFuture
    }
}

extension HTTPConnection {
    func arm(_ amount: TimeAmount) {
        let at = NIODeadline.now() + amount
        deadline.at = at
        guard at < deadline.timerAt else { return }
        deadline.timer?.cancel()
        deadline.timerAt = at
        deadline.timer = eventLoop.assumeIsolated().scheduleTask(deadline: at) { self.timerFired() }
    }

    func disarm() { deadline.at = nil }

    private func timerFired() {
        deadline.timer = nil
        deadline.timerAt = .distantFuture
        guard let at = deadline.at else { return }
        guard at <= NIODeadline.now() else {
            deadline.timerAt = at
            deadline.timer = eventLoop.assumeIsolated().scheduleTask(deadline: at) { self.timerFired() }
            return
        }
        deadline.at = nil
        expired()
    }

    private func expired() {
        guard let context else { return }
        switch phase {
        case .idle where isWithinHead:
            // A silent close for a connection that has sent nothing or only a TLS handshake would do, but one answer
            // fits all: the client learns why.
            refuse(HTTPFailure(status: 408, reason: "The request's head did not arrive in time."))
        case .handling(let exchange) where exchange.isWaiting:
            // The responder answers; the connection cannot be used any more.
            exchange.fail(HTTPBodyError.timeout)
        case .handling, .closing: checkWrites(context)
        case .idle, .skipping: context.close(promise: nil)
        case .tunnelling, .closed: break
        }
    }

    /// Starts the clock for a client that does not take what we send.
    func armWriteStall() {
        deadline.pendingWrites = bufferedBytes
        arm(shared.configuration.timeouts.writeStall)
    }

    private func checkWrites(_ context: ChannelHandlerContext) {
        let pending = bufferedBytes
        if pending > 0, pending < deadline.pendingWrites {
            armWriteStall()
        } else {
            context.close(promise: nil)
        }
    }

    private var bufferedBytes: Int {
        guard let options = context?.channel.syncOptions else { return 0 }
        return (try? options.getOption(.bufferedWritableBytes)) ?? 0
    }
}
