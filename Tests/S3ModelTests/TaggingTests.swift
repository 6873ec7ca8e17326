import S3Model
import Testing

@Suite struct TaggingTests {
    private func body(_ tags: [(String, String)]) -> [UInt8] {
        Tagging(tags: tags.map { Tag(key: $0.0, value: $0.1) }).xml()
    }

    @Test func roundTrips() throws {
        let tags = [Tag(key: "a b", value: ""), Tag(key: "é+=._:/@-", value: " x ")]
        #expect(try Tagging.parse(Tagging(tags: tags).xml(), kind: .object).tags == tags)
        #expect(try Tagging.parse(Tagging(tags: []).xml(), kind: .object).tags == [])
    }

    @Test func limits() throws {
        let ten = (0..<10).map { ("k\($0)", "v") }
        #expect(try Tagging.parse(body(ten), kind: .object).tags.count == 10)
        let eleven = ten + [("x", "y")]
        #expect(throws: S3Error.self) { try Tagging.parse(body(eleven), kind: .object) }
        #expect(try Tagging.parse(body(eleven), kind: .bucket).tags.count == 11)
        let long = String(repeating: "k", count: 128)
        _ = try Tagging.parse(body([(long, long + long)]), kind: .object)
    }

    @Test(arguments: [
        [("a", "1"), ("a", "2")], [("", "v")], [(String(repeating: "k", count: 129), "v")],
        [("k", String(repeating: "v", count: 257))], [("aws:x", "v")], [("a&b", "v")], [("a", "<")], [("a\n", "v")],
    ])
    func refuses(_ tags: [(String, String)]) {
        let error = #expect(throws: S3Error.self) { try Tagging.parse(body(tags), kind: .object) }
        #expect(error?.code == .invalidTag)
    }

    @Test func headers() throws {
        #expect(
            try Tag.parse(header: "c=d%20e+f&a=b&h=i=j&g") == [
                Tag(key: "a", value: "b"), Tag(key: "c", value: "d e f"), Tag(key: "g", value: ""),
                Tag(key: "h", value: "i=j"),
            ])
        #expect(try Tag.parse(header: "").isEmpty)
    }

    @Test(arguments: [
        ("a=%zz", S3ErrorCode.invalidArgument), ("a=1&a=2", .invalidArgument), ("=1", .invalidArgument),
        ("a=1,b=2", .invalidArgument), ((0..<11).map { "k\($0)=v" }.joined(separator: "&"), .badRequest),
    ])
    func refusesHeaders(_ header: String, _ code: S3ErrorCode) {
        let error = #expect(throws: S3Error.self) { try Tag.parse(header: header) }
        #expect(error?.code == code)
    }
}
