import S3Model
import Synchronization
import Testing

@testable import SigV4

@Suite struct VerificationErrorTests {
    private static let now = timestamp("20261120T233100Z")

    private static func signed(
        _ algorithm: SignatureAlgorithm = .v4, accessKey: String = "AKIDEXAMPLE", service: String = "s3",
        payload: String = "UNSIGNED-PAYLOAD", headers: [(name: String, value: String)] = [("Host", "a")]
    ) -> SignedRequest {
        var request = SignedRequest(name: "signed", method: "GET", target: "/b/k?x=1", headers: headers)
        let signer = RequestSigner(
            secret: SignedRequest.secret(accessKey), region: "eu-west-1", service: service, algorithm: algorithm)
        request.headers += signer.sign(
            method: "GET", target: request.target, headers: headers, payloadHash: payload, now: now)
        return request
    }

    @Test func anonymous() throws {
        for target in ["/", "/b/k?prefix=a&Expires=1", "/b?X-Amz-Date=1", "", "?", "/b?Signaturex=1"] {
            let request = SignedRequest(name: "anonymous", method: "GET", target: target, headers: [("host", "a")])
            #expect(try request.verify(at: Self.now) == nil)
        }
    }

    @Test(arguments: [SignatureAlgorithm.v2, .v4, .v4a])
    func clockSkew(_ algorithm: SignatureAlgorithm) throws {
        let request = Self.signed(algorithm)
        for seconds in [-900, 0, 900] as [Int64] {
            #expect(request.refusal(at: Self.now.adding(seconds: seconds)) == nil)
        }
        for seconds in [-901, 901] as [Int64] {
            let now = Self.now.adding(seconds: seconds)
            let error = #expect(throws: S3Error.self) { try request.verify(at: now) }
            #expect(error?.code == .requestTimeTooSkewed)
            #expect(
                error?.fields == [
                    .init("RequestTime", "20261120T233100Z"), .init("ServerTime", RequestDate.extended(now)),
                    .init("MaxAllowedSkewMilliseconds", "900000"),
                ])
        }
    }

    @Test func expiry() throws {
        var request = SignedRequest(name: "presigned", method: "GET", target: "/b/k", headers: [("Host", "a")])
        let signer = RequestSigner(secret: SignedRequest.secret("AKIDEXAMPLE"), region: "eu-west-1")
        request.target = signer.presign(
            method: "GET", target: "/b/k", headers: request.headers, lifetime: 604_800, now: Self.now)
        #expect(request.refusal(at: Self.now.adding(seconds: 604_799)) == nil)
        let error = #expect(throws: S3Error.self) { try request.verify(at: Self.now.adding(seconds: 604_800)) }
        #expect(error?.code == .accessDenied && error?.message == "Request has expired")
        #expect(
            error?.fields == [
                .init("X-Amz-Expires", "604800"), .init("Expires", "2026-11-27T23:31:00Z"),
                .init("ServerTime", "2026-11-27T23:31:00Z"),
            ])
    }

    @Test(
        arguments: [
            ("Bearer abc", .invalidArgument), ("", .invalidArgument),
            ("AWS4-HMAC-SHA256", .authorizationHeaderMalformed),
            ("AWS4-HMAC-SHA512 Credential=a", .invalidArgument), ("AWS AKIDEXAMPLE", .invalidArgument),
            ("AWS :abc", .invalidArgument), ("AWS NOBODY:abc", .invalidAccessKeyId),
            ("AWS AKIDEXAMPLE:abc", .signatureDoesNotMatch),
            (credential("AKIDEXAMPLE/20261120/eu-west-1/s3"), .authorizationHeaderMalformed),
            (credential("AKIDEXAMPLE/20261120/s3/aws4_request"), .authorizationHeaderMalformed),
            (credential("/20261120/eu-west-1/s3/aws4_request"), .authorizationHeaderMalformed),
            (credential("AKIDEXAMPLE/2026112/eu-west-1/s3/aws4_request"), .authorizationHeaderMalformed),
            (credential("AKIDEXAMPLE/20261119/eu-west-1/s3/aws4_request"), .authorizationHeaderMalformed),
            (credential("AKIDEXAMPLE/20261120/eu-west-1/s3/aws3_request"), .authorizationHeaderMalformed),
            (credential("AKIDEXAMPLE/20261120/eu-west-1//aws4_request"), .authorizationHeaderMalformed),
            (credential("NOBODY/20261120/eu-west-1/s3/aws4_request"), .invalidAccessKeyId),
            (credential("AKIDEXAMPLE/20261120/eu-west-1/s3/aws4_request"), .signatureDoesNotMatch),
            (credential("a/AKIDEXAMPLE/20261120/eu-west-1/s3/aws4_request"), .invalidAccessKeyId),
            (
                credential("AKIDEXAMPLE/20261120/eu-west-1/s3/aws4_request") + ",Signature=1",
                .authorizationHeaderMalformed
            ),
            (
                "AWS4-ECDSA-P256-SHA256 Credential=AKIDEXAMPLE/20261120/eu-west-1/s3/aws4_request,SignedHeaders=host,"
                    + "Signature=00", .authorizationHeaderMalformed
            ),
        ] as [(String, S3ErrorCode)])
    func authorization(_ value: String, _ code: S3ErrorCode) {
        let request = SignedRequest(
            name: "header", method: "GET", target: "/b/k",
            headers: [
                ("Host", "a"), ("x-amz-date", "20261120T233100Z"), ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
                ("Authorization", value),
            ])
        #expect(request.refusal(at: Self.now) == code)
    }

    private static func credential(_ text: String) -> String {
        "AWS4-HMAC-SHA256 Credential=\(text), SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=00"
    }

    @Test func changedHMACSignatureOrScopeIsRefused() {
        let request = Self.signed()
        let verifier = SignedRequest.verifier()
        #expect(request.refusal(verifier, at: Self.now) == nil)
        for index in 0..<64 {
            let other = request.with {
                $0.replaceSignature { old in
                    var signature = Array(old)
                    signature[index] = signature[index] == "0" ? "1" : "0"
                    return String(signature)
                }
            }
            #expect(other.refusal(verifier, at: Self.now) == .signatureDoesNotMatch)
        }
        let changes = [
            ("eu-west-1", "eu-west-2"), ("/s3/", "/sts/"), ("AKIDEXAMPLE", "AKISORANDOMAASORANDOM"),
            ("Signature=", "Signature=0"), ("AWS4-HMAC", "AWS4-HMAC "),
        ]
        for (old, new) in changes {
            let other = request.with { $0[header: "authorization"]?.replace(old, with: new) }
            let code = old == "AWS4-HMAC" ? S3ErrorCode.invalidArgument : .signatureDoesNotMatch
            #expect(other.refusal(verifier, at: Self.now) == code, "\(new)")
        }
        for name in request.signedHeaders where name != "x-amz-content-sha256" {
            let value = name == "x-amz-date" ? "20261120T233101Z" : "b"
            #expect(
                request.with { $0[header: name] = value }.refusal(verifier, at: Self.now) == .signatureDoesNotMatch)
        }
    }

    @Test func severalMechanisms() {
        let request = Self.signed()
        let presigned = Vectors.captured[2].target.drop { $0 != "?" }.dropFirst()
        for target in [request.target + "&Signature=a", request.target + "&\(presigned)"] {
            #expect(request.with { $0.target = target }.refusal(at: Self.now) == .invalidArgument)
        }
        #expect(
            request.with { $0.headers.append(("authorization", "AWS a:b")) }.refusal(at: Self.now) == .invalidArgument)
        let both = Vectors.captured[2].with { $0.target += "&AWSAccessKeyId=a" }
        #expect(both.refusal(at: Self.now) == .invalidArgument)
    }

    @Test func hostMustBeSigned() {
        let request = Self.signed(headers: [("x-a", "b"), ("Host", "a")])
        let other = request.with { $0[header: "authorization"]?.replace("host;", with: "") }
        #expect(other.refusal(at: Self.now) == .accessDenied)
    }

    @Test func headerValuesAreTrimmedCollapsedAndJoined() throws {
        let request = Self.signed(headers: [("Host", "a"), ("x-amz-meta-a", "b c"), ("X-Amz-Meta-A", "d")])
        let spaced = request.with {
            $0.headers[1].value = "\t b   c "
            $0.headers[2].value = " d"
        }
        #expect(try spaced.verify(at: Self.now) != nil)
        let joined = request.with {
            $0.headers[1].value = "b c,d"
            $0.headers.remove(at: 2)
        }
        #expect(try joined.verify(at: Self.now) != nil)
        #expect(request.with { $0.headers.swapAt(1, 2) }.refusal(at: Self.now) == .signatureDoesNotMatch)
    }

    @Test func securityTokenIsReported() throws {
        let request = Self.signed(headers: [("Host", "a"), ("x-amz-security-token", "token")])
        #expect(try request.verify(at: Self.now)?.securityToken == "token")
        #expect(request.with { $0[header: "x-amz-security-token"] = "t" }.refusal(at: Self.now) != nil)
        let signer = RequestSigner(secret: SignedRequest.secret("AKIDEXAMPLE"), region: "*", algorithm: .v4a)
        let target = signer.presign(
            method: "GET", target: "/b/k?X-Amz-Security-Token=t%2Fk", headers: [("host", "a")], lifetime: 9,
            now: Self.now)
        let presigned = SignedRequest(name: "token", method: "GET", target: target, headers: [("host", "a")])
        #expect(try presigned.verify(at: Self.now)?.securityToken == "t/k")
    }

    /// STS and CloudWatch clients send no payload hash: the body's own counts.
    @Test func payloadHashOfOtherServices() throws {
        let hash = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"
        let headers = [(name: "Host", value: "a"), (name: "X-Amz-Date", value: "20261120T233100Z")]
        var request = SignedRequest(name: "sts", method: "POST", target: "/", headers: headers)
        let signed = "host;x-amz-date"
        let canonical = try CanonicalRequest(
            RequestParts(method: "POST", target: "/", headers: headers), signedHeaders: Array(signed.utf8)[...],
            payloadHash: hash.utf8, ignoredQueryName: nil)
        let text = stringToSign(
            algorithm: .v4, timestamp: "20261120T233100Z".utf8, scope: "20261120/us-east-1/sts/aws4_request".utf8,
            canonicalRequest: canonical.bytes(path: .encoded))
        let signer = RequestSigner(
            secret: SignedRequest.secret("AKIDEXAMPLE"), region: "us-east-1", service: "sts")
        let signature = signer.signature(of: text, date: Array("20261120".utf8)[...])
        request.headers.append(
            (
                "Authorization",
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261120/us-east-1/sts/aws4_request, SignedHeaders=\(signed), "
                    + "Signature=\(signature)"
            ))
        let verified = try request.verify(bodySHA256: hash, at: Self.now)
        #expect(verified?.payload == .literal(sha256Hex: hash))
        #expect(request.refusal(at: Self.now) == .signatureDoesNotMatch, "an empty body")
    }

    @Test func payloadModesOfAnonymousRequests() throws {
        #expect(try SignatureVerifier.payloadMode(of: nil) == .absent)
        #expect(try SignatureVerifier.payloadMode(of: "UNSIGNED-PAYLOAD") == .unsigned)
        #expect(
            try SignatureVerifier.payloadMode(of: "STREAMING-UNSIGNED-PAYLOAD-TRAILER") == .streamingUnsignedTrailer)
        #expect(
            try SignatureVerifier.payloadMode(of: PayloadMode.emptySHA256.uppercased())
                == .literal(sha256Hex: PayloadMode.emptySHA256))
        for name in ["STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER"] {
            #expect(
                refusal { () throws(S3Error) in _ = try SignatureVerifier.payloadMode(of: name) } == .invalidRequest)
        }
        for name in ["", "unsigned-payload", String(repeating: "g", count: 64), "STREAMING-AWS4-HMAC-SHA512-PAYLOAD"] {
            #expect(
                refusal { () throws(S3Error) in _ = try SignatureVerifier.payloadMode(of: name) } == .invalidArgument)
        }
    }

    @Test(arguments: [SignatureAlgorithm.v4, .v4a])
    func changedSecretCountsAtOnce(_ algorithm: SignatureAlgorithm) {
        final class Secrets: Sendable {
            let values = ["old", "new"].map { SigningSecret(accessKeyID: "AKIDEXAMPLE", secretAccessKey: $0) }
            let current = Mutex(0)
        }
        let secrets = Secrets()
        let verifier = SignatureVerifier { _ in
            secrets.current.withLock { secrets.values.indices.contains($0) ? secrets.values[$0] : nil }
        }
        let headers = [(name: "Host", value: "a")]
        let requests = secrets.values.map { secret in
            SignedRequest(
                name: "s", method: "GET", target: "/",
                headers: headers
                    + RequestSigner(secret: secret, region: "*", algorithm: algorithm).sign(
                        method: "GET", target: "/", headers: headers, payloadHash: "UNSIGNED-PAYLOAD", now: Self.now))
        }
        for _ in 0..<2 {
            #expect(requests[0].refusal(verifier, at: Self.now) == nil)
            #expect(requests[1].refusal(verifier, at: Self.now) == .signatureDoesNotMatch)
        }
        secrets.current.withLock { $0 = 1 }
        for _ in 0..<2 {
            #expect(requests[0].refusal(verifier, at: Self.now) == .signatureDoesNotMatch)
            #expect(requests[1].refusal(verifier, at: Self.now) == nil)
        }
        secrets.current.withLock { $0 = 2 }
        #expect(requests[1].refusal(verifier, at: Self.now) == .invalidAccessKeyId)
    }
}

@Suite struct SigningKeyCacheTests {
    @Test func isBounded() {
        var cache = GenerationCache<Int, Int>(capacity: 8)
        for number in 0..<1000 {
            cache[number] = number
            _ = cache[0]
            #expect(cache.count <= 16)
        }
        #expect(cache[0] == 0, "what is used stays")
        #expect(cache[999] == 999)
        #expect(cache[500] == nil)
    }
}

@Suite struct RequestDateTests {
    @Test(
        arguments: [
            ("19700101T000000Z", 0), ("20261120T233057Z", 1_795_217_457), ("20240229T235959Z", 1_709_251_199),
            ("20000229T000000Z", 951_782_400), ("19691231T235959Z", -1), ("99991231T235959Z", 253_402_300_799),
        ] as [(String, Int64)])
    func basic(_ text: String, _ seconds: Int64) {
        #expect(RequestDate.parse(basic: Array(text.utf8)[...])?.seconds == seconds)
        #expect(Timestamp(milliseconds: seconds * 1000).basicISO == text)
    }

    @Test(
        arguments: [
            "", "20261120", "20261120T233057", "20261120t233057Z", "20261320T233057Z", "20260230T233057Z",
            "20230229T000000Z", "20261120T240000Z", "20261120T236000Z", "2026112OT233057Z", "20261120T233057ZZ",
        ])
    func malformedBasic(_ text: String) {
        #expect(RequestDate.parse(basic: Array(text.utf8)[...]) == nil)
    }

    @Test func http() {
        func parse(_ text: String) -> Int64? { RequestDate.parse(http: Array(text.utf8)[...])?.seconds }
        #expect(parse("Tue, 27 Mar 2007 19:36:42 +0000") == 1_175_024_202)
        #expect(parse("Tue, 27 Mar 2007 19:36:42 -0000") == 1_175_024_202)
        #expect(parse("Tue, 27 Mar 2007 19:36:42 GMT") == 1_175_024_202)
        for text in ["", "Tue, 27 Mar 2007 19:36:42", "Tue, 27 Mar 2007 19:36:42 +0100", "27 Mar 2007 19:36:42 GMT a"] {
            #expect(parse(text) == nil)
        }
        #expect(RequestDate.extended(Timestamp(milliseconds: 1_175_024_202_000)) == "2007-03-27T19:36:42Z")
    }
}
