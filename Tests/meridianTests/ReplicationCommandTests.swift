import Foundation
import Testing

@testable import Console
@testable import meridian

@Suite struct ReplicationCommandTests {
    @Test func rates() throws {
        #expect(try ReplicationLimit.parse("none") == nil)
        #expect(try ReplicationLimit.parse("5000") == 5_000)
        #expect(try ReplicationLimit.parse("500k") == 500 << 10)
        #expect(try ReplicationLimit.parse("20M") == 20 << 20)
        #expect(try ReplicationLimit.parse("1.5M") == 3 << 19)
        #expect(try ReplicationLimit.parse("1T") == 1 << 40)
        #expect(try ReplicationLimit.parse("20MiB") == 20 << 20)
        for text in [
            "", "M", "-1", "0", "0.5", "fast", "99999999999G", "20MB", "1e5", "1.2.3", ".", "iB", "5iB", "nan", "0x10",
        ] {
            let error = #expect(throws: OperatorError.self) { try ReplicationLimit.parse(text) }
            #expect(error?.message.contains("500K, 1.5M or 20M; or 'none'") == true, "\(text)")
        }
    }

    @Test func refusalsAreShownInTheServersWords() {
        let body = Array("<Error><Code>NoSuchBucket</Code><Message>It is not there.</Message></Error>".utf8)
        #expect(AdminClient.message(body) == "It is not there.")
        #expect(AdminClient.message(Array("oops".utf8)) == nil)
    }

    @Test func nothingThatOthersWroteSteersTheTerminal() {
        let bad = "a\u{1B}[2J\nb\u{9B}\u{202E}\u{7F}\"\\"
        let failures = FailureReport(
            bucket: "b",
            failures: [
                .init(
                    id: 1, key: bad, versionID: "v", destination: "d", rule: bad, reason: bad, attempts: 1, failed: 0)
            ])
        var version = ObjectReport.Version(
            versionID: "v", isCurrent: true, isDeleteMarker: false, size: 1, modified: 0, tags: 0, work: [])
        version.work = [.init(destination: "d", rule: bad, isFailed: true, attempts: 1, reason: bad)]
        let object = ObjectReport(
            key: bad, regions: [.init(region: "r", bucket: "b", versions: [version], trouble: bad)], isSame: false)
        let conflicts = ConflictReport(
            conflicts: [.init(bucket: "b", region: "r", key: bad, winner: "w", loser: "l", found: 0)],
            isTruncated: false)
        let mesh = MeshReport(
            accessPoint: "m", members: [.init(bucket: "b", region: "r", lines: [bad])], isComplete: true,
            carriesLess: true, token: "t", isDone: false)
        for text in [
            ReplicationScreen.text(failures), ReplicationScreen.text(object), ReplicationScreen.text(conflicts),
            ReplicationScreen.text(mesh),
        ] {
            let seen = text.unicodeScalars.filter { $0 != "\n" }
            #expect(!seen.contains { $0.properties.generalCategory == .control || $0 == "\u{202E}" }, "\(text)")
            #expect(text.contains(#"a\u{1B}[2J\nb\u{9B}\u{202E}\u{7F}"#))
        }
        #expect(ReplicationScreen.text(failures).contains(#"\u{7F}\"\\""#))
        #expect(ReplicationScreen.text(object).hasPrefix("\"a"))
        #expect(TerminalText.quoted("é 1/2.txt") == "\"é 1/2.txt\"")
    }

    @Test func jsonSaysTheSameWithoutWhatIsUnseen() throws {
        let key = "a\u{9B}2J\u{202E}\u{E0041}\u{7F}\n\u{1B}é"
        let encoder = JSONEncoder()
        encoder.outputFormatting = .prettyPrinted
        let text = String(decoding: try encoder.encode(["key": key]), as: UTF8.self)
        let safe = TerminalText.json(text)
        #expect(safe.contains(#"a\u009b2J\u202e\udb40\udc41\u007f\n"#) && safe.contains("é"))
        #expect(try JSONDecoder().decode([String: String].self, from: Data(safe.utf8)) == ["key": key])
        #expect(TerminalText.json("{\n}") == "{\n}")
    }

    @Test func yetIsSaidOnlyWhereSomethingWaits() {
        var version = ObjectReport.Version(
            versionID: "v", isCurrent: true, isDeleteMarker: false, size: 1, modified: 0, tags: 0, work: [])
        func first() -> Substring? {
            let region = ObjectReport.Region(region: "r", bucket: "b", versions: [version])
            return ReplicationScreen.text(ObjectReport(key: "k", regions: [region], isSame: false)).split(
                separator: "\n"
            ).first
        }
        #expect(first() == "\"k\": NOT the same in all regions")
        version.work = [.init(destination: "d", rule: "r", isFailed: true, attempts: 8)]
        #expect(first() == "\"k\": NOT the same in all regions")
        version.work[0].isFailed = false
        #expect(first() == "\"k\": NOT the same in all regions yet")
    }

    @Test func oneIsNotSeveral() {
        var report = ResyncReport(
            job: "j", bucket: "b", region: "r", destinations: [], status: "Complete", isFinal: true, versions: 1,
            bytes: 5, succeeded: 1, succeededBytes: 5, failed: 0, reasons: [])
        #expect(Resync.line(report) == "1 of 1 version is there (5 B of 5 B).")
        report.versions = 2
        #expect(Resync.line(report) == "1 of 2 versions are there (5 B of 5 B).")
    }

    @Test func emptyReportsAreSentences() {
        #expect(ReplicationScreen.text(ReplicationReport(rules: [], links: [])) == "No bucket has replication rules.")
        #expect(ReplicationScreen.text(RetryReport(buckets: [])) == "Nothing has failed.")
    }

    @Test func regionsThatDoNotAnswerAreNamedOnEveryScreen() {
        let missing = [UnreachableRegion(region: "tokyo", address: "10.0.0.1:9000", reason: "nobody listens")]
        var status = ReplicationReport(rules: [], links: [])
        status.unreachable = missing
        var retry = RetryReport(buckets: [])
        retry.unreachable = missing
        var conflicts = ConflictReport(conflicts: [], isTruncated: false)
        conflicts.unreachable = missing
        let object = ObjectReport(key: "k", regions: [], isSame: false, unreachable: missing)
        for text in [
            ReplicationScreen.text(status), ReplicationScreen.text(retry), ReplicationScreen.text(conflicts),
            ReplicationScreen.text(object),
        ] {
            #expect(text.hasSuffix("! Region tokyo is missing here, it does not answer: nobody listens"))
        }
        #expect(!ReplicationScreen.text(status).contains("No bucket has replication rules."))
    }

    @Test func theStatusScreenSaysWhichProcessDoesNotAnswer() {
        var region = StatusReport.Region(
            name: "tokyo", isHome: false, isHealthy: false, buckets: 0, detail: "nobody listens")
        region.address = "10.0.0.1:9000"
        region.answers = false
        let report = StatusReport(
            server: "s", uptimeMilliseconds: 1, listeners: [], regions: [region], accessPoints: [], replication: [],
            operations: [])
        let text = StatusScreen.text(report)
        #expect(text.contains("tokyo at 10.0.0.1:9000") && text.contains("DOES NOT ANSWER"))
        #expect(text.contains("! The process of region tokyo does not answer: nobody listens."))
        #expect(StatusReport.decode(report.encoded()) == report)
    }
}
