import Foundation
import S3Model
import Testing

@Suite struct TimestampTests {
    @Test func knownDates() {
        let time = Timestamp(milliseconds: 784_111_777_123)
        #expect(time.httpDate == "Sun, 06 Nov 1994 08:49:37 GMT")
        #expect(time.iso8601 == "1994-11-06T08:49:37.123Z")
        #expect(time.basicISO == "19941106T084937Z")
        let whole = Timestamp(milliseconds: 784_111_777_000)
        #expect(Timestamp(httpDate: "Sun, 06 Nov 1994 08:49:37 GMT") == whole)
        #expect(Timestamp(httpDate: "Sunday, 06-Nov-94 08:49:37 GMT") == whole)
        #expect(Timestamp(httpDate: "Sun Nov  6 08:49:37 1994") == whole)
        #expect(Timestamp(iso8601: "1994-11-06T08:49:37Z") == whole)
        #expect(Timestamp(iso8601: "19941106T084937Z") == whole)
        #expect(Timestamp(iso8601: "1994-11-06T10:49:37.1239+02:00") == time)
        #expect(Timestamp(iso8601: "1994-11-06T08:49:37.1Z") == Timestamp(milliseconds: 784_111_777_100))
    }

    @Test func roundTripsFrom1970To2200() {
        var generator = SeededGenerator(seed: 20)
        for _ in 0..<20_000 {
            let time = Timestamp(milliseconds: Int64.random(in: 0..<7_258_118_400_000, using: &generator))
            let whole = Timestamp(milliseconds: time.seconds * 1000)
            #expect(Timestamp(iso8601: time.iso8601) == time)
            #expect(Timestamp(iso8601: time.basicISO) == whole)
            #expect(Timestamp(httpDate: time.httpDate) == whole)
        }
    }

    @Test func agreesWithFoundation() {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(secondsFromGMT: 0)
        formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
        var generator = SeededGenerator(seed: 21)
        for _ in 0..<2_000 {
            let seconds = Int64.random(in: 0..<7_258_118_400, using: &generator)
            let expected = formatter.string(from: Date(timeIntervalSince1970: TimeInterval(seconds)))
            #expect(Timestamp(milliseconds: seconds * 1000).httpDate == expected)
        }
    }

    @Test(arguments: [Int64.min, Int64.max, -1, -62_135_596_800_001, 253_402_300_800_000])
    func extremesAreClamped(_ milliseconds: Int64) {
        let time = Timestamp(milliseconds: milliseconds)
        #expect(time.iso8601.utf8.count == 24)
        #expect(time.httpDate.utf8.count == 29)
        #expect(Timestamp(milliseconds: -1).iso8601 == "1969-12-31T23:59:59.999Z")
    }

    @Test(arguments: [
        "", "Sun", "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 06 Nov 1994 08:49:37 GMT ", "1994-11-06T08:49:37Z", "29 Feb 2023",
    ])
    func refusesOtherHTTPDates(_ text: String) {
        #expect(Timestamp(httpDate: text) == nil)
    }

    @Test(arguments: [
        "", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-01T00:00:00", "2026-01-01 00:00:00Z",
        "2026-01-01T00:00:00.Z", "2026-0101T00:00:00Z", "2026-01-01T00:00:00Zz", "20260101T0000Z",
        "2026-01-01T00:00:00+25:00",
    ])
    func refusesOtherISODates(_ text: String) {
        #expect(Timestamp(iso8601: text) == nil)
    }
}
