import S3Model

/// What `x-amz-content-sha256` says of the body (spec/mrap.md §11.5).
package enum PayloadMode: Sendable, Hashable {
    /// The body's SHA-256 in lower-case hex. The caller compares it with the body.
    case literal(sha256Hex: String)
    case unsigned
    /// aws-chunked, chunks unsigned, a trailer with the checksum.
    case streamingUnsignedTrailer
    /// aws-chunked, each chunk signed; with `trailer` the trailer is signed as well.
    case streamingSigned(trailer: Bool)
    /// No such header, as for presigned, anonymous and SigV2 requests.
    case absent

    /// Whether the body is framed as aws-chunked and goes through ``ChunkedBodyDecoder``.
    package var isStreaming: Bool {
        switch self {
        case .streamingUnsignedTrailer, .streamingSigned: true
        case .literal, .unsigned, .absent: false
        }
    }
}

extension PayloadMode {
    static let unsignedName = "UNSIGNED-PAYLOAD"
    static let streamingUnsignedTrailerName = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
    package static let emptySHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    /// Reads the header's value. `algorithm` is the request's signature, `nil` for anonymous ones: signed chunks need a
    /// signature of the same kind to start from.
    init(header: String?, algorithm: SignatureAlgorithm?) throws(S3Error) {
        guard let header else {
            self = .absent
            return
        }
        switch header {
        case Self.unsignedName: self = .unsigned
        case Self.streamingUnsignedTrailerName: self = .streamingUnsignedTrailer
        default:
            if header.utf8.count == 64, header.utf8.allSatisfy(\.isHexDigit) {
                self = .literal(sha256Hex: header.lowercased())
                return
            }
            guard let signed = Self.signedStreaming(header) else {
                throw S3Error(
                    .invalidArgument,
                    "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, "
                        + "STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, "
                        + "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER or "
                        + "a valid sha256 value.",
                    fields: [.init("ArgumentName", "x-amz-content-sha256"), .init("ArgumentValue", header)])
            }
            guard signed.algorithm == algorithm else {
                throw S3Error(
                    .invalidRequest,
                    "The payload \(header) needs a request that is signed with \(signed.algorithm.name) in its "
                        + "Authorization header or query string.")
            }
            self = .streamingSigned(trailer: signed.trailer)
        }
    }

    private static func signedStreaming(_ header: String) -> (algorithm: SignatureAlgorithm, trailer: Bool)? {
        switch header {
        case "STREAMING-AWS4-HMAC-SHA256-PAYLOAD": (.v4, false)
        case "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER": (.v4, true)
        case "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD": (.v4a, false)
        case "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER": (.v4a, true)
        default: nil
        }
    }
}
