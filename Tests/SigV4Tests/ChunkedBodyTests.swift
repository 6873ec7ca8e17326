import Crypto
import NIOCore
import S3Model
import Testing

@testable import SigV4

@Suite struct ChunkedBodyTests {
    // MARK: Unsigned

    @Test(
        arguments: [
            // boto3, spec/clients.md §1.2
            "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n",
            // minio-go: LF behind the trailer, one empty line more
            "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\n\r\n\r\n",
            "0002\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nX-Amz-Checksum-CRC32: NhCmhg== \r\n\r\n",
        ])
    func unsignedTrailer(_ body: String) throws {
        let decoder = ChunkedBodyDecoder(
            verifier: nil, decodedLength: 5, announcedTrailers: ["X-Amz-Checksum-Crc32"], hasTrailer: true)
        let whole = try Decoded(body.utf8, decoder)
        #expect(whole == Decoded(data: Array("hello".utf8), trailers: ["x-amz-checksum-crc32:NhCmhg=="], ends: 1))
        for cut in 0...body.utf8.count { #expect(try Decoded(body.utf8, decoder, cuts: [cut]) == whole) }
        #expect(try Decoded(body.utf8, decoder, cuts: Array(0...body.utf8.count)) == whole)
    }

    @Test(
        arguments: [
            ("", .incompleteBody), ("5\r\nhel", .incompleteBody), ("5\r\nhello\r\n", .incompleteBody),
            ("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n", .incompleteBody),
            ("4\r\nhell\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n", .incompleteBody),
            ("6\r\nhello \r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n", .incompleteBody),
            ("7fffffffffffffff\r\nhello", .incompleteBody), ("ffffffffffffffff\r\nhello", .entityTooLarge),
            ("5\r\nhello\r\n7fffffffffffffff\r\n", .incompleteBody),
            ("10000000000000000\r\nhello", .invalidRequest), ("-5\r\nhello", .invalidRequest),
            ("+5\r\nhello", .invalidRequest), ("\r\n", .invalidRequest), ("5\nhello", .invalidRequest),
            ("5\r\nhelloXX", .incompleteBody), ("5\r\nhelloX\r\n", .invalidRequest),
            ("5\r\nhelloXXX", .invalidRequest), ("5\r\nhello\n0\r\n", .invalidRequest),
            ("5;" + String(repeating: "x", count: 600), .invalidRequest),
            ("5\r\nhello\r\n0\r\n\r\n", .malformedTrailerError),
            ("5\r\nhello\r\n0\r\nx-amz-checksum-crc32\r\n\r\n", .malformedTrailerError),
            ("5\r\nhello\r\n0\r\nx-amz-checksum-sha1:a\r\n\r\n", .malformedTrailerError),
            (
                "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:a\r\nx-amz-checksum-crc32:b\r\n\r\n", .malformedTrailerError
            ),
            ("5\r\nhello\r\n0\r\n:" + String(repeating: "x", count: 5000), .invalidRequest),
            ("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:a\r\n\r\nGET", .invalidRequest),
            ("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:a\r\n\r\n\r\n\r\n\r\n", .invalidRequest),
        ] as [(String, S3ErrorCode)])
    func brokenFraming(_ body: String, _ code: S3ErrorCode) {
        let decoder = ChunkedBodyDecoder(
            verifier: nil, decodedLength: 5, announcedTrailers: ["x-amz-checksum-crc32"], hasTrailer: true)
        #expect(refusal { () throws(S3Error) in _ = try Decoded(body.utf8, decoder) } == code)
        let everywhere = Array(0...body.utf8.count)
        #expect(refusal { () throws(S3Error) in _ = try Decoded(body.utf8, decoder, cuts: everywhere) } == code)
    }

    @Test func trailerThatTheModeDoesNotAllow() {
        let decoder = ChunkedBodyDecoder(
            verifier: nil, decodedLength: nil, announcedTrailers: ["a"], hasTrailer: false)
        #expect(
            refusal { () throws(S3Error) in _ = try Decoded("0\r\na:b\r\n\r\n".utf8, decoder) }
                == .malformedTrailerError)
    }

    @Test func failureStays() {
        var decoder = ChunkedBodyDecoder(verifier: nil, decodedLength: 1, announcedTrailers: [], hasTrailer: false)
        for text in ["zz\r\n", "1\r\na\r\n0\r\n\r\n"] {
            #expect(
                refusal { () throws(S3Error) in
                    var buffer = ByteBuffer(string: text)
                    _ = try decoder.decode(&buffer)
                } == .invalidRequest)
        }
        #expect(refusal { () throws(S3Error) in try decoder.finish() } == .invalidRequest)
    }

    // MARK: Signed

    @Test func capturedSignedChunksForAllSplits() throws {
        let (decoder, body) = try Self.vector()
        let whole = try Decoded(body, decoder)
        #expect(
            whole == Decoded(data: Array("hello world".utf8), trailers: ["x-amz-checksum-crc32:DUoRhQ=="], ends: 1))
        // Each split costs four ECDSA verifications.
        for cut in stride(from: 0, through: body.count, by: 5) {
            #expect(try Decoded(body, decoder, cuts: [cut]) == whole)
        }
        #expect(try Decoded(body, decoder, cuts: Array(0...body.count)) == whole)
    }

    @Test func anyChangedByteOfSignedChunksIsRefused() throws {
        let (decoder, body) = try Self.vector()
        for index in body.indices {
            var changed = body
            changed[index] ^= 1
            let code = refusal { () throws(S3Error) in _ = try Decoded(changed, decoder) }
            #expect(code != nil, "byte \(index)")
        }
    }

    @Test(
        arguments: [
            ("hello ", "hellO ", .signatureDoesNotMatch), ("world", "World", .signatureDoesNotMatch),
            ("DUoRhQ==", "DUoRhR==", .signatureDoesNotMatch), ("6;", "6 ;", nil),
            ("6;chunk-signature=", "6;signature=", .invalidRequest), ("5;chunk", "4;chunk", .signatureDoesNotMatch),
            ("5**\r\n", "5*\r\n", .signatureDoesNotMatch), ("5**\r\n", "5\r\n", nil),
            ("x-amz-trailer-signature", "x-amz-trailer-signaturf", .malformedTrailerError),
            ("x-amz-checksum-crc32:DUoRhQ==\r\n", "", .signatureDoesNotMatch),
            ("6;", "1000001;", .invalidRequest),
        ] as [(String, String, S3ErrorCode?)])
    func changedSignedChunk(_ old: String, _ new: String, _ code: S3ErrorCode?) throws {
        let request = Vectors.chunked
        let text = String(decoding: request.body, as: UTF8.self)
        let changed = text.replacing(old, with: new, maxReplacements: 1)
        #expect(changed != text)
        let signature = try #require(try request.verify(at: request.signingTime))
        let decoder = ChunkedBodyDecoder(
            verifier: signature.chunkVerifier, decodedLength: nil, announcedTrailers: ["x-amz-checksum-crc32"],
            hasTrailer: true)
        #expect(refusal { () throws(S3Error) in _ = try Decoded(changed.utf8, decoder) } == code)
    }

    @Test func chunksInAnotherOrderAreRefused() throws {
        let (decoder, body) = try Self.vector()
        let lines = String(decoding: body, as: UTF8.self).split(separator: "\r\n", omittingEmptySubsequences: false)
        let swapped = [lines[2], lines[3], lines[0], lines[1]] + lines[4...]
        let without = Array(lines[2...])
        for body in [swapped.joined(separator: "\r\n"), without.joined(separator: "\r\n")] {
            #expect(refusal { () throws(S3Error) in _ = try Decoded(body.utf8, decoder) } == .signatureDoesNotMatch)
        }
    }

    /// The S3 API reference's examples "Chunked upload" with and without a trailer.
    @Test(arguments: [false, true])
    func publishedHMACChunks(_ hasTrailer: Bool) throws {
        let signatures =
            hasTrailer
            ? [
                "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
                "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
                "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
                "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
                "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435",
            ]
            : [
                "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
                "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
                "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
                "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9", "",
            ]
        let request = Self.publishedChunkedPut(signature: signatures[0], hasTrailer: hasTrailer)
        let signature = try #require(try request.verify(at: timestamp("20130524T000000Z")))
        #expect(signature.payload == .streamingSigned(trailer: hasTrailer))
        let decoder = ChunkedBodyDecoder(
            verifier: signature.chunkVerifier, decodedLength: 66_560,
            announcedTrailers: hasTrailer ? ["x-amz-checksum-crc32c"] : [], hasTrailer: hasTrailer)
        let head =
            "10000;chunk-signature=\(signatures[1])\r\n" + String(repeating: "a", count: 65_536)
            + "\r\n400;chunk-signature=\(signatures[2])\r\n" + String(repeating: "a", count: 1024)
            + "\r\n0;chunk-signature=\(signatures[3])\r\n"
        let tails =
            hasTrailer
            ? [
                "x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:\(signatures[4])\r\n\r\n",
                // minio-go
                "x-amz-checksum-crc32c:sOO8/Q==\n\r\nx-amz-trailer-signature:\(signatures[4])\r\n\r\n",
            ] : ["\r\n"]
        var generator = SeededGenerator(seed: 11)
        for tail in tails {
            let body = Array((head + tail).utf8)
            let cuts = (0..<40).map { _ in Int.random(in: 0...body.count, using: &generator) }
            let decoded = try Decoded(body, decoder, cuts: cuts)
            #expect(decoded.data.count == 66_560 && decoded.data.allSatisfy { $0 == UInt8(ascii: "a") })
            #expect(decoded.trailers == (hasTrailer ? ["x-amz-checksum-crc32c:sOO8/Q=="] : []))
            #expect(decoded.ends == 1)
        }
        if hasTrailer {
            let unsigned = head + "x-amz-checksum-crc32c:sOO8/Q==\r\n\r\n\r\n"
            #expect(
                refusal { () throws(S3Error) in _ = try Decoded(unsigned.utf8, decoder) } == .malformedTrailerError)
        }
    }

    /// Nothing of a chunk comes out before its signature was checked, but for the large ones.
    @Test(arguments: [(64, true), (1 << 20, true), (1 << 20 + 1, false)])
    func dataIsHeldUntilItIsVerified(_ size: Int, _ isHeld: Bool) throws {
        let signature = "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"
        let request = Self.publishedChunkedPut(
            signature: "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9", hasTrailer: false)
        let verified = try #require(try request.verify(at: timestamp("20130524T000000Z")))
        var decoder = ChunkedBodyDecoder(
            verifier: verified.chunkVerifier, decodedLength: nil, announcedTrailers: [], hasTrailer: false)
        var buffer = ByteBuffer(string: String(size, radix: 16) + ";chunk-signature=\(signature)\r\n")
        #expect(try decoder.decode(&buffer).isEmpty)
        var count = 0
        for _ in 0..<(size - 1) / 63 {
            buffer = ByteBuffer(repeating: 1, count: 63)
            for case .data(let piece) in try decoder.decode(&buffer) { count += piece.readableBytes }
        }
        #expect(isHeld == (count == 0))
        buffer = ByteBuffer(repeating: 1, count: 64)
        #expect(refusal { () throws(S3Error) in _ = try decoder.decode(&buffer) } == .signatureDoesNotMatch)
    }

    private static func publishedChunkedPut(signature: String, hasTrailer: Bool) -> SignedRequest {
        let names =
            hasTrailer
            ? "content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;"
                + "x-amz-trailer"
            : "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;"
                + "x-amz-storage-class"
        var request = SignedRequest(
            name: "chunked", method: "PUT", target: "/examplebucket/chunkObject.txt",
            headers: [
                ("Host", "s3.amazonaws.com"), ("x-amz-date", "20130524T000000Z"),
                ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
                (
                    "Authorization",
                    "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
                        + "SignedHeaders=\(names),Signature=\(signature)"
                ), ("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" + (hasTrailer ? "-TRAILER" : "")),
                ("Content-Encoding", "aws-chunked"), ("x-amz-decoded-content-length", "66560"),
                ("Content-Length", "66824"),
            ])
        if hasTrailer { request.headers.append(("x-amz-trailer", "x-amz-checksum-crc32c")) }
        return request
    }

    private static func vector() throws -> (ChunkedBodyDecoder, [UInt8]) {
        let request = Vectors.chunked
        let signature = try #require(try request.verify(at: request.signingTime))
        let decoder = ChunkedBodyDecoder(
            verifier: signature.chunkVerifier, decodedLength: 11, announcedTrailers: ["x-amz-checksum-crc32"],
            hasTrailer: true)
        return (decoder, request.body)
    }
}

/// What comes out of a decoder when it is fed a body cut at some places.
struct Decoded: Equatable {
    var data: [UInt8] = []
    var trailers: [String] = []
    var ends = 0

    init(data: [UInt8], trailers: [String], ends: Int) {
        self.data = data
        self.trailers = trailers
        self.ends = ends
    }

    init(_ body: some Collection<UInt8>, _ decoder: ChunkedBodyDecoder, cuts: [Int] = []) throws(S3Error) {
        let body = Array(body)
        var decoder = decoder
        var start = 0
        for cut in cuts.sorted() + [body.count] {
            var buffer = ByteBuffer(bytes: body[start..<cut])
            start = cut
            for event in try decoder.decode(&buffer) {
                switch event {
                case .data(let piece): data.append(contentsOf: piece.readableBytesView)
                case .end(let trailers):
                    ends += 1
                    self.trailers = trailers.map { "\($0.name):\($0.value)" }
                }
            }
        }
        try decoder.finish()
    }
}
