import Crypto
import S3Model
import Testing

@testable import SigV4

/// Values that AWS publishes: the S3 API reference's examples of SigV4 ("Authenticating requests"), the developer guide's
/// of SigV2, and the reference signer's of SigV4A (spec/mrap.md §11.6).
@Suite struct PublishedVectorTests {
    private let now = timestamp("20130524T000000Z")
    private let secret = SignedRequest.secret("AKIAIOSFODNN7EXAMPLE")

    private func authorization(_ signedHeaders: String, _ signature: String) -> (name: String, value: String) {
        (
            "Authorization",
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
                + "SignedHeaders=\(signedHeaders),Signature=\(signature)"
        )
    }

    @Test func getObject() throws {
        let request = SignedRequest(
            name: "get", method: "GET", target: "/test.txt",
            headers: [
                ("Host", "examplebucket.s3.amazonaws.com"), ("Range", "bytes=0-9"),
                ("x-amz-content-sha256", PayloadMode.emptySHA256), ("x-amz-date", "20130524T000000Z"),
                authorization(
                    "host;range;x-amz-content-sha256;x-amz-date",
                    "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"),
            ])
        let signature = try #require(try request.verify(at: now))
        #expect(signature.algorithm == .v4)
        #expect(signature.scopeRegion == "us-east-1")
        #expect(signature.regionSet == nil)
        #expect(request.with { $0[header: "range"] = "bytes=0-8" }.refusal(at: now) == .signatureDoesNotMatch)
    }

    @Test func putObject() throws {
        let request = SignedRequest(
            name: "put", method: "PUT", target: "/test$file.text",
            headers: [
                ("Host", "examplebucket.s3.amazonaws.com"), ("Date", "Fri, 24 May 2013 00:00:00 GMT"),
                ("x-amz-date", "20130524T000000Z"), ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
                ("x-amz-content-sha256", "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"),
                authorization(
                    "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
                    "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"),
            ])
        #expect(try request.verify(at: now) != nil, "the path is sent unescaped and signed escaped")
        #expect(try request.with { $0.target = "/test%24file.text" }.verify(at: now) != nil)
    }

    @Test func presignedGet() throws {
        let target = RequestSigner(secret: secret, region: "us-east-1").presign(
            method: "GET", target: "/test.txt", headers: [("host", "examplebucket.s3.amazonaws.com")],
            lifetime: 86_400, now: now)
        let signature = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
        #expect(target.hasSuffix("X-Amz-Signature=\(signature)"))
        let request = SignedRequest(
            name: "presigned", method: "GET", target: target, headers: [("Host", "examplebucket.s3.amazonaws.com")])
        #expect(try request.verify(at: now.adding(seconds: 86_399))?.isPresigned == true)
        #expect(request.refusal(at: now.adding(seconds: 86_400)) == .accessDenied)
        #expect(request.refusal(at: now.adding(seconds: -901)) == .accessDenied)
        #expect(request.refusal(at: now.adding(seconds: -900)) == nil)
    }

    @Test(
        arguments: [
            (
                "AKISORANDOMAASORANDOM", "7fd3bd010c0d9c292141c2b77bfbde1042c92e6836fff749d1269ec890fca1bd",
                "15d242ceebf8d8169fd6a8b5a746c41140414c3b07579038da06af89190fffcb"
            ),
            (
                "AKIDEXAMPLE", "7efc8c0e65a324242818c5a50c891c6060b6a00717b7ba3cbe3c5d765be9259c",
                "b6618f6a65740a99e650b33b6b4b5bd0d43b176d721a3edfea7e7d2d56d936b1"
            ),
            (
                "AKIAIOSFODNN7EXAMPLE", "04c4d39191ae06f37a86b873d2f9951f7c37621d69e0eb834fb622c368f360c3",
                "18b7d04643359f6ec270dcbab8dce6d169d66ddc9778c75cfb08dfdb701637ab"
            ),
        ])
    func derivedKey(_ accessKeyID: String, _ scalar: String, _ x: String) throws {
        let key = try #require(SigningKeys.v4a(SignedRequest.secret(accessKeyID)))
        #expect(Array(key.rawRepresentation) == Array(scalar.utf8)[...].bytesOfLowercaseHex)
        #expect(Array(key.publicKey.rawRepresentation.prefix(32)) == Array(x.utf8)[...].bytesOfLowercaseHex)
    }

    @Test(
        arguments: [
            "3045022018b4e277d0281864beb51d3600e23f88510ea5031d68ddfbb68614b82a5eb7d2022100effb9c5f22ed9ef3ae0ab243d21f"
                + "06bce82365bbb79529a07b6888c343ae5f8c",
            "3046022100fddaaf816a31e30d04973875b13bc27b98da10907a3a1872fd5819a221334abc022100de2ee81d83b54f31efc82834de"
                + "07e6cd4d5c6f25bfa08e0f29a15bb0977c343e",
        ])
    func headerOfSignerSuite(_ signature: String) throws {
        let request = SignedRequest(
            name: "suite", method: "GET", target: "/",
            headers: [
                ("Host", "example.amazonaws.com"), ("X-Amz-Date", "20150830T123600Z"),
                ("X-Amz-Region-Set", "us-east-1"),
                (
                    "Authorization",
                    "AWS4-ECDSA-P256-SHA256 Credential=AKIDEXAMPLE/20150830/service/aws4_request, "
                        + "SignedHeaders=host;x-amz-date;x-amz-region-set, Signature=\(signature)"
                ),
            ])
        let verified = try #require(try request.verify(at: timestamp("20150830T123600Z")))
        #expect(verified.regionSet == ["us-east-1"])
        #expect(verified.service == "service")
    }

    /// The digest of the canonical request of the suite's query vector, seen through a refusal.
    @Test func queryOfSignerSuite() {
        let request = SignedRequest(
            name: "suite", method: "GET",
            target: "/?X-Amz-Algorithm=AWS4-ECDSA-P256-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fservice"
                + "%2Faws4_request&X-Amz-Date=20150830T123600Z&X-Amz-Expires=3600&X-Amz-Region-Set=us-east-1"
                + "&X-Amz-SignedHeaders=host&X-Amz-Signature=00",
            headers: [("Host", "example.amazonaws.com")])
        let error = #expect(throws: S3Error.self) { try request.verify(at: timestamp("20150830T123600Z")) }
        let text = error?.fields.first { $0.name == "StringToSign" }?.value
        #expect(text?.hasSuffix("\n890c4ed28c1a1ac10b5862719b537afbe392e987dc1aab1efa16fe7de41d3c81") == true)
    }

    @Test func signatureVersion2InHeader() throws {
        let request = SignedRequest(
            name: "v2", method: "GET", target: "/photos/puppy.jpg",
            headers: [
                ("Host", "johnsmith.s3.amazonaws.com"), ("Date", "Tue, 27 Mar 2007 19:36:42 +0000"),
                ("Authorization", "AWS AKIAIOSFODNN7EXAMPLE:bWq2s1WEIj+Ydj0vQ697zp+IXMU="),
            ])
        let verifier = SignedRequest.verifier { host in host.split(separator: ".").first.map(String.init) }
        let now = timestamp("20070327T193642Z")
        #expect(try request.verify(verifier, at: now)?.algorithm == .v2)
        #expect(request.refusal(verifier, at: now.adding(seconds: 901)) == .requestTimeTooSkewed)
        let other = request.with { $0[header: "host"] = "janesmith.s3.amazonaws.com" }
        #expect(other.refusal(verifier, at: now) == .signatureDoesNotMatch)
        #expect(request.refusal(at: now) == .signatureDoesNotMatch, "by path, the request names another bucket")
        let byPath = request.with { $0.target = "/johnsmith/photos/puppy.jpg" }
        #expect(try byPath.verify(at: now) != nil)
    }

    /// From boto3 (spec/clients.md §4.5).
    @Test func signatureVersion2InQuery() throws {
        let request = SignedRequest(
            name: "v2", method: "GET",
            target: "/plain/a%20b/%C3%BC.txt?AWSAccessKeyId=AKIDEXAMPLE&Signature=N3r%2BxU5Ft56%2BoKQTXQFlB2fa%2Buo%3D"
                + "&Expires=1795219872",
            headers: [("Host", "127.0.0.1:9000")])
        let now = Timestamp(milliseconds: 1_795_219_871_999)
        let signature = try #require(try request.verify(at: now))
        #expect(signature.isPresigned && signature.payload == .absent && signature.service == nil)
        #expect(request.refusal(at: now.adding(seconds: 1)) == .accessDenied)
        let changes: [(inout SignedRequest) -> Void] = [
            { $0.method = "PUT" }, { $0.target = "/other" + $0.target }, { $0.target += "&acl" },
            { $0.target += "&retention" }, { $0.target += "&versionId=1" }, { $0.headers.append(("x-amz-acl", "a")) },
            { $0.headers.append(("Content-Type", "text/html")) }, { $0.target += "1" },
        ]
        for change in changes { #expect(request.with(change).refusal(at: now) == .signatureDoesNotMatch) }
        #expect(request.with { $0.target += "&Expires=9" }.refusal(at: now) == .accessDenied)
    }

    /// Line breaks in the query must not let one signed string stand for two requests.
    @Test func signatureVersion2IsUnambiguous() throws {
        let now = timestamp("20261120T233100Z")
        let expires = now.seconds + 60
        let link = RequestSigner(secret: secret, region: "", algorithm: .v2).presign(
            method: "GET", target: "/b/k?response-content-disposition=a%0A9999999999%0A/victim/secret",
            headers: [], lifetime: 60, now: now)
        let verifier = SignedRequest.verifier()
        let request = SignedRequest(name: "link", method: "GET", target: link, headers: [("Host", "a")])
        #expect(try request.verify(verifier, at: now) != nil)
        let signature = try #require(link.split(separator: "&").first { $0.hasPrefix("Signature=") })
        let forged = request.with {
            $0.target =
                "/victim/secret?AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Expires=9999999999&\(signature)"
                + "&content-type=%0A\(expires)%0A/b/k%3Fresponse-content-disposition%3Da"
        }
        #expect(forged.refusal(verifier, at: now) == .signatureDoesNotMatch)
    }
}
