import NIOCore
import NIOHTTP1
import S3Model

/// How one response is framed on the wire (RFC 9112 §6): decided from the request's traits and the body's form. Pure.
struct ResponseFraming: Equatable {
    enum Length: Equatable {
        /// Neither header: 1xx, 204 and 304.
        case none
        case known(Int64)
        case chunked
        /// To an HTTP/1.0 client that cannot take chunks: the end is the connection's end.
        case untilClose
    }

    let length: Length
    /// No bytes follow the head.
    let isHeadOnly: Bool
    let keepsAlive: Bool

    init(status: Int, body: ResponseBody, isHEAD: Bool, isHTTP10: Bool, mayKeepAlive: Bool) {
        let hasNoBody = status < 200 || status == 204 || status == 304
        var isHeadOnly = isHEAD || hasNoBody
        let length: Length
        switch body {
        case _ where hasNoBody: length = .none
        case .empty:
            length = .known(0)
            isHeadOnly = true
        case .headOnly(let announced):
            length = .known(announced)
            isHeadOnly = true
        case .buffer(let buffer): length = .known(Int64(buffer.readableBytes))
        case .stream(_, let announced?): length = .known(announced)
        case .stream(_, nil): length = isHTTP10 ? .untilClose : .chunked
        }
        self.length = length
        self.isHeadOnly = isHeadOnly
        // A head without its bytes to anything but HEAD would be taken for the start of a longer response.
        let isTruncated = if case .headOnly(let announced) = body { !isHEAD && announced > 0 } else { false }
        keepsAlive = mayKeepAlive && !isTruncated && (length != .untilClose || isHeadOnly)
    }
}

/// Writes status line and header fields. What belongs to the connection (`Content-Length`, `Transfer-Encoding`,
/// `Connection`, `Date`) comes from the front alone; the same names in a response's headers are left out.
struct ResponseHeadWriter {
    let serverName: String

    func write(
        _ response: HTTPResponse, framing: ResponseFraming, isHTTP10: Bool, date: HTTPDate, into out: inout ByteBuffer
    ) {
        out.writeString("HTTP/1.1 ")
        Self.writeDecimal(Int64(min(max(response.status, 100), 999)), into: &out)
        out.writeInteger(UInt8(ascii: " "))
        out.writeString(Self.reasonPhrase(response.status))
        out.writeString("\r\nDate: ")
        out.writeString(date.text)
        var hasServer = false
        for (name, value) in response.headers {
            if Self.isFraming(name) { continue }
            if name.utf8.count == 6, name.equals(lowercase: "server") { hasServer = true }
            out.writeString("\r\n")
            Self.writeField(name, into: &out)
            out.writeString(": ")
            Self.writeField(value, into: &out)
        }
        if !hasServer {
            out.writeString("\r\nServer: ")
            Self.writeField(serverName, into: &out)
        }
        switch framing.length {
        case .none, .untilClose: break
        case .known(let length):
            out.writeString("\r\nContent-Length: ")
            Self.writeDecimal(max(0, length), into: &out)
        case .chunked: out.writeString("\r\nTransfer-Encoding: chunked")
        }
        if !framing.keepsAlive {
            out.writeString("\r\nConnection: close")
        } else if isHTTP10 {
            out.writeString("\r\nConnection: keep-alive")
        }
        out.writeString("\r\n\r\n")
    }

    private static func isFraming(_ name: String) -> Bool {
        switch name.utf8.count {
        case 4: name.equals(lowercase: "date")
        case 10: name.equals(lowercase: "connection") || name.equals(lowercase: "keep-alive")
        case 14: name.equals(lowercase: "content-length")
        case 17: name.equals(lowercase: "transfer-encoding")
        default: false
        }
    }

    /// A line break in a name or value would start a header (or a response) of the value's making, so control
    /// characters become spaces.
    private static func writeField(_ text: String, into out: inout ByteBuffer) {
        let start = out.readableBytes
        out.writeString(text)
        // Looked at where they are now: one pass over plain bytes.
        out.withUnsafeMutableReadableBytes { bytes in
            for index in start..<bytes.count where bytes[index] < 0x20 || bytes[index] == 0x7F {
                if bytes[index] != 0x09 { bytes[index] = 0x20 }
            }
        }
    }

    static func writeDecimal(_ number: Int64, into out: inout ByteBuffer) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var rest = number.magnitude
            var start = digits.count
            repeat {
                start -= 1
                digits[start] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            } while rest > 0
            if number < 0 { out.writeInteger(UInt8(ascii: "-")) }
            out.writeBytes(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(digits)[start...]))
        }
    }

    /// `SIZE CRLF` before a chunk's bytes; the CRLF after them is the caller's.
    static func writeChunkSize(_ size: Int, into out: inout ByteBuffer) {
        out.writeString(String(size, radix: 16))
        out.writeString("\r\n")
    }

    private static func reasonPhrase(_ status: Int) -> String {
        switch status {
        case 200: "OK"
        case 204: "No Content"
        case 206: "Partial Content"
        case 304: "Not Modified"
        case 404: "Not Found"
        default: HTTPResponseStatus(statusCode: status).reasonPhrase
        }
    }
}

/// The `Date` header's value, made once per second.
struct HTTPDate {
    private(set) var text = ""
    private var second = Int64.min

    /// Brings it up to date.
    mutating func update(wallMilliseconds: Int64) {
        let now = Timestamp(milliseconds: wallMilliseconds)
        guard now.seconds != second else { return }
        second = now.seconds
        text = now.httpDate
    }
}

extension String {
    /// Compares a header's name without case and without making another string.
    func equals(lowercase name: StaticString) -> Bool {
        guard utf8.count == name.utf8CodeUnitCount else { return false }
        var other = name.utf8Start
        for byte in utf8 {
            let folded = byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
            guard folded == other.pointee else { return false }
            other += 1
        }
        return true
    }
}
