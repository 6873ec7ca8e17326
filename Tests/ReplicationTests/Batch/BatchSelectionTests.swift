import Environment
import S3Model
import Storage
import Testing

@testable import Replication

@Suite struct BatchSelectionTests {
    private func version(
        _ key: String = "a/b.log", at milliseconds: UInt64 = 1_000, size: Int64 = 3, status: ReplicationStatus = .none
    ) -> ObjectVersion { Fixtures.version(key, at: milliseconds, size: size, status: status) }

    private func filter(_ change: (inout BatchManifestFilter) -> Void) -> BatchManifestFilter {
        var filter = BatchManifestFilter()
        change(&filter)
        return filter
    }

    @Test func anythingWithoutAFilter() {
        for status in [ReplicationStatus.none, .pending, .completed, .failed, .replica] {
            #expect(BatchManifestFilter().selects(version(status: status)))
        }
        #expect(BatchManifestFilter().selects(Fixtures.deleteMarker("k")))
    }

    @Test func statuses() {
        let wanted = filter { $0.statuses = [.none, .failed] }
        #expect(wanted.selects(version(status: .none)) && wanted.selects(version(status: .failed)))
        #expect(!wanted.selects(version(status: .replica)) && !wanted.selects(version(status: .pending)))
    }

    @Test func timesAndSizesAreExclusive() {
        let after = filter { $0.createdAfter = Timestamp(milliseconds: 1_000) }
        #expect(!after.selects(version(at: 1_000)) && after.selects(version(at: 1_001)))
        let before = filter { $0.createdBefore = Timestamp(milliseconds: 1_000) }
        #expect(!before.selects(version(at: 1_000)) && before.selects(version(at: 999)))
        let sizes = filter {
            $0.sizeGreaterThan = 2
            $0.sizeLessThan = 4
        }
        #expect(sizes.selects(version(size: 3)) && !sizes.selects(version(size: 2)) && !sizes.selects(version(size: 4)))
    }

    @Test func names() {
        #expect(filter { $0.prefixes = ["x", "a/"] }.selects(version()))
        #expect(!filter { $0.prefixes = ["b"] }.selects(version()))
        #expect(filter { $0.suffixes = [".log"] }.selects(version()))
        #expect(!filter { $0.suffixes = [".lo"] }.selects(version()))
        #expect(filter { $0.substrings = ["/b."] }.selects(version()))
        #expect(!filter { $0.substrings = ["a/b.log2"] }.selects(version()))
        // By bytes: an accent of its own is another key.
        #expect(!filter { $0.substrings = ["\u{E9}"] }.selects(version("cafe\u{301}")))
    }

    @Test func storageClasses() {
        #expect(filter { $0.storageClasses = ["STANDARD"] }.selects(version()))
        #expect(!filter { $0.storageClasses = ["GLACIER"] }.selects(version()))
        #expect(!filter { $0.storageClasses = ["STANDARD"] }.selects(Fixtures.deleteMarker("k")))
    }

    // MARK: What the rules promise

    @Test func replicasGoToo() {
        let bucket = Fixtures.bucket("photos", rules: [Fixtures.rule("r", to: "copy", prefix: "a/")])
        let foreign = Fixtures.version("a/1", region: RegionName(literal: "us-east-1"), status: .replica)
        #expect(ExistingPlan().entries(for: foreign, in: bucket, at: Timestamp(milliseconds: 9)).map(\.ruleID) == ["r"])
        #expect(!ExistingPlan().isEligible(version("b/1"), in: bucket))
    }

    @Test func deleteMarkersGoWhereTheRuleSaysSo() {
        var rule = Fixtures.rule("r", to: "copy")
        let marker = Fixtures.deleteMarker("k")
        #expect(!ExistingPlan().isEligible(marker, in: Fixtures.bucket("photos", rules: [rule])))
        rule.deleteMarkerReplication = true
        let bucket = Fixtures.bucket("photos", rules: [rule])
        let entries = ExistingPlan().entries(for: marker, in: bucket, at: Timestamp(milliseconds: 9))
        #expect(entries.map(\.kind) == [.deleteMarker])
    }

    @Test func onlyToSomeDestinations() {
        let bucket = Fixtures.bucket("photos", rules: [Fixtures.rule("1", to: "one"), Fixtures.rule("2", to: "two")])
        let plan = ExistingPlan(destinations: [Fixtures.bucketName("two")])
        #expect(plan.entries(for: version(), in: bucket, at: Timestamp(milliseconds: 9)).map(\.ruleID) == ["2"])
    }

    @Test func aDisabledRuleOrVersioningPromisesNothing() {
        var rule = Fixtures.rule("r", to: "copy")
        rule.isEnabled = false
        #expect(!ExistingPlan().isEligible(version(), in: Fixtures.bucket("photos", rules: [rule])))
        var suspended = Fixtures.bucket("photos", rules: [Fixtures.rule("r", to: "copy")])
        suspended.versioning = .suspended
        #expect(!ExistingPlan().isEligible(version(), in: suspended))
    }
}

@Suite struct BatchReportTests {
    private var job: BatchJob {
        var report = BatchJobReport(isEnabled: true)
        report.prefix = "repl"
        return BatchJob(
            id: "id", account: Fixtures.account("111122223333"), region: Fixtures.origin,
            request: CreateJobRequest(
                report: report, clientRequestToken: "t",
                manifest: BatchManifestGenerator(sourceBucketARN: "arn:aws:s3:::photos"), priority: 1, roleARN: "r"),
            created: Timestamp(milliseconds: 0))
    }

    private func outcome(_ key: String, failure: String?) -> BatchTaskOutcome {
        BatchTaskOutcome(BatchWindow.Item(Fixtures.version(key)), failure: failure)
    }

    @Test func lines() {
        let done = outcome("a,b \"c\".txt", failure: nil)
        #expect(
            BatchReport.line(done, bucket: "photos")
                == "photos,a%2Cb%20%22c%22.txt,\(done.versionID),succeeded,,200,Successful\n")
        let refused = BatchReport.line(outcome("k", failure: "DstPutObjectNotPermitted"), bucket: "photos")
        #expect(refused.hasSuffix(",failed,DstPutObjectNotPermitted,403,\"DstPutObjectNotPermitted\"\n"))
        let words = BatchReport.line(outcome("k", failure: "bad \"disk\"\nhere"), bucket: "photos")
        #expect(words.hasSuffix(",failed,InternalError,500,\"bad \"\"disk\"\" here\"\n"))
    }

    @Test func places() {
        #expect(BatchReport.manifestKey(of: job) == "repl/job-id/manifest.json")
        #expect(BatchReport.partKey(of: job, number: 7, succeeded: false) == "repl/job-id/results/000007-failed.csv")
    }

    @Test func manifest() throws {
        var job = job
        job.reportParts = [.init(succeeded: false, key: "k", md5: "m")]
        let text = String(
            decoding: try BatchReport.manifest(of: job, bucket: "reports", at: Timestamp(milliseconds: 0)),
            as: UTF8.self)
        for part in [
            "\"Format\" : \"Report_CSV_20180820\"", "\"ReportCreationDate\" : \"1970-01-01T00:00:00.000Z\"",
            "\"TaskExecutionStatus\" : \"failed\"", "\"MD5Checksum\" : \"m\"",
            "\"Bucket, Key, VersionId, TaskStatus, ErrorCode, HTTPStatusCode, ResultMessage\"",
        ] { #expect(text.contains(part), "\(part)") }
    }

    /// One line has seven fields, whatever the key and the reason hold.
    @Test(arguments: 0..<8) func everyLineHasSevenFields(seed: UInt64) {
        let random = SeededRandom(seed)
        for _ in 0..<300 {
            let key = "k" + String(decoding: random.bytes(random.below(20)), as: UTF8.self)
            let failure = random.chance(50) ? nil : String(decoding: random.bytes(random.below(20)), as: UTF8.self)
            let line = BatchReport.line(outcome(key, failure: failure), bucket: "photos")
            #expect(line.utf8.count { $0 == 0x0A } == 1 && !line.unicodeScalars.contains("\r"))
            #expect(Self.fields(line) == 7, "\(line)")
        }
    }

    private static func fields(_ line: String) -> Int {
        var count = 1
        var isQuoted = false
        for byte in line.utf8 {
            if byte == 0x22 { isQuoted.toggle() } else if byte == 0x2C, !isQuoted { count += 1 }
        }
        return count
    }
}
