import S3Model

/// The errors of signature verification, with the codes, messages and fields that AWS answers (spec/mrap.md §11.7).
enum SignatureFault {
    static let maximumSkewMilliseconds: Int64 = 15 * 60 * 1000

    /// Longer canonical requests are not spelled out byte by byte in errors.
    private static let maximumSpelledBytes = 4096

    /// `AuthorizationHeaderMalformed` or, for query authentication, `AuthorizationQueryParametersError`.
    static func malformed(_ detail: String, isPresigned: Bool) -> S3Error {
        isPresigned
            ? S3Error(.authorizationQueryParametersError, detail)
            : S3Error(.authorizationHeaderMalformed, "The authorization header is malformed; \(detail)")
    }

    static func unsupportedAuthorization(_ type: String) -> S3Error {
        S3Error(
            .invalidArgument,
            "Unsupported Authorization Type: expected AWS4-HMAC-SHA256, AWS4-ECDSA-P256-SHA256 or AWS.",
            fields: [.init("ArgumentName", "Authorization"), .init("ArgumentValue", type)])
    }

    static let severalMechanisms = S3Error(
        .invalidArgument,
        "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or "
            + "the Authorization header should be specified")

    static func headersNotSigned(_ names: [String]) -> S3Error {
        S3Error(
            .accessDenied, "There were headers present in the request which were not signed",
            fields: [.init("HeadersNotSigned", names.joined(separator: ", "))])
    }

    static func signedHeaderMissing(_ name: String) -> S3Error {
        S3Error(
            .signatureDoesNotMatch,
            "The header '\(name)' is named in SignedHeaders, but the request does not have it. Check that no proxy on the "
                + "way takes it out.")
    }

    static func headerSignedTwice(_ name: String) -> S3Error {
        S3Error(.signatureDoesNotMatch, "SignedHeaders names the header '\(name)' more than once.")
    }

    static func unknownAccessKey(_ accessKeyID: String) -> S3Error {
        S3Error(.invalidAccessKeyId, fields: [.init("AWSAccessKeyId", accessKeyID)])
    }

    static let missingContentHash = S3Error(
        .invalidRequest, "Missing required header for this request: x-amz-content-sha256")

    static func skewed(requestTime: String, now: Timestamp) -> S3Error {
        S3Error(
            .requestTimeTooSkewed,
            fields: [
                .init("RequestTime", requestTime), .init("ServerTime", RequestDate.extended(now)),
                .init("MaxAllowedSkewMilliseconds", "\(maximumSkewMilliseconds)"),
            ])
    }

    static func expired(at expiry: Timestamp, lifetime: Int64?, now: Timestamp) -> S3Error {
        var fields: [S3Error.Field] = []
        if let lifetime { fields.append(.init("X-Amz-Expires", "\(lifetime)")) }
        fields += [.init("Expires", RequestDate.extended(expiry)), .init("ServerTime", RequestDate.extended(now))]
        return S3Error(.accessDenied, "Request has expired", fields: fields)
    }

    static func notYetValid(requestTime: String, now: Timestamp) -> S3Error {
        S3Error(
            .accessDenied, "Request is not yet valid",
            fields: [.init("X-Amz-Date", requestTime), .init("ServerTime", RequestDate.extended(now))])
    }

    static func mismatch(
        accessKeyID: String, stringToSign: [UInt8], signature: ArraySlice<UInt8>, canonicalRequest: [UInt8]?
    ) -> S3Error {
        var fields: [S3Error.Field] = [
            .init("AWSAccessKeyId", accessKeyID),
            .init("StringToSign", stringToSign[...].text),
            .init("SignatureProvided", signature.text),
            .init("StringToSignBytes", spacedHex(stringToSign)),
        ]
        if let canonicalRequest {
            fields.append(.init("CanonicalRequest", canonicalRequest[...].text))
            if canonicalRequest.count <= maximumSpelledBytes {
                fields.append(.init("CanonicalRequestBytes", spacedHex(canonicalRequest)))
            }
        }
        return S3Error(.signatureDoesNotMatch, fields: fields)
    }

    private static func spacedHex(_ bytes: [UInt8]) -> String {
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count * 3)
        for (index, byte) in bytes.enumerated() {
            if index > 0 { out.append(UInt8(ascii: " ")) }
            out.appendHex(CollectionOfOne(byte))
        }
        return out[...].text
    }
}
