import Crypto
package import S3Model

/// Verifies the signatures of requests: SigV4, SigV4A (spec/mrap.md §11) and SigV2, in the `Authorization` header and in
/// the query string. Does no I/O; safe to share.
package final class SignatureVerifier: Sendable {
    /// How a request carries its authentication.
    private enum Mechanism {
        case anonymous
        case header(ArraySlice<UInt8>)
        case query
        case queryV2
    }

    private let secrets: @Sendable (String) -> SigningSecret?
    let virtualHostLabel: @Sendable (String) -> String?
    let signsWithoutLabel: @Sendable (String) -> Bool
    private let keys = SigningKeyCache()

    /// - Parameters:
    ///   - secrets: the secret of an access key, `nil` when there is no such key (or it is switched off).
    ///   - virtualHostLabel: the bucket that a `Host` value names, `nil` for path style. Only SigV2 needs it, because it
    ///     signs the bucket rather than the host. It must decide as the routing of the request does: otherwise a
    ///     signature for one bucket would open another. For the hosts of access points it should return their label:
    ///     AWS has no SigV2 there, and botocore signs such a request as if its key began with a bucket.
    ///   - signsWithoutLabel: whether a SigV2 link with this path may have been signed without the path's first segment.
    ///     `/b/k` is what the link to key `k` of bucket `b` signs too, so it must say no where the second segment is the
    ///     name of a bucket.
    package init(
        secrets: @escaping @Sendable (String) -> SigningSecret?,
        virtualHostLabel: @escaping @Sendable (String) -> String? = { _ in nil },
        signsWithoutLabel: @escaping @Sendable (String) -> Bool = { _ in false }
    ) {
        self.secrets = secrets
        self.virtualHostLabel = virtualHostLabel
        self.signsWithoutLabel = signsWithoutLabel
    }

    /// - Parameters:
    ///   - target: the request target as received, origin or absolute form.
    ///   - headers: all headers as received, `Host` among them.
    ///   - bodySHA256: lower-case hex of the body's SHA-256, for services other than S3 whose clients send no
    ///     `x-amz-content-sha256` (STS, CloudWatch). Without it such a body is taken as empty.
    /// - Returns: `nil` when the request has no authentication at all.
    /// - Throws: what AWS answers (spec/mrap.md §11.7). The region of the scope or the region set is not compared with
    ///   any endpoint's.
    package func verify(
        method: String, target: String, headers: some Sequence<(name: String, value: String)>,
        bodySHA256: String? = nil, now: Timestamp
    ) throws(S3Error) -> VerifiedSignature? {
        let parts = RequestParts(method: method, target: target, headers: headers)
        switch try mechanism(of: parts) {
        case .anonymous: return nil
        case .query: return try verify(try SignatureClaim(query: parts), parts, bodySHA256: bodySHA256, now: now)
        case .queryV2: return try verify(try SignatureV2(query: parts, now: now), parts)
        case .header(let value):
            let space = value.firstIndex(of: UInt8(ascii: " ")) ?? value.endIndex
            let type = value[..<space]
            let rest = value[space...].trimmed
            for algorithm in [SignatureAlgorithm.v4, .v4a] where type.equals(algorithm.name) {
                let claim = try SignatureClaim(authorization: rest, algorithm: algorithm, parts: parts)
                return try verify(claim, parts, bodySHA256: bodySHA256, now: now)
            }
            guard type.equals(SignatureAlgorithm.v2.name) else {
                throw SignatureFault.unsupportedAuthorization(type.prefix(64).text)
            }
            return try verify(try SignatureV2(authorization: rest, parts: parts, now: now), parts)
        }
    }

    /// What `x-amz-content-sha256` says of the body of an anonymous request; signed chunks are refused, because they
    /// have no signature to start from.
    package static func payloadMode(of header: String?) throws(S3Error) -> PayloadMode {
        try PayloadMode(header: header, algorithm: nil)
    }

    private func mechanism(of parts: RequestParts) throws(S3Error) -> Mechanism {
        let isV4Query = ["X-Amz-Algorithm", "X-Amz-Signature", "X-Amz-Credential"].contains {
            parts.queryValue($0) != nil
        }
        let isV2Query = parts.queryValue("Signature") != nil || parts.queryValue("AWSAccessKeyId") != nil
        let authorization = parts.header("authorization")
        let count = (isV4Query ? 1 : 0) + (isV2Query ? 1 : 0) + parts.headerCount("authorization")
        guard count <= 1 else { throw SignatureFault.severalMechanisms }
        if let authorization { return .header(authorization) }
        return isV4Query ? .query : isV2Query ? .queryV2 : .anonymous
    }

    func secret(of accessKeyID: String) throws(S3Error) -> SigningSecret {
        guard let secret = secrets(accessKeyID) else { throw SignatureFault.unknownAccessKey(accessKeyID) }
        return secret
    }
}

// MARK: SigV4 and SigV4A

extension SignatureVerifier {
    private func verify(
        _ claim: SignatureClaim, _ parts: RequestParts, bodySHA256: String?, now: Timestamp
    ) throws(S3Error) -> VerifiedSignature {
        try claim.checkTime(now: now)
        let secret = try secret(of: claim.accessKeyID)
        let (key, isCached) = try key(for: claim, secret: secret)
        let (payload, payloadHash) = try payload(of: parts, claim, bodySHA256: bodySHA256)
        let canonical = try CanonicalRequest(
            parts, signedHeaders: claim.signedHeaders, payloadHash: payloadHash,
            ignoredQueryName: claim.isPresigned ? "X-Amz-Signature" : nil)
        var isValid = false
        for form in CanonicalRequest.PathForm.allCases {
            let text = stringToSign(
                algorithm: claim.algorithm, timestamp: claim.timestamp, scope: claim.scope,
                canonicalRequest: canonical.bytes(path: form))
            isValid = key.isValid(signature: claim.signature, for: text)
            if isValid || canonical.isRawPathEncoded { break }
        }
        guard isValid else { throw mismatch(claim, canonical) }
        if !isCached, case .symmetric(let key) = key {
            keys.insert(key, credential: claim.credential.text, secret: secret)
        }
        return result(claim, parts, payload: payload, key: key)
    }

    private func key(
        for claim: SignatureClaim, secret: SigningSecret
    ) throws(S3Error) -> (VerificationKey, isCached: Bool) {
        guard let region = claim.region else {
            guard let key = keys.publicKey(of: secret) else { throw S3Error(.internalError) }
            return (.elliptic(key), true)
        }
        if let key = keys.symmetricKey(credential: claim.credential.text, secret: secret) {
            return (.symmetric(key), true)
        }
        let key = SigningKeys.v4(
            secret: secret.secretAccessKey, date: claim.date, region: region, service: claim.service)
        return (.symmetric(PreparedHMAC(key)), false)
    }

    /// The payload's mode and the text that stands for it in the canonical request.
    private func payload(
        of parts: RequestParts, _ claim: SignatureClaim, bodySHA256: String?
    ) throws(S3Error) -> (mode: PayloadMode, hash: ArraySlice<UInt8>) {
        let inQuery = claim.isPresigned ? parts.queryValue("X-Amz-Content-Sha256") : nil
        if let text = inQuery ?? parts.header("x-amz-content-sha256") {
            return (try PayloadMode(header: text.text, algorithm: claim.algorithm), text)
        }
        let isS3 = claim.service.equals("s3")
        if claim.isPresigned {
            let hash = isS3 ? PayloadMode.unsignedName : bodySHA256 ?? PayloadMode.emptySHA256
            return (.absent, Array(hash.utf8)[...])
        }
        guard !isS3 else { throw SignatureFault.missingContentHash }
        let hash = bodySHA256 ?? PayloadMode.emptySHA256
        return (.literal(sha256Hex: hash), Array(hash.utf8)[...])
    }

    private func mismatch(_ claim: SignatureClaim, _ canonical: CanonicalRequest) -> S3Error {
        let request = canonical.bytes(path: .encoded)
        let text = stringToSign(
            algorithm: claim.algorithm, timestamp: claim.timestamp, scope: claim.scope, canonicalRequest: request)
        return SignatureFault.mismatch(
            accessKeyID: claim.accessKeyID, stringToSign: text, signature: claim.signature, canonicalRequest: request)
    }

    private func result(
        _ claim: SignatureClaim, _ parts: RequestParts, payload: PayloadMode, key: VerificationKey
    ) -> VerifiedSignature {
        var chunkVerifier: ChunkSignatureVerifier?
        if case .streamingSigned(let trailer) = payload {
            chunkVerifier = ChunkSignatureVerifier(
                key: key, algorithm: claim.algorithm, timestamp: claim.timestamp, scope: claim.scope,
                seedSignature: claim.signature, signsTrailer: trailer)
        }
        let token = claim.isPresigned ? parts.queryValue("X-Amz-Security-Token") : nil
        let regions = claim.regionSet?.split(separator: UInt8(ascii: ",")).map { $0.trimmed.text }
        return VerifiedSignature(
            accessKeyID: claim.accessKeyID, algorithm: claim.algorithm, scopeRegion: claim.region?.text,
            regionSet: regions, service: claim.service.text, isPresigned: claim.isPresigned, payload: payload,
            securityToken: (token ?? parts.header("x-amz-security-token"))?.text, chunkVerifier: chunkVerifier)
    }
}

/// A key that checks signatures: the shared one of SigV4 or the public one of SigV4A.
enum VerificationKey: Sendable {
    case symmetric(PreparedHMAC)
    case elliptic(P256.Signing.PublicKey)

    /// `signature` is lower-case hex: 32 bytes of HMAC, or an ECDSA signature in DER of at most 72.
    func isValid(signature: ArraySlice<UInt8>, for text: [UInt8]) -> Bool {
        switch self {
        case .symmetric(let key):
            var expected: [UInt8] = []
            expected.reserveCapacity(64)
            expected.appendHex(key.code(for: text))
            return isEqualInConstantTime(expected, signature)
        case .elliptic(let key):
            guard signature.count <= 144, let bytes = signature.bytesOfLowercaseHex,
                let parsed = try? P256.Signing.ECDSASignature(derRepresentation: bytes)
            else { return false }
            return key.isValidSignature(parsed, for: text)
        }
    }
}
