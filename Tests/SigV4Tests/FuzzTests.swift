import NIOCore
import S3Model
import Testing

@testable import SigV4

/// Whatever comes, there is an answer: never a crash, and never an acceptance.
@Suite struct FuzzTests {
    private static let now = timestamp("20261120T233100Z")
    private static let fragments = [
        "AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256", "AWS", " ", ",", "=", "/", ":", ";", "&", "?", "%", "%2", "%2F",
        "Credential=", "SignedHeaders=", "Signature=", "AKIDEXAMPLE", "20261120", "us-east-1", "s3", "aws4_request",
        "host", "x-amz-date", "X-Amz-Algorithm=", "X-Amz-Credential=", "X-Amz-Date=", "X-Amz-Expires=",
        "X-Amz-SignedHeaders=", "X-Amz-Signature=", "X-Amz-Region-Set=", "20261120T233100Z", "AWSAccessKeyId=",
        "Expires=", "9999999999", "-1", "3045", "00", "\u{0}", "\r\n", "ü", "http://", "https://a",
    ]

    private static func text(_ generator: inout SeededGenerator) -> String {
        switch Int.random(in: 0..<3, using: &generator) {
        case 0: return String(decoding: generator.bytes(0..<64), as: UTF8.self)
        default:
            return (0..<Int.random(in: 0..<16, using: &generator)).map { _ in
                fragments.randomElement(using: &generator) ?? ""
            }.joined()
        }
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func randomRequests(_ seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let verifier = SignedRequest.verifier { $0.isEmpty ? nil : $0 }
        for round in 0..<3000 {
            let headers = ["authorization", "host", "x-amz-date", "date", "x-amz-content-sha256", "x-amz-region-set"]
                .filter { _ in Bool.random(using: &generator) }.map { (name: $0, value: Self.text(&generator)) }
            let request = SignedRequest(
                name: "fuzz", method: Self.text(&generator), target: Self.text(&generator), headers: headers)
            let outcome = Result { () throws(S3Error) in try request.verify(verifier, at: Self.now) }
            if case .success(let signature?) = outcome { Issue.record("seed \(seed), round \(round): \(signature)") }
        }
    }

    /// Valid requests with bytes changed, put in and taken out.
    @Test(arguments: 5...8 as ClosedRange<UInt64>)
    func damagedRequests(_ seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let verifier = SignedRequest.verifier()
        func damaged(_ text: String) -> String {
            var bytes = Array(text.utf8)
            let index = Int.random(in: 0...bytes.count, using: &generator)
            switch Int.random(in: 0..<3, using: &generator) {
            case 0: bytes.insert(contentsOf: Self.text(&generator).utf8, at: index)
            case 1: bytes.removeSubrange(index..<min(bytes.count, index + 3))
            default: if index < bytes.count { bytes[index] = UInt8.random(in: 0...255, using: &generator) }
            }
            return String(decoding: bytes, as: UTF8.self)
        }
        for round in 0..<800 {
            guard let original = Vectors.all.randomElement(using: &generator) else { continue }
            var request = original
            switch Int.random(in: 0..<3, using: &generator) {
            case 0: request.target = damaged(request.target)
            default:
                let index = Int.random(in: 0..<request.headers.count, using: &generator)
                request.headers[index].value = damaged(request.headers[index].value)
            }
            guard (try? request.verify(verifier, at: original.signingTime)) != nil else { continue }
            #expect(
                request.meansTheSame(as: original),
                "seed \(seed), round \(round): \(request.target) \(request.headers)")
        }
    }

    @Test(arguments: 9...12 as ClosedRange<UInt64>)
    func randomBodies(_ seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let request = Vectors.chunked
        let verified = try #require(try request.verify(at: request.signingTime))
        let fragments = [
            "5", "0", "\r\n", "\n", ";chunk-signature=", "30450221", "*", "x-a:b", "x-amz-trailer-signature:", "hello",
        ]
        for _ in 0..<2000 {
            let isSigned = Bool.random(using: &generator)
            var decoder = ChunkedBodyDecoder(
                verifier: isSigned ? verified.chunkVerifier : nil,
                decodedLength: Bool.random(using: &generator) ? 5 : nil,
                announcedTrailers: ["x-a"], hasTrailer: Bool.random(using: &generator))
            var ends = 0
            for _ in 0..<12 {
                var buffer = ByteBuffer(
                    bytes: Bool.random(using: &generator)
                        ? generator.bytes(0..<6) : Array((fragments.randomElement(using: &generator) ?? "").utf8))
                guard let events = try? decoder.decode(&buffer) else { break }
                #expect(buffer.readableBytes == 0)
                for case .end in events { ends += 1 }
            }
            #expect(ends <= (isSigned ? 0 : 1))
        }
    }
}

extension SignedRequest {
    /// Whether the two differ in nothing that is signed: in spaces that do not count, in unsigned headers, or in the
    /// spelling of escapes.
    fileprivate func meansTheSame(as other: SignedRequest) -> Bool {
        func normal(_ target: String) -> [UInt8] {
            var bytes = Array(target.utf8)
            for scheme in ["http://", "https://"] where target.lowercased().hasPrefix(scheme) {
                bytes = Array(bytes.drop { $0 != UInt8(ascii: ":") }.dropFirst(3).drop { $0 != UInt8(ascii: "/") })
            }
            let path = bytes.prefix { $0 != UInt8(ascii: "?") }
            let query = bytes.dropFirst(path.count + 1).split(separator: UInt8(ascii: "&"))
                .map { Array($0) }.sorted { $0.lexicographicallyPrecedes($1) }
            var out: [UInt8] = []
            out.appendURIDecoded(Array(path)[...])
            for item in query {
                out.append(UInt8(ascii: "&"))
                out.appendURIDecoded(item[...])
            }
            return out
        }
        func words(_ text: String) -> String {
            text.split(whereSeparator: { " \t,".contains($0) }).joined(separator: " ")
        }
        guard normal(target) == normal(other.target) else { return false }
        return zip(headers, other.headers).allSatisfy { one, two in
            one.value == two.value || words(one.value) == words(two.value)
                || !(other.signedHeaders + ["authorization"]).contains(one.name.lowercased())
        }
    }
}
