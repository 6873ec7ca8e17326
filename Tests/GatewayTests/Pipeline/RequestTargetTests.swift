import S3Model
import Testing

@testable import Gateway

@Suite struct RequestTargetTests {
    @Test func originForm() throws {
        let target = try RequestTarget(parsing: "/b/k%20x?versionId=null&acl&x-id=GetObject&a=%26")
        #expect(target.rawPath == "/b/k%20x")
        #expect(target.authority == nil)
        #expect(target.query["versionId"] == "null")
        #expect(target.query["acl"] == "")
        #expect(target.query["a"] == "&")
        #expect(target.query["missing"] == nil)
    }

    @Test func absoluteForm() throws {
        let target = try RequestTarget(parsing: "HTTP://bucket.s3.localhost:9000/k?x=1")
        #expect(target.authority == "bucket.s3.localhost:9000")
        #expect(target.rawPath == "/k")
        #expect(try RequestTarget(parsing: "http://host").rawPath == "/")
    }

    @Test func limitsAndBadEscapes() {
        let many = "/b?" + (0...QueryItems.maximumCount).map { "a\($0)=1" }.joined(separator: "&")
        for text in [many, "/b?a=%", "/b?%zz=1", "*", "relative", ""] {
            if text.isEmpty { continue }
            #expect(throws: S3Error.self) { try RequestTarget(parsing: text) }
        }
    }

    @Test func continuationTokensCarryTheirRegion() throws {
        for key in ["a", "a/b\nc", "é漢", String(repeating: "k", count: 1024)] {
            let token = ContinuationToken(region: RegionName(literal: "eu-west-1"), after: key)
            #expect(ContinuationToken(token.text) == token)
        }
        for text in ["", "x", "AQ==", "AAAA", "////", String(repeating: "A", count: 5000)] {
            #expect(ContinuationToken(text) == nil)
        }
    }
}
