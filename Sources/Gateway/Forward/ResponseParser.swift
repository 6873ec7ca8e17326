import NIOCore
import NIOHTTP1

/// Status and header fields of an upstream's answer.
struct UpstreamHead: Sendable, Equatable {
    let status: Int
    let headers: HTTPHeaders
    /// Of the body that follows; `nil` when only its chunks or the connection's end tell.
    let length: Int64?
}

enum UpstreamResponseFault: Error, Equatable {
    case malformedHead
    case headTooLarge
    case malformedChunk
    /// The connection ended within a response.
    case incomplete
}

/// HTTP/1.1 responses → parts, one response after another (RFC 9112 §4-7). Pure. Only for what our own servers send:
/// clients' bytes go through NIOHTTP1's decoder. Bodies are handed on as slices of what was read, never copied.
struct ResponseParser {
    enum Event: Equatable {
        case informational(status: Int)
        case head(UpstreamHead)
        case body(ByteBuffer)
        case end(keepsAlive: Bool)
    }

    static let maximumHeadBytes = 64 * 1024
    private static let maximumChunkLine = 256

    private enum State: Equatable {
        case idle
        case head
        case known(remaining: Int64)
        case chunkSize
        case chunk(remaining: Int64)
        case chunkEnd
        case trailers
        case untilClose
        case finished
    }

    private var state = State.idle
    private var buffer = ByteBuffer()
    private var isHEAD = false
    private var keepsAlive = true
    private var trailerBytes = 0

    /// Expects the response to a request that is being sent.
    mutating func begin(isHEAD: Bool) {
        self.isHEAD = isHEAD
        state = .head
    }

    /// Bytes that no response explains.
    var hasSurplus: Bool { state == .idle && buffer.readableBytes > 0 }

    mutating func append(_ bytes: ByteBuffer) {
        if buffer.readableBytes == 0 {
            buffer = bytes
        } else {
            var bytes = bytes
            buffer.writeBuffer(&bytes)
        }
    }

    /// The next part, or `nil` when more bytes are needed.
    mutating func next() throws -> Event? {
        while true {
            switch state {
            case .idle: return nil
            case .head:
                guard let end = endOfHead() else {
                    guard buffer.readableBytes <= Self.maximumHeadBytes else {
                        throw UpstreamResponseFault.headTooLarge
                    }
                    return nil
                }
                return try head(byteCount: end)
            case .known(let remaining):
                if remaining == 0 { state = .finished; continue }
                guard let piece = take(upTo: remaining) else { return nil }
                state = .known(remaining: remaining - Int64(piece.readableBytes))
                return .body(piece)
            case .chunkSize:
                guard let size = try chunkSize() else { return nil }
                trailerBytes = 0
                state = size == 0 ? .trailers : .chunk(remaining: size)
            case .chunk(let remaining):
                if remaining == 0 { state = .chunkEnd; continue }
                guard let piece = take(upTo: remaining) else { return nil }
                state = .chunk(remaining: remaining - Int64(piece.readableBytes))
                return .body(piece)
            case .chunkEnd:
                guard buffer.readableBytes >= 2 else { return nil }
                guard buffer.readInteger(as: UInt16.self) == 0x0D0A else {
                    throw UpstreamResponseFault.malformedChunk
                }
                state = .chunkSize
            case .trailers:
                guard let line = try line(limit: max(0, Self.maximumHeadBytes - trailerBytes)) else { return nil }
                trailerBytes += line.count + 2
                if line.isEmpty { state = .finished }
            case .untilClose:
                guard let piece = take(upTo: .max) else { return nil }
                return .body(piece)
            case .finished:
                state = .idle
                return .end(keepsAlive: keepsAlive)
            }
        }
    }

    /// The connection has ended: the end of a response that only that ends, or an error within any other.
    mutating func endOfInput() throws -> Event? {
        switch state {
        case .idle: return nil
        case .untilClose:
            state = .idle
            return .end(keepsAlive: false)
        default: throw UpstreamResponseFault.incomplete
        }
    }
}

// MARK: Parts

extension ResponseParser {
    private mutating func take(upTo limit: Int64) -> ByteBuffer? {
        let count = Int(min(limit, Int64(buffer.readableBytes)))
        guard count > 0 else { return nil }
        if count == buffer.readableBytes {
            defer { buffer = ByteBuffer() }
            return buffer
        }
        return buffer.readSlice(length: count)
    }

    /// Bytes up to and with the empty line.
    private func endOfHead() -> Int? {
        buffer.withUnsafeReadableBytes { bytes in
            var index = 3
            // The byte four on tells how far the mark is at least: most positions are skipped.
            while index < bytes.count {
                switch bytes[index] {
                case 0x0A:
                    if bytes[index - 1] == 0x0D, bytes[index - 2] == 0x0A, bytes[index - 3] == 0x0D {
                        return index + 1
                    }
                    index += 2
                case 0x0D: index += 1
                default: index += 4
                }
            }
            return nil
        }
    }

    private mutating func head(byteCount: Int) throws -> Event {
        guard byteCount <= Self.maximumHeadBytes else { throw UpstreamResponseFault.headTooLarge }
        guard
            let parsed = buffer.withUnsafeReadableBytes({
                HeadFields(UnsafeRawBufferPointer(rebasing: $0[..<byteCount]))
            })
        else { throw UpstreamResponseFault.malformedHead }
        buffer.moveReaderIndex(forwardBy: byteCount)
        guard parsed.status >= 200 else {
            // 101 would turn the connection into something else; nobody asks for that.
            guard parsed.status != 101 else { throw UpstreamResponseFault.malformedHead }
            return .informational(status: parsed.status)
        }
        keepsAlive = !parsed.closes
        var length = parsed.length
        if isHEAD || parsed.status == 204 || parsed.status == 304 {
            state = .known(remaining: 0)
        } else if parsed.isChunked {
            guard length == nil else { throw UpstreamResponseFault.malformedHead }
            state = .chunkSize
        } else if let length {
            state = .known(remaining: length)
        } else {
            state = .untilClose
            keepsAlive = false
        }
        if parsed.isChunked { length = nil }
        return .head(UpstreamHead(status: parsed.status, headers: HTTPHeaders(parsed.fields), length: length))
    }

    private mutating func line(limit: Int) throws -> [UInt8]? {
        let view = buffer.readableBytesView
        guard let end = view.prefix(limit + 2).firstIndex(of: 0x0A) else {
            guard view.count <= limit else { throw UpstreamResponseFault.malformedChunk }
            return nil
        }
        let line = Array(view[view.startIndex..<end])
        guard line.last == 0x0D else { throw UpstreamResponseFault.malformedChunk }
        buffer.moveReaderIndex(forwardBy: line.count + 1)
        return line.dropLast()
    }

    private mutating func chunkSize() throws -> Int64? {
        guard let line = try line(limit: Self.maximumChunkLine) else { return nil }
        let digits = line.prefix { $0 != UInt8(ascii: ";") && $0 != 0x20 }
        guard (1...15).contains(digits.count), !digits.contains(UInt8(ascii: "+")),
            let size = Int64(String(decoding: digits, as: UTF8.self), radix: 16), size >= 0
        else { throw UpstreamResponseFault.malformedChunk }
        return size
    }
}

/// Status line and fields, taken apart.
private struct HeadFields {
    var status = 0
    var fields: [(String, String)] = []
    var length: Int64?
    var isChunked = false
    var closes = false

    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= 13, bytes[0..<7].elementsEqual("HTTP/1.".utf8), bytes[8] == 0x20 else { return nil }
        for index in 9..<12 {
            guard (0x30...0x39).contains(bytes[index]) else { return nil }
            status = status * 10 + Int(bytes[index] - 0x30)
        }
        guard status >= 100, bytes[12] == 0x20 || bytes[12] == 0x0D else { return nil }
        // HTTP/1.0 keeps nothing alive unless asked, which we do not.
        closes = bytes[7] == 0x30
        fields.reserveCapacity(20)
        guard var start = Self.lineEnd(bytes, from: 12) else { return nil }
        start += 2
        while start < bytes.count, bytes[start] != 0x0D {
            guard let end = Self.lineEnd(bytes, from: start), read(bytes[start..<end]) else { return nil }
            start = end + 2
        }
    }

    private static func lineEnd(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
        var index = start
        while index + 1 < bytes.count {
            if bytes[index] == 0x0D { return bytes[index + 1] == 0x0A ? index : nil }
            if bytes[index] == 0x0A || bytes[index] == 0 { return nil }
            index += 1
        }
        return nil
    }

    private mutating func read(_ line: Slice<UnsafeRawBufferPointer>) -> Bool {
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > line.startIndex else { return false }
        let nameBytes = line[line.startIndex..<colon]
        guard nameBytes.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return false }
        var value = line[(colon + 1)...]
        while let first = value.first, first == 0x20 || first == 0x09 { value.removeFirst() }
        while let last = value.last, last == 0x20 || last == 0x09 { value.removeLast() }
        let name = String(decoding: nameBytes, as: UTF8.self)
        let text = String(decoding: value, as: UTF8.self)
        switch name.utf8.count {
        case 10 where name.lowercased() == "connection": if text.lowercased() == "close" { closes = true }
        case 14 where name.lowercased() == "content-length":
            guard length == nil, !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                let number = Int64(text)
            else { return false }
            length = number
        case 17 where name.lowercased() == "transfer-encoding":
            guard text.lowercased() == "chunked" else { return false }
            isChunked = true
        default: break
        }
        fields.append((name, text))
        return true
    }
}
