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
}
