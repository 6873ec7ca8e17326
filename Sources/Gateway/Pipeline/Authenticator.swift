import NIOHTTP1
package import Policy
package import S3Model
package import SigV4

/// Who signed a request, and how its body is protected.
package struct Authentication: Sendable {
    package let principal: Principal
    /// `nil` for anonymous requests.
    package let signature: VerifiedSignature?
    package let payload: PayloadMode
}

/// Signature → principal.
package struct Authenticator: Sendable {
    private let identities: Identities
    private let verifier: SignatureVerifier

    /// - Parameters:
    ///   - endpoints: tells which bucket a host names, which SigV2 signs in place of the host.
    ///   - isBucket: whether there is a bucket of that name.
    package init(
        identities: Identities, secrets: [String: SigningSecret], endpoints: EndpointResolver,
        isBucket: @escaping @Sendable (BucketName) -> Bool
    ) {
        self.identities = identities
        verifier = SignatureVerifier(
            secrets: { secrets[$0] }, virtualHostLabel: { endpoints.virtualHostLabel(of: $0) },
            signsWithoutLabel: { Self.mayBeSignedWithoutLabel($0, endpoints: endpoints, isBucket: isBucket) })
    }

    /// Whether a path is that of an object behind an access point's alias, with a key that cannot be taken for a bucket
    /// and a key: then botocore's SigV2 links, which sign the key alone, can mean nothing else.
    static func mayBeSignedWithoutLabel(
        _ path: String, endpoints: EndpointResolver, isBucket: (BucketName) -> Bool
    ) -> Bool {
        guard case .bucket(let label, let key?, _)? = try? endpoints.resolve(host: nil, path: path),
            label.hasSuffix(".mrap"), let first = key.split(separator: "/", omittingEmptySubsequences: false).first,
            !first.isEmpty
        else { return false }
        guard let bucket = BucketName(String(first)) else { return true }
        return !isBucket(bucket)
    }

    /// Throws the S3 error for a wrong, old or malformed signature. A request without any is anonymous.
    /// `bodySHA256` is for services whose clients do not send it, see ``SignatureVerifier``.
    package func authenticate(
        _ request: HTTPRequest, bodySHA256: String? = nil, now: Timestamp
    ) throws(S3Error) -> Authentication {
        let verified = try verifier.verify(
            method: request.method, target: request.target, headers: request.headers, bodySHA256: bodySHA256, now: now)
        guard let verified else {
            let mode = try SignatureVerifier.payloadMode(of: request.headers.first(name: "x-amz-content-sha256"))
            return Authentication(principal: .anonymous, signature: nil, payload: mode)
        }
        guard let identity = identities.identity(accessKeyID: verified.accessKeyID) else {
            throw S3Error(.invalidAccessKeyId, fields: [.init("AWSAccessKeyId", verified.accessKeyID)])
        }
        if let token = verified.securityToken, !token.isEmpty {
            throw S3Error(
                .invalidToken, "Session tokens are not issued here; sign with the access key and secret key alone.")
        }
        return Authentication(principal: .identity(identity), signature: verified, payload: verified.payload)
    }
}

extension VerifiedSignature {
    /// Whether a SigV4A signature's region set covers `region`; signatures of other kinds cover every region here
    /// (spec/clients.md §3.5). A set's entries may end in `*`.
    package func covers(_ region: RegionName) -> Bool {
        guard algorithm == .v4a, let regionSet else { return true }
        return regionSet.contains { entry in
            entry.hasSuffix("*") ? region.rawValue.hasPrefix(entry.dropLast()) : entry == region.rawValue
        }
    }
}
