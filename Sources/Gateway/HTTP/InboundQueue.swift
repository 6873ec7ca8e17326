import NIOCore
import NIOHTTP1

/// What came in on a connection and nobody has taken yet, in order. Bounded: the connection stops reading while it
/// ``isFull``.
struct InboundQueue {
    enum Item {
        case head(HTTPRequestHead)
        case body(ByteBuffer)
        case end
        /// The bytes after this point were not HTTP; nothing follows.
        case failed(HTTPFailure)
    }

    private var items = CircularBuffer<Item>(initialCapacity: 8)
    private var bytes = 0
    private let maximumBytes: Int
    /// So that many tiny pieces or pipelined requests cannot pile up either.
    private let maximumItems = 128

    init(maximumBytes: Int) { self.maximumBytes = maximumBytes }

    var isEmpty: Bool { items.isEmpty }
    var isFull: Bool { bytes >= maximumBytes || items.count >= maximumItems }
    var first: Item? { items.first }

    /// Whether the end of the request at the front is here.
    var holdsEnd: Bool {
        for item in items {
            switch item {
            case .body: continue
            case .end: return true
            case .head, .failed: return false
            }
        }
        return false
    }

    mutating func append(_ item: Item) {
        if case .body(let buffer) = item { bytes += buffer.readableBytes }
        items.append(item)
    }

    mutating func popFirst() -> Item? {
        guard let item = items.popFirst() else { return nil }
        if case .body(let buffer) = item { bytes -= buffer.readableBytes }
        return item
    }

    mutating func removeAll() {
        items.removeAll()
        bytes = 0
    }
}

/// Bytes that never became a request: the status to answer and why, in words for the client.
struct HTTPFailure: Error, Equatable {
    let status: Int
    let reason: String

    /// `nil` when `error` says nothing about what the client sent (a closed socket, an aborted handshake).
    init?(_ error: any Error, maximumHeadBytes: Int, maximumHeaderCount: Int) {
        guard let error = error as? HTTPParserError else { return nil }
        switch error {
        case .invalidEOFState, .closedConnection: return nil
        case .headerOverflow:
            self.init(
                status: 431,
                reason:
                    "The request line and the headers must not be longer than \(maximumHeadBytes) bytes together, nor "
                    + "the headers more than \(maximumHeaderCount).")
        case .invalidVersion: self.init(status: 505, reason: "Only HTTP/1.0 and HTTP/1.1 are served here.")
        case .invalidContentLength, .unexpectedContentLength:
            self.init(
                status: 400,
                reason: "Content-Length must be one decimal number, and not be sent along with Transfer-Encoding.")
        case .invalidChunkSize: self.init(status: 400, reason: "A chunk of the body does not start with its size.")
        case .invalidHeaderToken:
            self.init(status: 400, reason: "A header contains a character that is not allowed in HTTP.")
        default: self.init(status: 400, reason: "The bytes received are not an HTTP/1.1 request.")
        }
    }

    init(status: Int, reason: String) {
        self.status = status
        self.reason = reason
    }
}
