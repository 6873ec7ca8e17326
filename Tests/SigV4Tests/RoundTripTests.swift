import Crypto
import S3Model
import Testing

@testable import SigV4

/// What the signer signs the verifier accepts, whatever the path, query and headers; and nothing near it.
@Suite struct RoundTripTests {
    private static let now = timestamp("20261120T233100Z")

    private static func request(_ generator: inout SeededGenerator) -> SignedRequest {
        // What a client may send: escaped or not, with empty segments, dots and anything UTF-8.
        let alphabet = "abcXYZ019-._~/!$'()*,:;@&=+ %ü€/\u{1F600}\"<>[]^|"
        func escaped(_ text: String) -> String {
            var out: [UInt8] = []
            let isStrict = Bool.random(using: &generator)
            for byte in text.utf8 {
                if byte == UInt8(ascii: "/") || (!isStrict && "!$'()*,:;@+".utf8.contains(byte)) {
                    out.append(byte)
                } else {
                    out.appendURIEncoded(byte)
                }
            }
            return out[...].text
        }
        var target = "/" + escaped(generator.text(0..<40, of: alphabet))
        let items = (0..<Int.random(in: 0..<6, using: &generator)).map { _ in
            let name = escaped(generator.text(1..<8, of: "abAB-_.~ü ")).replacing("/", with: "%2F")
            return Bool.random(using: &generator) ? name : name + "=" + escaped(generator.text(0..<12, of: alphabet))
        }
        if !items.isEmpty { target += "?" + items.joined(separator: "&") }
        var headers = [(name: "Host", value: "127.0.0.1:9000")]
        for number in 0..<Int.random(in: 0..<6, using: &generator) {
            let name = ["x-amz-meta-\(number)", "Content-Type", "X-Custom", "x-amz-acl"].randomElement(
                using: &generator)
            headers.append((name ?? "a", generator.text(0..<20, of: "abc  ,=;:\t ü\"")))
        }
        let method = ["GET", "PUT", "HEAD", "POST", "DELETE"].randomElement(using: &generator) ?? "GET"
        return SignedRequest(name: "random", method: method, target: target, headers: headers)
    }

    private static func changes(_ generator: inout SeededGenerator) -> [(inout SignedRequest) -> Void] {
        let accessKey = "AKISORANDOMAASORANDOM"
        return [
            { $0.method += "X" }, { $0.target = "/x" + $0.target },
            { $0.target += $0.target.contains("?") ? "&zz=1" : "?zz=1" },
            { $0[header: "host"] = "127.0.0.1:9001" }, { $0.headers.append(("HOST", "b")) },
            { $0[header: "authorization"]?.replace("AKIDEXAMPLE", with: accessKey) },
            { $0.target.replace("AKIDEXAMPLE", with: accessKey) },
        ].shuffled(using: &generator)
    }

    @Test(arguments: [SignatureAlgorithm.v4, .v4a], [UInt64(1), 2])
    func header(_ algorithm: SignatureAlgorithm, _ seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let verifier = SignedRequest.verifier()
        let region = algorithm == .v4 ? "eu-west-1" : "eu-*, us-east-1"
        let signer = RequestSigner(
            secret: SignedRequest.secret("AKIDEXAMPLE"), region: region, service: "s3", algorithm: algorithm)
        for round in 0..<150 {
            var request = Self.request(&generator)
            request.headers += signer.sign(
                method: request.method, target: request.target, headers: request.headers,
                payloadHash: "UNSIGNED-PAYLOAD", now: Self.now)
            request.headers.shuffleGroups(using: &generator)
            let signature = try #require(
                try request.verify(verifier, at: Self.now), "seed \(seed), round \(round): \(request.target)")
            #expect(signature.algorithm == algorithm && signature.payload == .unsigned && !signature.isPresigned)
            #expect(signature.scopeRegion == (algorithm == .v4 ? region : nil))
            #expect(signature.regionSet == (algorithm == .v4 ? nil : ["eu-*", "us-east-1"]))
            for change in Self.changes(&generator) {
                let other = request.with(change)
                guard
                    other.target != request.target || !other.hasSameHeaders(as: request)
                        || other.method != request.method
                else { continue }
                #expect(
                    other.refusal(verifier, at: Self.now) == .signatureDoesNotMatch,
                    "seed \(seed), round \(round): \(other)")
            }
        }
    }

    @Test(arguments: [SignatureAlgorithm.v2, .v4, .v4a], [UInt64(3), 4])
    func presigned(_ algorithm: SignatureAlgorithm, _ seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let verifier = SignedRequest.verifier()
        let signer = RequestSigner(
            secret: SignedRequest.secret("AKIDEXAMPLE"), region: "eu-west-1", service: "s3", algorithm: algorithm)
        for round in 0..<150 {
            var request = Self.request(&generator)
            request.target = signer.presign(
                method: request.method, target: request.target, headers: request.headers, lifetime: 60, now: Self.now)
            let context = "seed \(seed), round \(round): \(request.target)"
            let signature = try #require(try request.verify(verifier, at: Self.now.adding(seconds: 59)), "\(context)")
            #expect(signature.algorithm == algorithm && signature.payload == .absent && signature.isPresigned)
            #expect(request.refusal(verifier, at: Self.now.adding(seconds: 60)) == .accessDenied, "\(context)")
            let other = request.with { $0.target = "/x" + $0.target }
            #expect(other.refusal(verifier, at: Self.now) == .signatureDoesNotMatch, "\(context)")
        }
    }

    @Test(arguments: [SignatureAlgorithm.v4, .v4a], [false, true])
    func signedChunks(_ algorithm: SignatureAlgorithm, _ hasTrailer: Bool) throws {
        var generator = SeededGenerator(seed: 5)
        let secret = SignedRequest.secret("AKIDEXAMPLE")
        let signer = RequestSigner(secret: secret, region: "eu-west-1", service: "s3", algorithm: algorithm)
        let hash = "STREAMING-\(algorithm.name)-PAYLOAD" + (hasTrailer ? "-TRAILER" : "")
        for round in 0..<20 {
            var request = SignedRequest(name: "chunks", method: "PUT", target: "/b/k", headers: [("host", "a")])
            request.headers += signer.sign(
                method: "PUT", target: "/b/k", headers: request.headers, payloadHash: hash, now: Self.now)
            let signature = try #require(try request.verify(at: Self.now))
            let chunks = (0..<Int.random(in: 0..<5, using: &generator)).map { _ in generator.bytes(1..<5000) }
            let verifier = try #require(signature.chunkVerifier)
            let (body, data) = try Self.chunkedBody(chunks, verifier: verifier, signer: signer, hasTrailer: hasTrailer)
            let decoder = ChunkedBodyDecoder(
                verifier: verifier, decodedLength: Int64(data.count), announcedTrailers: hasTrailer ? ["x-a"] : [],
                hasTrailer: hasTrailer)
            let expected = Decoded(data: data, trailers: hasTrailer ? ["x-a:b"] : [], ends: 1)
            let cuts = (0..<6).map { _ in Int.random(in: 0...body.count, using: &generator) }
            #expect(try Decoded(body, decoder, cuts: cuts) == expected, "round \(round)")
            var changed = body
            let index = Int.random(in: 0..<body.count, using: &generator)
            changed[index] ^= 1 << UInt8.random(in: 0..<5, using: &generator)
            #expect(
                refusal { () throws(S3Error) in _ = try Decoded(changed, decoder) } != nil,
                "round \(round), byte \(index)")
        }
    }

    /// Frames chunks as SDKs do: SigV4A signatures padded to 144 characters.
    private static func chunkedBody(
        _ chunks: [[UInt8]], verifier: ChunkSignatureVerifier, signer: RequestSigner, hasTrailer: Bool
    ) throws -> (body: [UInt8], data: [UInt8]) {
        var verifier = verifier
        var body: [UInt8] = []
        let date = Array("20261120".utf8)[...]
        func padded(_ text: [UInt8]) -> String {
            let signature = signer.signature(of: text, date: date)
            return signature.utf8.count == 64
                ? signature : signature + String(repeating: "*", count: 144 - signature.utf8.count)
        }
        for chunk in chunks + [[]] {
            let hash = SHA256.hash(data: chunk)
            let signature = padded(verifier.chunkStringToSign(hash))
            try verifier.accept(chunk: hash, signature: Array(signature.utf8)[...])
            body += Array("\(String(chunk.count, radix: 16));chunk-signature=\(signature)\r\n".utf8) + chunk
            if !chunk.isEmpty { body += Array("\r\n".utf8) }
        }
        if hasTrailer {
            let signature = padded(verifier.trailerStringToSign(SHA256.hash(data: Array("x-a:b\n".utf8))))
            body += Array("x-a:b\r\nx-amz-trailer-signature:\(signature)\r\n".utf8)
        }
        return (body + Array("\r\n".utf8), chunks.flatMap { $0 })
    }
}

extension SignedRequest {
    func hasSameHeaders(as other: SignedRequest) -> Bool {
        headers.count == other.headers.count
            && zip(headers, other.headers).allSatisfy { $0.name == $1.name && $0.value == $1.value }
    }
}

extension [(name: String, value: String)] {
    /// Moves headers about but keeps the order of those with the same name, which counts.
    mutating func shuffleGroups(using generator: inout SeededGenerator) {
        let names = Set(map { $0.name.lowercased() }).sorted().shuffled(using: &generator)
        self = names.flatMap { name in filter { $0.name.lowercased() == name } }
    }
}
