import S3Model
import Testing

@testable import SigV4

/// Requests that botocore 1.44.5 with awscrt 0.38.0 signed, with keys that try every escape: SigV4, SigV4A and SigV2, in
/// headers and as links; S3, S3 Control and STS.
@Suite struct BotocoreTests {
    private static let verifier = SignedRequest.verifier { host in
        let label = host.split(separator: ".").first.map(String.init)
        return host.hasSuffix(".amazonaws.com") ? label : nil
    }

    @Test(arguments: Vectors.botocore)
    func isAccepted(_ request: SignedRequest) throws {
        let now = Vectors.botocoreTime
        let signature = try #require(try request.verify(Self.verifier, bodySHA256: request.bodySHA256, at: now))
        let kinds: [(String, SignatureAlgorithm)] = [("s3 ", .v2), ("v4a ", .v4a)]
        let expected = kinds.first { request.name.contains(": " + $0.0) }?.1 ?? .v4
        #expect(signature.algorithm == expected)
        #expect(signature.isPresigned == request.name.contains("presigned"))
        #expect(signature.securityToken == (request.name.contains("token") ? "to/ken+==" : nil))
        for change in [{ $0.method += "X" }, { $0.target = "/x" + $0.target }] as [(inout SignedRequest) -> Void] {
            #expect(request.with(change).refusal(Self.verifier, at: now) == .signatureDoesNotMatch)
        }
    }

    @Test func vectorsAreThere() {
        #expect(Vectors.botocore.count > 80)
    }
}
