import NIOCore
import NIOPosix

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Tells an upstream that is cut off, so that nothing we send is acknowledged, from one whose process or disk stands
/// still: its machine acknowledges all the same.
///
/// While nothing is under way the kernel asks every second (keep-alive). While bytes are, we look at what it knows. Its
/// own limit for that, `TCP_USER_TIMEOUT`, is of no use: it also ends a connection whose other end acknowledges but has
/// had no room for so long (tcp(7)), which is what a slow disk looks like.
enum LostConnections {
    /// What the kernel knows of a connection (`TCP_INFO`).
    struct Silence: Sendable, Equatable {
        /// Segments sent and not acknowledged, and how often the first of them was sent again.
        var unacknowledged: UInt32
        var retransmissions: UInt32
        /// Questions whether there is room by now, or whether anybody is there, without an answer since the last one.
        var unansweredProbes: UInt32
        /// Since the other end acknowledged anything, also that it has no room.
        var sinceAcknowledgement: TimeAmount

        /// One packet may get lost, and the answer to a first probe may be held back (`tcp_invalid_ratelimit`), so it takes
        /// two.
        func meansLoss(after limit: TimeAmount) -> Bool {
            guard sinceAcknowledgement >= limit else { return false }
            return unansweredProbes >= 2 || unacknowledged > 0 && retransmissions >= 2
        }
    }

    #if os(Linux)
        /// Of a TCP connection, on its event loop.
        static func silence(of channel: any Channel) -> EventLoopFuture<Silence>? {
            (channel as? any SocketOptionProvider)?.getTCPInfo().map { info in
                Silence(
                    unacknowledged: info.tcpi_unacked, retransmissions: UInt32(info.tcpi_retransmits),
                    unansweredProbes: UInt32(info.tcpi_probes),
                    sinceAcknowledgement: .milliseconds(Int64(info.tcpi_last_ack_recv)))
            }
        }

        /// Makes the kernel end a connection on which nothing is under way.
        static func options(on bootstrap: ClientBootstrap, after limit: TimeAmount?) -> ClientBootstrap {
            guard let limit else { return bootstrap }
            // One second until the first question, and one after each.
            let questions = max(1, Int(limit.nanoseconds / 1_000_000_000) - 1)
            return
                bootstrap
                .channelOption(.socketOption(.so_keepalive), value: 1)
                .channelOption(.tcpOption(.init(rawValue: TCP_KEEPIDLE)), value: 1)
                .channelOption(.tcpOption(.init(rawValue: TCP_KEEPINTVL)), value: 1)
                .channelOption(.tcpOption(.init(rawValue: TCP_KEEPCNT)), value: .init(questions))
        }
    #else
        static func silence(of channel: any Channel) -> EventLoopFuture<Silence>? { nil }
        static func options(on bootstrap: ClientBootstrap, after limit: TimeAmount?) -> ClientBootstrap { bootstrap }
    #endif
}
