import Logging
import Synchronization
import Testing

@testable import Telemetry

@Suite struct LogTests {
    private final class Lines: Sendable {
        let all = Mutex<[String]>([])
    }

    private func logger(_ lines: Lines, level: Logger.Level = .info) -> Logger {
        Logger(label: "test") { label in
            JSONLinesLogHandler(
                label: label, level: level, wallMilliseconds: { 1_795_217_439_638 },
                write: { line in lines.all.withLock { $0.append(line) } })
        }
    }

    @Test func aLineIsOneJSONObject() {
        let lines = Lines()
        logger(lines).info(
            "say \"hi\"\n", metadata: ["b": "2\u{1}", "a": .stringConvertible(1), "c": ["x", ["k": "v"]]])
        let time = #""time":"2026-11-20T23:30:39.638Z","level":"info","logger":"test""#
        let expected = "{\(time)," + #""message":"say \"hi\"\n","a":1,"b":"2\u0001","c":["x",{"k":"v"}]}"# + "\n"
        #expect(lines.all.withLock { $0 } == [expected])
    }

    @Test func theAccessLogNamesWhatItKnowsAndNothingElse() throws {
        let lines = Lines()
        var entry = AccessLogEntry(
            requestID: "R1", method: "GET", path: "/b/k", operation: "GetObject", status: 404, bytesIn: 0, bytesOut: 12,
            nanoseconds: 1_234_567)
        entry.region = "eu-west-1"
        entry.errorCode = "NoSuchKey"
        AccessLog(logger: logger(lines)).record(entry)
        let line = try #require(lines.all.withLock { $0.first })
        for part in [
            #""http.status":404"#, #""duration.us":1234"#, #""region":"eu-west-1""#, #""s3.error":"NoSuchKey""#,
        ] {
            #expect(line.contains(part))
        }
        #expect(!line.contains("access_point") && !line.contains("peer"))
    }

    @Test func aHigherLevelMakesTheAccessLogFree() {
        let lines = Lines()
        func expensive() -> AccessLogEntry {
            Issue.record("the entry was made although nobody wants it")
            return AccessLogEntry(
                requestID: "", method: "", path: "", operation: "", status: 0, bytesIn: 0, bytesOut: 0, nanoseconds: 0)
        }
        AccessLog(logger: logger(lines, level: .warning)).record(expensive())
        #expect(lines.all.withLock { $0.isEmpty })
    }

    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"), (4_102_444_799_999, "2099-12-31T23:59:59.999Z"),
        ] as [(Int64, String)])
    func datesAreRight(milliseconds: Int64, text: String) {
        #expect(ISO8601.text(wallMilliseconds: milliseconds) == text)
    }

    @Test func secretsDoNotPrint() {
        let secret = Redacted("hunter2")
        var dumped = ""
        dump(secret, to: &dumped)
        for text in ["\(secret)", String(reflecting: secret), dumped, "\([secret])"] {
            #expect(!text.contains("hunter2"))
        }
        #expect(secret.secret == "hunter2")
    }
}
