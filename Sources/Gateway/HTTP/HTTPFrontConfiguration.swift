package import NIOCore

/// What an ``HTTPFront`` listens on and how far it lets a client go.
package struct HTTPFrontConfiguration: Sendable {
    package var addresses: [ListenAddress]
    /// Those of ``addresses`` that are left out when this machine does not have them, as `[::1]` without IPv6.
    package var optionalAddresses: Set<ListenAddress> = []
    /// Past this many open connections a new one gets 503 and is closed.
    package var maximumConnections = 10_000
    /// Request line and header fields together, bytes.
    package var maximumHeadBytes = 64 * 1024
    package var maximumHeaderCount = 256
    /// How much of what a client sent may wait in memory, per connection, before we stop reading from its socket. One
    /// more read (up to 256 KiB) can come on top.
    package var maximumBufferedBytes = 512 * 1024
    /// An unread request body up to this length is read and dropped so that the connection can be kept.
    package var maximumDrainedBytes: Int64 = 256 * 1024
    package var timeouts = HTTPTimeouts()
    /// The `Server` header, unless the response has one.
    package var serverName = "Meridian"

    package init(addresses: [ListenAddress]) { self.addresses = addresses }

    /// A free port on the IPv4 loopback address; for tests.
    package static var ephemeral: Self { Self(addresses: [.ephemeral]) }
}

/// How long a client may make us wait.
package struct HTTPTimeouts: Sendable {
    /// From the first byte of a request (or from the connection's start, TLS handshake included) to the end of its head.
    package var header: TimeAmount = .seconds(30)
    /// Between two requests on a kept connection.
    package var idle: TimeAmount = .seconds(75)
    /// Without a byte of a body that is waited for.
    package var bodyStall: TimeAmount = .seconds(60)
    /// Without a byte of a response taken.
    package var writeStall: TimeAmount = .seconds(60)
    /// How long a connection that is being closed may still send what we no longer read.
    package var linger: TimeAmount = .seconds(5)
    /// How long a connection over the limit is kept for its first bytes, so that it can be told why.
    package var refusal: TimeAmount = .seconds(1)

    package init() {}
}

/// `HOST:PORT`, an IPv6 host in brackets. Port 0 takes a free one.
package struct ListenAddress: Sendable, Hashable, CustomStringConvertible {
    package let host: String
    package let port: Int

    package static let ephemeral = ListenAddress(host: "127.0.0.1", port: 0)

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// `nil` for anything but `HOST:PORT` with a host and a port of 0…65535.
    package init?(_ text: String) {
        guard let parsed = Authority(text), let port = parsed.port else { return nil }
        self.init(host: parsed.host, port: port)
    }

    package var description: String { host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// A host with an optional port, as in `Host`, CONNECT and listen addresses. Pure.
struct Authority: Hashable, Sendable {
    /// Without brackets.
    let host: String
    let port: Int?

    /// `nil` when it is not `HOST`, `HOST:PORT`, `[IPv6]` or `[IPv6]:PORT`.
    init?(_ text: String) {
        guard text.utf8.count <= 300, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return nil }
        let rest: Substring
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { return nil }
            host = String(text[text.index(after: text.startIndex)..<end])
            rest = text[text.index(after: end)...]
        } else {
            let end = text.firstIndex(of: ":") ?? text.endIndex
            host = String(text[..<end])
            rest = text[end...]
        }
        guard !host.isEmpty, !host.utf8.contains(where: { "[]/@?#".utf8.contains($0) }) else { return nil }
        if rest.isEmpty {
            port = nil
        } else {
            let digits = rest.dropFirst()
            guard rest.hasPrefix(":"), (1...5).contains(digits.utf8.count),
                digits.utf8.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }),
                let number = Int(digits), number <= 65_535
            else { return nil }
            port = number
        }
    }
}

/// Why an ``HTTPFront`` could not start.
package enum HTTPFrontError: Error, Sendable, Equatable, CustomStringConvertible {
    case addressInUse(ListenAddress)
    case permissionDenied(ListenAddress)
    /// This machine does not have the address.
    case addressMissing(ListenAddress)
    case cannotListen(ListenAddress, reason: String)

    package var description: String {
        switch self {
        case .addressInUse(let address):
            "\(address) is already in use by another process. Stop that process, or listen on another port."
        case .permissionDenied(let address):
            "Not allowed to listen on \(address). Ports below 1024 need special rights: choose a higher port."
        case .addressMissing(let address):
            "Cannot listen on \(address): this machine does not have that address."
        case .cannotListen(let address, let reason):
            "Cannot listen on \(address): \(reason)."
        }
    }
}
