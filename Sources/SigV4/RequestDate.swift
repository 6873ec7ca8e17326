import S3Model

/// The dates of signed requests, read without Foundation: ISO 8601 basic (`20261120T233057Z`) and the HTTP
/// date of SigV2 (`Tue, 27 Mar 2007 19:36:42 GMT`).
enum RequestDate {
    /// `yyyyMMdd'T'HHmmss'Z'`; `nil` for anything else.
    static func parse(basic text: ArraySlice<UInt8>) -> Timestamp? {
        guard text.count == 16 else { return nil }
        let start = text.startIndex
        guard text[start + 8] == UInt8(ascii: "T"), text[start + 15] == UInt8(ascii: "Z"),
            let date = text[start..<(start + 8)].decimal, let time = text[(start + 9)..<(start + 15)].decimal
        else { return nil }
        return timestamp(
            year: date / 10_000, month: date / 100 % 100, day: date % 100, hour: time / 10_000,
            minute: time / 100 % 100, second: time % 100)
    }

    /// `Tue, 27 Mar 2007 19:36:42 GMT`, or with `+0000` or `-0000` (as botocore writes it); `nil` for anything else.
    static func parse(http text: ArraySlice<UInt8>) -> Timestamp? {
        let words = text.split(separator: UInt8(ascii: " "))
        guard words.count == 6, words[0].count == 4, words[0].last == UInt8(ascii: ","),
            ["GMT", "UTC", "+0000", "-0000"].contains(words[5].text),
            let month = months.firstIndex(where: { words[2].equals($0) }), words[1].count <= 2, words[3].count == 4,
            let day = words[1].decimal, let year = words[3].decimal
        else { return nil }
        let clock = words[4].split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard clock.count == 3, clock.allSatisfy({ $0.count == 2 }), let hour = clock[0].decimal,
            let minute = clock[1].decimal, let second = clock[2].decimal
        else { return nil }
        return timestamp(
            year: year, month: Int64(month) + 1, day: day, hour: hour, minute: minute, second: second)
    }

    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    private static func timestamp(
        year: Int64, month: Int64, day: Int64, hour: Int64, minute: Int64, second: Int64
    ) -> Timestamp? {
        CalendarTime(
            year: Int(year), month: Int(month), day: Int(day), hour: Int(hour), minute: Int(minute), second: Int(second)
        )?.timestamp
    }

    /// `2026-11-20T23:30:57Z`, as in AWS's error documents.
    static func extended(_ time: Timestamp) -> String { time.iso8601.prefix("2026-11-20T23:30:57".utf8.count) + "Z" }
}
