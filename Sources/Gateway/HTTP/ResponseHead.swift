import NIOCore
import NIOHTTP1

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
        out.writeBytes(date.bytes)
        var hasServer = false
        for (name, value) in response.headers {
            if Self.isFraming(name) { continue }
            if name.utf8.count == 6, name.lowercased() == "server" { hasServer = true }
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
        case 4: name.lowercased() == "date"
        case 10: { $0 == "connection" || $0 == "keep-alive" }(name.lowercased())
        case 14: name.lowercased() == "content-length"
        case 17: name.lowercased() == "transfer-encoding"
        default: false
        }
    }

    /// A line break in a name or value would start a header (or a response) of the value's making, so control
    /// characters become spaces.
    private static func writeField(_ text: String, into out: inout ByteBuffer) {
        if text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }) {
            out.writeString(text)
        } else {
            for byte in text.utf8 { out.writeInteger(byte >= 0x20 && byte != 0x7F ? byte : 0x20) }
        }
    }

    static func writeDecimal(_ number: Int64, into out: inout ByteBuffer) {
        out.writeString(String(number))
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

/// The `Date` header's value, made once per second: `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7).
struct HTTPDate {
    private(set) var bytes: [UInt8] = []
    private var second = Int64.min

    /// Brings it up to date.
    mutating func update(wallMilliseconds: Int64) {
        let now = wallMilliseconds.dividedDown(by: 1000)
        guard now != second else { return }
        second = now
        let days = now.dividedDown(by: 86_400)
        let time = now - days * 86_400
        let (year, month, day) = Self.civil(fromDays: days)
        let weekday = Int(((days % 7) + 11) % 7)  // 1970-01-01 was a Thursday.
        bytes.removeAll(keepingCapacity: true)
        bytes.append(contentsOf: Self.weekdays[weekday].utf8)
        bytes.append(contentsOf: ", ".utf8)
        appendTwoDigits(day)
        bytes.append(contentsOf: Self.months[Int(month) - 1].utf8)
        bytes.append(contentsOf: String(year).utf8)
        bytes.append(UInt8(ascii: " "))
        appendTwoDigits(time / 3600)
        bytes.append(UInt8(ascii: ":"))
        appendTwoDigits(time / 60 % 60)
        bytes.append(UInt8(ascii: ":"))
        appendTwoDigits(time % 60)
        bytes.append(contentsOf: " GMT".utf8)
    }

    private static let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months = [
        " Jan ", " Feb ", " Mar ", " Apr ", " May ", " Jun ", " Jul ", " Aug ", " Sep ", " Oct ", " Nov ", " Dec ",
    ]

    private mutating func appendTwoDigits(_ number: Int64) {
        bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number / 10))
        bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number % 10))
    }

    /// Proleptic Gregorian date of a day number (0 = 1970-01-01), by era of 400 years.
    private static func civil(fromDays days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = days + 719_468  // From 0000-03-01, so that leap days come last in their year.
        let era = shifted.dividedDown(by: 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }
}

extension Int64 {
    fileprivate func dividedDown(by divisor: Int64) -> Int64 {
        let quotient = self / divisor
        return self % divisor < 0 ? quotient - 1 : quotient
    }
}
