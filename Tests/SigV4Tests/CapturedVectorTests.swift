import Foundation
import S3Model
import Testing

@testable import SigV4

/// Requests captured from real clients: accepted as they are, refused with any part changed.
@Suite struct CapturedVectorTests {
    @Test(arguments: Vectors.all)
    func isAccepted(_ request: SignedRequest) throws {
        let signature = try #require(try request.verify(at: request.signingTime))
        #expect(signature.accessKeyID == "AKIDEXAMPLE")
        #expect(signature.algorithm == .v4a)
        #expect(signature.regionSet == ["*"])
        #expect(signature.scopeRegion == nil)
        #expect(signature.service == "s3")
        #expect(signature.isPresigned == (request.name == "V3"))
    }

    @Test func payloadModes() throws {
        let modes = try Vectors.all.map { try $0.verify(at: $0.signingTime)?.payload }
        #expect(
            modes == [
                .streamingUnsignedTrailer, .literal(sha256Hex: PayloadMode.emptySHA256), .absent,
                .streamingUnsignedTrailer, .streamingUnsignedTrailer,
                .literal(sha256Hex: "fa02fe0b420e2497cf8c26ca827b785779e63571891605c029b76b7909eee457"),
                .streamingSigned(trailer: true),
            ])
    }

    /// The fields of a refusal are what a developer compares with the debug output of a client.
    @Test(arguments: Vectors.all)
    func refusalShowsWhatWasSigned(_ request: SignedRequest) throws {
        let error = #expect(throws: S3Error.self) {
            try request.with { $0.replaceSignature { _ in "00" } }.verify(at: request.signingTime)
        }
        let fields = Dictionary(error?.fields.map { ($0.name, $0.value) } ?? []) { first, _ in first }
        #expect(error?.code == .signatureDoesNotMatch)
        #expect(fields["CanonicalRequest"] == request.canonicalRequest)
        #expect(fields["StringToSign"] == request.stringToSign)
        #expect(fields["AWSAccessKeyId"] == "AKIDEXAMPLE")
        #expect(fields["SignatureProvided"] == "00")
        #expect(fields["StringToSignBytes"]?.hasPrefix("41 57 53 34 2d") == true)
    }

    @Test(arguments: Vectors.all)
    func otherMethodOrPathIsRefused(_ request: SignedRequest) {
        let verifier = SignedRequest.verifier()
        for method in ["GET", "PUT", "DELETE", "get", ""] where method != request.method {
            #expect(
                request.with { $0.method = method }.refusal(verifier, at: request.signingTime)
                    == .signatureDoesNotMatch)
        }
        let path = Array(request.target.prefix { $0 != "?" })
        for index in path.indices.dropFirst() {
            var changed = path
            changed[index] = path[index] == "7" ? "8" : "7"
            let other = request.with { $0.target = String(changed) + request.target.dropFirst(path.count) }
            #expect(other.refusal(verifier, at: request.signingTime) == .signatureDoesNotMatch)
        }
        let doubled = request.with { $0.target = "/" + $0.target }
        #expect(doubled.refusal(verifier, at: request.signingTime) == .signatureDoesNotMatch)
        let escapedSlash = request.with { $0.target = "/a%2F" + $0.target.dropFirst() }
        #expect(escapedSlash.refusal(verifier, at: request.signingTime) == .signatureDoesNotMatch)
    }

    /// The same resource in another spelling is the same request: an absolute target, and less escaped bytes.
    @Test(arguments: Vectors.all)
    func absoluteFormIsAccepted(_ request: SignedRequest) throws {
        let absolute = request.with { $0.target = "HTTP://elsewhere.example:80" + $0.target }
        #expect(try absolute.verify(at: request.signingTime) != nil)
    }

    @Test(arguments: Vectors.all)
    func changedQueryIsRefused(_ request: SignedRequest) {
        let verifier = SignedRequest.verifier()
        let pieces = request.target.split(separator: "?", maxSplits: 1).map(String.init)
        let items = pieces.count > 1 ? pieces[1].split(separator: "&").map(String.init) : []
        func refusal(_ items: [String]) -> S3ErrorCode? {
            request.with { $0.target = pieces[0] + "?" + items.joined(separator: "&") }
                .refusal(verifier, at: request.signingTime)
        }
        #expect(refusal(items + ["versionId=1"]) == .signatureDoesNotMatch)
        #expect(refusal(items + ["versionId"]) == .signatureDoesNotMatch)
        #expect(items.isEmpty || refusal(items) == nil, "the query as it is")
        for index in items.indices {
            var without = items
            let item = without.remove(at: index)
            let isAuthentication = item.hasPrefix("X-Amz-")
            #expect(
                refusal(without) == (isAuthentication ? .authorizationQueryParametersError : .signatureDoesNotMatch))
            guard !isAuthentication else { continue }
            #expect(refusal(without + [item + "1"]) == .signatureDoesNotMatch)
            #expect(refusal(items + [item]) == .signatureDoesNotMatch)
        }
    }

    @Test(
        arguments: [
            ("X-Amz-Algorithm=AWS4-ECDSA-P256-SHA256", "X-Amz-Algorithm=AWS4-HMAC-SHA256"),
            ("X-Amz-Algorithm=AWS4-ECDSA-P256-SHA256", "X-Amz-Algorithm=AWS4"),
            ("%2F20261120%2F", "%2F20261121%2F"), ("%2Fs3%2F", "%2F%2F"), ("aws4_request", "aws4_reques"),
            ("20261120T233100Z", "20261120T233100"), ("20261120T233100Z", "20261121T233100Z"),
            ("X-Amz-Expires=600", "X-Amz-Expires=604801"), ("X-Amz-Expires=600", "X-Amz-Expires=-600"),
            ("X-Amz-Expires=600", "X-Amz-Expires=6e2"),
            ("X-Amz-Expires=600", "X-Amz-Expires=99999999999999999999"),
            ("X-Amz-Expires=600", "X-Amz-Expires=600&X-Amz-Expires=601"), ("Region-Set=%2A", "Region-Set="),
        ])
    func malformedPresignedRequestIsRefused(_ old: String, _ new: String) {
        #expect(presigned(old, new) == .authorizationQueryParametersError)
    }

    @Test(
        arguments: [
            ("X-Amz-Expires=600", "X-Amz-Expires=601"), ("20261120T233100Z", "20261120T233101Z"),
            ("%2Fs3%2F", "%2Fsts%2F"), ("Region-Set=%2A", "Region-Set=us-east-1"),
            ("SignedHeaders=host", "SignedHeaders=host%3Bhost"),
        ])
    func changedPresignedRequestIsRefused(_ old: String, _ new: String) {
        #expect(presigned(old, new) == .signatureDoesNotMatch)
    }

    @Test func presignedRequestOfOtherKeyIsRefused() {
        #expect(presigned("AKIDEXAMPLE", "AKIDEXAMPLF") == .invalidAccessKeyId)
        #expect(presigned("AKIDEXAMPLE", "AKIAIOSFODNN7EXAMPLE") == .signatureDoesNotMatch)
        #expect(presigned("SignedHeaders=host", "SignedHeaders=") == .accessDenied)
    }

    private func presigned(_ old: String, _ new: String) -> S3ErrorCode? {
        let request = Vectors.captured[2]
        let other = request.with { $0.target = $0.target.replacingOccurrences(of: old, with: new) }
        return other.target == request.target ? nil : other.refusal(at: request.signingTime.adding(seconds: 1))
    }

    @Test(arguments: Vectors.all)
    func changedHeaderIsRefused(_ request: SignedRequest) {
        let verifier = SignedRequest.verifier()
        for name in request.signedHeaders where name != "x-amz-date" && name != "x-amz-content-sha256" {
            let value = request[header: name] ?? ""
            for other in [value + "1", String(value.dropLast()), ""] {
                let code = request.with { $0[header: name] = other }.refusal(verifier, at: request.signingTime)
                let isEmptySet = name == "x-amz-region-set" && other.isEmpty
                #expect(code == (isEmptySet ? .authorizationHeaderMalformed : .signatureDoesNotMatch), "\(name)")
            }
            let twice = request.with { $0.headers.append((name.uppercased(), value)) }
            #expect(twice.refusal(verifier, at: request.signingTime) == .signatureDoesNotMatch, "\(name)")
            let missing = request.with { $0[header: name] = nil }.refusal(verifier, at: request.signingTime)
            #expect(
                missing == (name == "x-amz-region-set" ? .authorizationHeaderMalformed : .signatureDoesNotMatch),
                "\(name)")
        }
    }

    @Test(arguments: Vectors.all.filter { $0.name != "V3" })
    func changedPayloadHashOrDateIsRefused(_ request: SignedRequest) {
        let verifier = SignedRequest.verifier()
        let now = request.signingTime
        func refusal(_ name: String, _ value: String?) -> S3ErrorCode? {
            request.with { $0[header: name] = value }.refusal(verifier, at: now)
        }
        #expect(refusal("x-amz-content-sha256", String(repeating: "0", count: 64)) == .signatureDoesNotMatch)
        #expect(refusal("x-amz-content-sha256", "UNSIGNED-PAYLOAD") == .signatureDoesNotMatch)
        #expect(refusal("x-amz-content-sha256", "UNSIGNED") == .invalidArgument)
        #expect(refusal("x-amz-content-sha256", nil) == .invalidRequest)
        #expect(refusal("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD") == .invalidRequest)
        #expect(refusal("x-amz-date", now.adding(seconds: 1).basicISO) == .signatureDoesNotMatch)
        #expect(refusal("x-amz-date", now.adding(seconds: 86_400).basicISO) == .authorizationHeaderMalformed)
        #expect(refusal("x-amz-date", "today") == .accessDenied)
        #expect(refusal("x-amz-date", nil) == .accessDenied)
        #expect(refusal("x-amz-acl", "public-read") == .accessDenied, "a header that is not signed")
        #expect(refusal("x-amz-security-token", "token") == .accessDenied, "a header that is not signed")
        #expect(refusal("x-amzn-trace-id", "Root=1") == nil, "what proxies add is not ours to refuse")
    }

    @Test(arguments: Vectors.all)
    func changedSignatureIsRefused(_ request: SignedRequest) {
        let verifier = SignedRequest.verifier()
        var length = 0
        _ = request.with {
            $0.replaceSignature {
                length = $0.count; return $0
            }
        }
        #expect(length >= 138)
        for index in 0..<length {
            let other = request.with {
                $0.replaceSignature { old in
                    var signature = Array(old)
                    signature[index] = signature[index] == "0" ? "1" : "0"
                    return String(signature)
                }
            }
            #expect(other.refusal(verifier, at: request.signingTime) == .signatureDoesNotMatch)
        }
        for change in [{ $0.uppercased() }, { $0 + "**" }, { $0 + "00" }, { _ in "" }] as [(String) -> String] {
            let other = request.with { $0.replaceSignature(change) }
            #expect(other.refusal(verifier, at: request.signingTime) == .signatureDoesNotMatch)
        }
    }
}

extension SignedRequest {
    mutating func replaceSignature(_ change: (String) -> String) {
        func changed(_ text: String) -> String {
            guard let start = text.range(of: "Signature=") else { return text }
            let old = text[start.upperBound...].prefix { $0 != "&" }
            return text[..<start.upperBound] + change(String(old)) + text[old.endIndex...]
        }
        if let authorization = self[header: "authorization"] {
            self[header: "authorization"] = changed(authorization)
        } else {
            target = changed(target)
        }
    }
}
