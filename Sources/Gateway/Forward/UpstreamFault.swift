import NIOCore
import NIOPosix

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Why a request could not be brought to the upstream, or its answer back.
enum UpstreamFault: Error, Equatable {
    case cannotConnect(ListenAddress, reason: String)
    /// The connection ended before the first byte of an answer.
    case closedBeforeAnswer(ListenAddress)
    /// The connection ended, or broke the protocol, within the answer.
    case brokenAnswer(ListenAddress)
    case timeout(ListenAddress)

    init(connectingTo address: ListenAddress, within limit: TimeAmount, _ error: any Error) {
        self = .cannotConnect(address, reason: Self.reason(error, within: limit))
    }
}

/// For operators: in logs, at replication work that waits, in answers to commands. What an S3 client is told says
/// ``ForwardingRefusal``.
extension UpstreamFault: CustomStringConvertible {
    var description: String {
        switch self {
        case .cannotConnect(let address, let reason): "cannot connect to \(address): \(reason)"
        case .closedBeforeAnswer(let address): "\(address) closed the connection before it answered"
        case .brokenAnswer(let address): "the answer of \(address) broke off or is not HTTP"
        case .timeout(let address): "\(address) did not answer in time"
        }
    }

    private static func reason(_ error: any Error, within limit: TimeAmount) -> String {
        switch error {
        case let error as NIOConnectionError:
            // Of several addresses of a host the last one tried counts. Without any, the name is not known.
            error.connectionErrors.last.map { reason($0.error, within: limit) } ?? "the host's name is not known"
        case ChannelError.connectTimeout: "no answer within \(limit.nanoseconds / 1_000_000) ms"
        case ChannelError.alreadyClosed: "closed at once"
        case let error as IOError: reason(error.errnoCode)
        default: "\(error)"
        }
    }

    private static func reason(_ code: CInt) -> String {
        switch code {
        case ECONNREFUSED: "connection refused"
        case ECONNRESET: "connection reset"
        case ETIMEDOUT: "no answer"
        case EHOSTUNREACH, ENETUNREACH: "no route to it"
        case EMFILE, ENFILE: "too many open files here"
        default: String(cString: strerror(code))
        }
    }
}
