import S3Model
import Testing

@Suite struct ByteRangeTests {
    @Test(arguments: [
        ("bytes=0-9", 100, 0, 10), ("bytes=0-0", 1, 0, 1), ("bytes=10-", 100, 10, 100), ("bytes=-10", 100, 90, 100),
        ("bytes=-1000", 100, 0, 100), ("bytes=90-1000", 100, 90, 100), ("Bytes= 5-5 ", 100, 5, 6),
        ("bytes=0-99999999999999999999999", 100, 0, 100), ("bytes=-99999999999999999999999", 100, 0, 100),
        ("bytes=0-9223372036854775807", 100, 0, 100),
    ])
    func resolves(_ text: String, _ size: Int, _ lower: Int, _ upper: Int) throws {
        let range = try #require(ByteRange.parse(text))
        #expect(try range.resolve(size: Int64(size)) == Int64(lower)..<Int64(upper))
    }

    @Test(arguments: [
        "", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-4", "bytes=0-1,3-4", "items=0-1", "bytes=1",
        "bytes=--1",
        "bytes=0 - 1", "bytes=+1-2", "bytes=0x1-2", "bytes=é-1",
    ])
    func ignores(_ text: String) {
        #expect(ByteRange.parse(text) == nil)
    }

    @Test(arguments: [
        ("bytes=100-", 100), ("bytes=100-200", 100), ("bytes=-0", 100), ("bytes=0-", 0), ("bytes=-5", 0),
        ("bytes=99999999999999999999-", 100),
    ])
    func cannotBeSatisfied(_ text: String, _ size: Int) throws {
        let range = try #require(ByteRange.parse(text))
        let error = #expect(throws: S3Error.self) { try range.resolve(size: Int64(size)) }
        #expect(error?.code == .invalidRange)
        #expect(error?.fields == [.init("RangeRequested", text), .init("ActualObjectSize", String(size))])
    }

    @Test func resultsAreAlwaysInside() {
        var generator = SeededGenerator(seed: 40)
        let alphabet = Array("0123456789-=,b ")
        for _ in 0..<20_000 {
            let tail = (0..<Int.random(in: 0..<8, using: &generator)).compactMap { _ in
                alphabet.randomElement(using: &generator)
            }
            guard let range = ByteRange.parse("bytes=" + String(tail)) else { continue }
            let size = Int64.random(in: 0..<1_000, using: &generator)
            guard let resolved = try? range.resolve(size: size) else { continue }
            #expect(!resolved.isEmpty && resolved.lowerBound >= 0 && resolved.upperBound <= size)
        }
    }

    @Test func copySourceRanges() throws {
        let range = try ByteRange.parse(copySourceRange: "bytes=5-9")
        #expect(try range.resolve(copySourceSize: 10) == 5..<10)
        #expect(throws: S3Error.self) { try range.resolve(copySourceSize: 9) }
        let past = #expect(throws: S3Error.self) { try range.resolve(copySourceSize: 5) }
        #expect(past?.code == .invalidRequest)
        for text in ["bytes=5-", "bytes=-5", "5-9", "bytes=9-5"] {
            let error = #expect(throws: S3Error.self) { try ByteRange.parse(copySourceRange: text) }
            #expect(error?.code == .invalidArgument)
        }
    }
}

@Suite struct ReadConditionsTests {
    private static let modified = Timestamp(milliseconds: 784_111_777_400)
    private static let same = "Sun, 06 Nov 1994 08:49:37 GMT"
    private static let before = "Sun, 06 Nov 1994 08:49:36 GMT"

    @Test(
        arguments: [
            ([:], .proceed),
            (["if-match": "\"a\""], .proceed),
            (["if-match": "a"], .proceed),
            (["if-match": "\"x\", \"a\""], .proceed),
            (["if-match": "*"], .proceed),
            (["if-match": "\"x\""], .failed("If-Match")),
            (["if-match": "\"x,a\""], .failed("If-Match")),
            (["if-none-match": "\"a\""], .notModified),
            (["if-none-match": "W/\"a\""], .notModified),
            (["if-none-match": "*"], .notModified),
            (["if-none-match": "\"x\""], .proceed),
            (["if-modified-since": same], .notModified),
            (["if-modified-since": before], .proceed),
            (["if-modified-since": "yesterday"], .proceed),
            (["if-unmodified-since": same], .proceed),
            (["if-unmodified-since": before], .failed("If-Unmodified-Since")),
            (["if-match": "\"a\"", "if-unmodified-since": before], .proceed),
            (["if-none-match": "\"a\"", "if-modified-since": before], .notModified),
            (["if-none-match": "\"x\"", "if-modified-since": same], .proceed),
            (["if-match": "\"a\"", "if-none-match": "\"a\""], .notModified),
            (["if-match": ""], .failed("If-Match")),
        ] as [([String: String], ReadConditions.Verdict)])
    func precedence(_ headers: [String: String], _ verdict: ReadConditions.Verdict) {
        let conditions = ReadConditions { headers[$0] }
        // A date that is none is no condition (RFC 9110 §13.1.3).
        #expect(conditions.isEmpty == headers.values.allSatisfy { $0 == "yesterday" })
        #expect(conditions.check(etag: ETag("a"), modified: Self.modified) == verdict)
        let copyHeaders = Dictionary(uniqueKeysWithValues: headers.map { ("x-amz-copy-source-" + $0.key, $0.value) })
        let copy = ReadConditions(.copySource) { copyHeaders[$0] }.check(etag: ETag("a"), modified: Self.modified)
        #expect((copy == .proceed) == (verdict == .proceed))
        #expect(copy != .notModified)
    }
}

@Suite struct CopySourceTests {
    @Test func forms() throws {
        let version = VersionID.stamp(VersionStamp(milliseconds: 5, counter: 6, region: 7))
        let plain = try CopySource.parse("a/assets/logo%20%2B.png?versionId=\(version)")
        #expect(plain.container == .name("a"))
        #expect(plain.key.rawValue == "assets/logo +.png")
        #expect(plain.versionID == version)
        #expect(try CopySource.parse("/bucket/k?x?versionId=null").key.rawValue == "k?x")
        #expect(try CopySource.parse("/bucket/k?versionId=null").versionID == .null)
        #expect(try CopySource.parse("bucket//k").key.rawValue == "/k")
        #expect(try CopySource.parse("bucket%2Fk%2Fl").key.rawValue == "k/l")
        #expect(try CopySource.parse("bucket/100%").key.rawValue == "100%")
        let arn = "arn%3Aaws%3As3%3A%3A123456789012%3Aaccesspoint/my-point.mrap/object/k/hello%20world"
        let account = try #require(AccountID("123456789012"))
        for text in [arn, try #require(PercentEncoding.decode(arn.utf8))] {
            let source = try CopySource.parse(text)
            #expect(source.container == .accessPoint(AccessPointARN(account: account, label: "my-point.mrap")))
            #expect(source.key.rawValue == "k/hello world")
        }
    }

    @Test(arguments: [
        "", "/", "bucket", "bucket/", "//key", "arn:aws:s3:::bucket/key", "arn:aws:s3::123456789012:accesspoint/x",
        "bucket/key?versionId=", "bucket/key?versionId=abc", "bucket/key?versionId=%zz",
    ])
    func refuses(_ text: String) {
        let error = #expect(throws: S3Error.self) { try CopySource.parse(text) }
        #expect(error?.code == .invalidArgument)
    }

    @Test func neverCrashes() {
        var generator = SeededGenerator(seed: 41)
        let original = Array("/bucket/k%20?versionId=null".utf8)
        for _ in 0..<10_000 {
            guard let source = try? CopySource.parse(String(decoding: generator.mutate(original), as: UTF8.self)) else {
                continue
            }
            #expect(!source.key.rawValue.isEmpty)
        }
    }
}
