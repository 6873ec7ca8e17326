extension Timestamp {
    private static let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let fullWeekdays = [
        "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday",
    ]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// `2026-11-21T10:00:00.000Z`, as in S3's documents.
    package var iso8601: String {
        let time = CalendarTime(self)
        return Self.write(24) { out in
            out.put(time.year, 4)
            out.put("-")
            out.put(time.month, 2)
            out.put("-")
            out.put(time.day, 2)
            out.put("T")
            out.putClock(time)
            out.put(".")
            out.put(time.millisecond, 3)
            out.put("Z")
        }
    }

    /// `Sat, 21 Nov 2026 10:00:00 GMT` (RFC 9110 §5.6.7), as in `Last-Modified`; milliseconds are cut off.
    package var httpDate: String {
        let time = CalendarTime(self)
        return Self.write(29) { out in
            out.put(Self.weekdays[time.weekday])
            out.put(", ")
            out.put(time.day, 2)
            out.put(" ")
            out.put(Self.months[time.month - 1])
            out.put(" ")
            out.put(time.year, 4)
            out.put(" ")
            out.putClock(time)
            out.put(" GMT")
        }
    }

    /// `20261121T100000Z`, as in `x-amz-date`; milliseconds are cut off.
    package var basicISO: String {
        let time = CalendarTime(self)
        return Self.write(16) { out in
            out.put(time.year, 4)
            out.put(time.month, 2)
            out.put(time.day, 2)
            out.put("T")
            out.put(time.hour, 2)
            out.put(time.minute, 2)
            out.put(time.second, 2)
            out.put("Z")
        }
    }

    private static func write(_ count: Int, _ content: (inout DateWriter) -> Void) -> String {
        String(unsafeUninitializedCapacity: count) { buffer in
            var writer = DateWriter(buffer: buffer)
            content(&writer)
            return writer.count
        }
    }

    /// Reads `2026-11-21T10:00:00Z` with an optional fraction (cut after milliseconds) and `Z` or an offset such as
    /// `+01:00`; also the basic form `20261121T100000Z`.
    package init?(iso8601 text: String) {
        var reader = DateReader(text)
        guard let year = reader.digits(4) else { return nil }
        let separated = reader.take("-")
        guard let month = reader.digits(2), !separated || reader.take("-"), let day = reader.digits(2),
            reader.take("T"), let hour = reader.digits(2), !separated || reader.take(":"),
            let minute = reader.digits(2), !separated || reader.take(":"), let second = reader.digits(2)
        else { return nil }
        var millisecond = 0
        if reader.take(".") {
            guard let fraction = reader.fraction() else { return nil }
            millisecond = fraction
        }
        guard let offset = reader.zone(), reader.isAtEnd,
            let time = CalendarTime(
                year: year, month: month, day: day, hour: hour, minute: minute, second: second,
                millisecond: millisecond)
        else { return nil }
        self.init(milliseconds: time.timestamp.milliseconds - Int64(offset) * 60_000)
    }

    /// Reads the three forms of an HTTP date (RFC 9110 §5.6.7): RFC 1123, RFC 850 (years 70…99 are of the last century)
    /// and asctime.
    package init?(httpDate text: String) {
        guard let time = Self.rfc1123(text) ?? Self.rfc850(text) ?? Self.asctime(text) else { return nil }
        self = time.timestamp
    }

    private static func rfc1123(_ text: String) -> CalendarTime? {
        var reader = DateReader(text)
        guard reader.name(weekdays) != nil, reader.take(", "), let day = reader.digits(2), reader.take(" "),
            let month = reader.name(months), reader.take(" "), let year = reader.digits(4), reader.take(" "),
            let clock = reader.clock(), reader.take(" GMT") || reader.take(" UTC") || reader.take(" +0000"),
            reader.isAtEnd
        else { return nil }
        return CalendarTime(
            year: year, month: month + 1, day: day, hour: clock.hour, minute: clock.minute, second: clock.second)
    }

    private static func rfc850(_ text: String) -> CalendarTime? {
        var reader = DateReader(text)
        guard reader.name(fullWeekdays) != nil, reader.take(", "), let day = reader.digits(2), reader.take("-"),
            let month = reader.name(months), reader.take("-"), let year = reader.digits(2), reader.take(" "),
            let clock = reader.clock(), reader.take(" GMT"), reader.isAtEnd
        else { return nil }
        return CalendarTime(
            year: year + (year >= 70 ? 1900 : 2000), month: month + 1, day: day, hour: clock.hour,
            minute: clock.minute, second: clock.second)
    }

    private static func asctime(_ text: String) -> CalendarTime? {
        var reader = DateReader(text)
        guard reader.name(weekdays) != nil, reader.take(" "), let month = reader.name(months), reader.take(" "),
            let day = reader.take(" ") ? reader.digits(1) : reader.digits(2), reader.take(" "),
            let clock = reader.clock(), reader.take(" "), let year = reader.digits(4), reader.isAtEnd
        else { return nil }
        return CalendarTime(
            year: year, month: month + 1, day: day, hour: clock.hour, minute: clock.minute, second: clock.second)
    }
}

/// Writes into a buffer that the caller has made large enough.
private struct DateWriter {
    let buffer: UnsafeMutableBufferPointer<UInt8>
    var count = 0

    init(buffer: UnsafeMutableBufferPointer<UInt8>) { self.buffer = buffer }

    mutating func put(_ text: String) {
        for byte in text.utf8 {
            buffer[count] = byte
            count += 1
        }
    }

    /// `width` decimal digits, with leading zeros.
    mutating func put(_ value: Int, _ width: Int) {
        var rest = value
        for index in stride(from: count + width - 1, through: count, by: -1) {
            buffer[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
        count += width
    }

    mutating func putClock(_ time: CalendarTime) {
        put(time.hour, 2)
        put(":")
        put(time.minute, 2)
        put(":")
        put(time.second, 2)
    }
}

/// Takes a date apart from left to right; every step says whether it fitted.
private struct DateReader {
    private var rest: Substring.UTF8View

    init(_ text: String) { rest = Substring(text).utf8 }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func take(_ text: String) -> Bool {
        guard rest.starts(with: text.utf8) else { return false }
        rest = rest.dropFirst(text.utf8.count)
        return true
    }

    mutating func digits(_ count: Int) -> Int? {
        var value = 0
        var taken = 0
        for byte in rest.prefix(count) {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            value = value * 10 + Int(byte - UInt8(ascii: "0"))
            taken += 1
        }
        guard taken == count else { return nil }
        rest = rest.dropFirst(count)
        return value
    }

    /// The index of the name that comes next.
    mutating func name(_ names: [String]) -> Int? {
        guard let index = names.firstIndex(where: { rest.starts(with: $0.utf8) }) else { return nil }
        rest = rest.dropFirst(names[index].utf8.count)
        return index
    }

    mutating func clock() -> (hour: Int, minute: Int, second: Int)? {
        guard let hour = digits(2), take(":"), let minute = digits(2), take(":"), let second = digits(2) else {
            return nil
        }
        return (hour, minute, second)
    }

    /// One to nine digits after the point, as milliseconds.
    mutating func fraction() -> Int? {
        var value = 0
        var count = 0
        while count < 9, let digit = digits(1) {
            if count < 3 { value = value * 10 + digit }
            count += 1
        }
        guard count > 0 else { return nil }
        for _ in count..<max(3, count) { value *= 10 }
        return value
    }

    /// Minutes east of UTC.
    mutating func zone() -> Int? {
        if take("Z") { return 0 }
        let sign: Int
        if take("+") { sign = 1 } else if take("-") { sign = -1 } else { return nil }
        guard let hours = digits(2), hours < 24 else { return nil }
        _ = take(":")
        guard let minutes = digits(2), minutes < 60 else { return nil }
        return sign * (hours * 60 + minutes)
    }
}
