import S3Model

/// The dates of signed requests, read and written without Foundation: ISO 8601 basic (`20261120T233057Z`) and the HTTP
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
        guard (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second < 61 else { return nil }
        let days = days(year: year, month: month, day: day)
        guard civil(days: days) == (year, month, day) else { return nil }
        return Timestamp(milliseconds: (days * 86_400 + hour * 3600 + minute * 60 + second) * 1000)
    }

    /// Days since 1970-01-01 in the proleptic Gregorian calendar, counted in eras of 400 years that start in March.
    private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
        let year = month <= 2 ? year - 1 : year
        let era = (year >= 0 ? year : year - 399) / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func civil(days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }

    /// `20261120T233057Z`. Years outside 0…9999 cannot be written and come out at the nearer end.
    static func basic(_ time: Timestamp) -> String { format(time, date: "", clock: "") }

    /// `2026-11-20T23:30:57Z`, as in AWS's error documents.
    static func extended(_ time: Timestamp) -> String { format(time, date: "-", clock: ":") }

    private static func format(_ time: Timestamp, date: String, clock: String) -> String {
        let seconds = min(max(time.seconds, -62_167_219_200), 253_402_300_799)
        let days = seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400
        let ofDay = seconds - days * 86_400
        let (year, month, day) = civil(days: days)
        func padded(_ value: Int64, _ width: Int) -> String {
            let text = String(value)
            return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
        }
        return [padded(year, 4), padded(month, 2), padded(day, 2)].joined(separator: date) + "T"
            + [padded(ofDay / 3600, 2), padded(ofDay / 60 % 60, 2), padded(ofDay % 60, 2)].joined(separator: clock)
            + "Z"
    }
}
