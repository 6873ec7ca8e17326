/// What a valid signature says. Region and service are what the client signed; whether they fit the endpoint is the
/// caller's to check.
package struct VerifiedSignature: Sendable {
    package let accessKeyID: String
    package let algorithm: SignatureAlgorithm
    /// The region in the credential scope; SigV4 only.
    package let scopeRegion: String?
    /// The elements of `x-amz-region-set`; SigV4A only. May hold `*` (spec/mrap.md §11.2).
    package let regionSet: [String]?
    /// The service in the credential scope; `nil` for SigV2.
    package let service: String?
    /// Whether the signature came in the query string.
    package let isPresigned: Bool
    package let payload: PayloadMode
    /// From `x-amz-security-token`, header or query. Signed, but not checked any further.
    package let securityToken: String?
    /// For ``PayloadMode/streamingSigned(trailer:)``: goes into ``ChunkedBodyDecoder``.
    package let chunkVerifier: ChunkSignatureVerifier?
}
