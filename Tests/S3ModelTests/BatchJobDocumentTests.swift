import S3Model
import Testing

@Suite struct BatchJobDocumentTests {
    private static let whole = """
        <CreateJobRequest xmlns="http://awss3control.amazonaws.com/doc/2018-08-20/">
          <ConfirmationRequired>true</ConfirmationRequired>
          <Operation><S3ReplicateObject/></Operation>
          <Report><Bucket>arn:aws:s3:::job-reports</Bucket><Format>Report_CSV_20180820</Format><Enabled>true</Enabled>
            <Prefix>repl</Prefix><ReportScope>FailedTasksOnly</ReportScope></Report>
          <ClientRequestToken>a1b2c3</ClientRequestToken>
          <ManifestGenerator><S3JobManifestGenerator>
            <ExpectedBucketOwner>111122223333</ExpectedBucketOwner><SourceBucket>arn:aws:s3:::orders-use1</SourceBucket>
            <EnableManifestOutput>false</EnableManifestOutput>
            <Filter><EligibleForReplication>true</EligibleForReplication>
              <ObjectReplicationStatuses><member>NONE</member><member>FAILED</member></ObjectReplicationStatuses>
              <CreatedAfter>2026-01-01T00:00:00Z</CreatedAfter>
              <KeyNameConstraint><MatchAnyPrefix><member>a/</member></MatchAnyPrefix>
                <MatchAnySuffix><member>.log</member><member>&lt;</member></MatchAnySuffix></KeyNameConstraint>
              <ObjectSizeGreaterThanBytes>5</ObjectSizeGreaterThanBytes>
              <MatchAnyStorageClass><member>STANDARD</member></MatchAnyStorageClass></Filter>
          </S3JobManifestGenerator></ManifestGenerator>
          <Priority>10</Priority><RoleArn>arn:aws:iam::111122223333:role/batch</RoleArn>
          <Description>backfill</Description>
        </CreateJobRequest>
        """

    @Test func theWholeRequest() throws {
        let request = try CreateJobRequest.parse(Array(Self.whole.utf8))
        #expect(request.confirmationRequired && request.priority == 10 && request.description == "backfill")
        #expect(request.clientRequestToken == "a1b2c3" && request.roleARN == "arn:aws:iam::111122223333:role/batch")
        #expect(request.report.bucket?.rawValue == "job-reports" && request.report.scope == .failedTasksOnly)
        #expect(request.report.prefix == "repl")
        let manifest = request.manifest
        #expect(BucketName(arn: manifest.sourceBucketARN)?.rawValue == "orders-use1")
        #expect(manifest.expectedBucketOwner == "111122223333")
        let filter = manifest.filter
        #expect(filter.eligibleForReplication == true && filter.statuses == [.none, .failed])
        #expect(filter.createdAfter == Timestamp(iso8601: "2026-01-01T00:00:00Z") && filter.createdBefore == nil)
        #expect(filter.prefixes == ["a/"] && filter.suffixes == [".log", "<"] && filter.substrings.isEmpty)
        #expect(filter.sizeGreaterThan == 5 && filter.storageClasses == ["STANDARD"])
    }

    @Test(arguments: [
        ("<S3ReplicateObject/>", "<S3PutObjectCopy/>", "S3PutObjectCopy"),
        ("<S3ReplicateObject/>", "", "exactly one"),
        ("<Priority>10</Priority>", "<Priority>-1</Priority>", "Priority"),
        ("<Priority>10</Priority>", "", "Priority"),
        ("<ClientRequestToken>a1b2c3</ClientRequestToken>", "<ClientRequestToken/>", "ClientRequestToken"),
        ("<RoleArn>arn:aws:iam::111122223333:role/batch</RoleArn>", "<RoleArn>me</RoleArn>", "RoleArn"),
        ("<EnableManifestOutput>false", "<EnableManifestOutput>true", "EnableManifestOutput"),
        ("<member>NONE</member>", "<member>PENDING</member>", "PENDING"),
        ("2026-01-01T00:00:00Z", "yesterday", "CreatedAfter"),
        ("arn:aws:s3:::orders-use1", "orders-use1", "SourceBucket"),
        ("FailedTasksOnly", "Some", "ReportScope"),
        ("Report_CSV_20180820", "Report_CSV_2", "Format"),
        ("<Priority>10", "<Manifest/><Priority>10", "ManifestGenerator"),
        (
            "<CreatedAfter>2026-01-01T00:00:00Z</CreatedAfter>",
            "<CreatedAfter>2026-01-02T00:00:00Z</CreatedAfter><CreatedBefore>2026-01-01T00:00:00Z</CreatedBefore>",
            "CreatedAfter must not be later than CreatedBefore"
        ),
        (
            "<ObjectSizeGreaterThanBytes>5</ObjectSizeGreaterThanBytes>",
            "<ObjectSizeGreaterThanBytes>5</ObjectSizeGreaterThanBytes><ObjectSizeLessThanBytes>4</ObjectSizeLessThanBytes>",
            "must not be greater than ObjectSizeLessThanBytes"
        ),
        ("<MatchAnyStorageClass>", "<MatchAnyObjectEncryption/><MatchAnyStorageClass>", "MatchAnyObjectEncryption"),
    ])
    func refusals(part: String, instead: String, named: String) {
        let text = Self.whole.replacing(part, with: instead, maxReplacements: 1)
        #expect(text != Self.whole)
        let error = #expect(throws: S3Error.self) { try CreateJobRequest.parse(Array(text.utf8)) }
        #expect(error?.code == .invalidRequest && error?.message.contains(named) == true)
    }

    @Test func missingElementsAreMalformed() {
        for name in ["Operation", "Report", "ClientRequestToken", "ManifestGenerator", "RoleArn"] {
            let text = Self.whole.replacing("<\(name)>", with: "<X\(name)>").replacing(
                "</\(name)>", with: "</X\(name)>")
            let error = #expect(throws: S3Error.self) { try CreateJobRequest.parse(Array(text.utf8)) }
            #expect(error?.code == .malformedXML, "\(name)")
        }
    }

    @Test func describeEchoesTheRequest() throws {
        let request = try CreateJobRequest.parse(Array(Self.whole.utf8))
        var job = BatchJobDescription(
            id: "00e123a4", arn: "arn:aws:s3:us-east-1:111122223333:job/00e123a4", request: request, status: "Active",
            priority: 20, created: Timestamp(milliseconds: 1_767_323_045_678))
        job.progress.total = 1_000
        job.progress.succeeded = 640
        job.failures = [.init(code: "C", reason: "<why>")]
        let text = String(decoding: job.xml(), as: UTF8.self)
        for part in [
            "<DescribeJobResult xmlns=\"http://awss3control.amazonaws.com/doc/2018-08-20/\"><Job><JobId>00e123a4</JobId>",
            "<Operation><S3ReplicateObject/></Operation><Priority>20</Priority>",
            "<TotalNumberOfTasks>1000</TotalNumberOfTasks><NumberOfTasksSucceeded>640</NumberOfTasksSucceeded>",
            "<FailureReasons><member><FailureCode>C</FailureCode><FailureReason>&lt;why&gt;</FailureReason></member>",
            "<CreationTime>2026-01-02T03:04:05.678Z</CreationTime>",
            "<Format>Report_CSV_20180820</Format>", "<MatchAnyPrefix><member>a/</member></MatchAnyPrefix>",
        ] { #expect(text.contains(part), "\(part)") }
        // What Describe shows of the manifest reads back as the same manifest.
        let start = try #require(text.firstRange(of: "<ManifestGenerator>"))
        let end = try #require(text.firstRange(of: "</ManifestGenerator>"))
        let original = try #require(Self.whole.firstRange(of: "<ManifestGenerator>"))
        let close = try #require(Self.whole.firstRange(of: "</ManifestGenerator>"))
        let again =
            Self.whole[..<original.lowerBound] + text[start.lowerBound..<end.upperBound]
            + Self.whole[close.upperBound...]
        #expect(try CreateJobRequest.parse(Array(again.utf8)) == request)
    }

    @Test func lists() throws {
        let request = try CreateJobRequest.parse(Array(Self.whole.utf8))
        let job = BatchJobDescription(
            id: "j", arn: "a", request: request, status: "New", priority: 1, created: Timestamp(milliseconds: 0))
        let text = String(decoding: BatchJobResults.list([job], nextToken: "t"), as: UTF8.self)
        #expect(text.contains("<NextToken>t</NextToken><Jobs><member><JobId>j</JobId>"))
        #expect(text.contains("<Operation>S3ReplicateObject</Operation>"))
        #expect(!text.contains("TotalNumberOfTasks"))
    }

    /// Damaged documents are refused as S3 errors; whatever still parses stays within the limits.
    @Test(arguments: 0..<8) func damagedDocuments(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<500 {
            var bytes = Array(Self.whole.utf8)
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 1...40, using: &random)))
                default: bytes.insert(contentsOf: bytes[place..<min(bytes.count, place + 30)], at: place)
                }
                if bytes.isEmpty { bytes = [0x3C] }
            }
            do {
                let request = try CreateJobRequest.parse(bytes)
                #expect((1...64).contains(request.clientRequestToken.unicodeScalars.count))
                #expect((0...2_147_483_647).contains(request.priority))
            } catch {
                #expect(error.code == .malformedXML || error.code == .invalidRequest)
            }
        }
    }
}
