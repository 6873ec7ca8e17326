import Testing

@testable import Console
@testable import meridian

@Suite struct ReplicationCommandTests {
    @Test func rates() throws {
        #expect(try ReplicationLimit.parse("none") == nil)
        #expect(try ReplicationLimit.parse("5000") == 5_000)
        #expect(try ReplicationLimit.parse("500k") == 500 << 10)
        #expect(try ReplicationLimit.parse("20M") == 20 << 20)
        for text in ["", "M", "-1", "0", "1.5M", "fast", "99999999999G"] {
            #expect(throws: OperatorError.self) { try ReplicationLimit.parse(text) }
        }
    }

    @Test func refusalsAreShownInTheServersWords() {
        let body = Array("<Error><Code>NoSuchBucket</Code><Message>It is not there.</Message></Error>".utf8)
        #expect(AdminClient.message(body) == "It is not there.")
        #expect(AdminClient.message(Array("oops".utf8)) == nil)
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
