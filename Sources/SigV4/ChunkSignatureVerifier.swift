import Crypto
import S3Model

/// Checks the chain of chunk signatures of a signed aws-chunked body: each signature covers the one before it, and the
/// first one covers the request's (spec/mrap.md §11.5).
package struct ChunkSignatureVerifier: Sendable {
    /// SigV4A signatures are padded on the right with `*` to this many characters.
    static let ellipticWireLength = 144

    /// Whether the trailer has a signature of its own.
    package let signsTrailer: Bool
    private let key: VerificationKey
    /// The lines before the previous signature.
    private let prefixes: (payload: [UInt8], trailer: [UInt8])
    /// The signature before, without padding.
    private var previous: [UInt8]

    init(
        key: VerificationKey, algorithm: SignatureAlgorithm, timestamp: some Sequence<UInt8>,
        scope: some Sequence<UInt8>, seedSignature: some Sequence<UInt8>, signsTrailer: Bool
    ) {
        self.key = key
        self.signsTrailer = signsTrailer
        previous = Array(seedSignature)
        var middle: [UInt8] = []
        middle.appendLine(timestamp)
        middle.appendLine(scope)
        prefixes = (
            Array("\(algorithm.name)-PAYLOAD\n".utf8) + middle, Array("\(algorithm.name)-TRAILER\n".utf8) + middle
        )
    }

    /// Takes the next chunk's signature, as it came; throws `SignatureDoesNotMatch`.
    mutating func accept(chunk hash: SHA256.Digest, signature: ArraySlice<UInt8>) throws(S3Error) {
        try accept(chunkStringToSign(hash), signature: signature, of: "chunk")
    }

    /// Takes the signature of the trailer; `hash` is of its lines `name:value\n`.
    mutating func accept(trailer hash: SHA256.Digest, signature: ArraySlice<UInt8>) throws(S3Error) {
        try accept(trailerStringToSign(hash), signature: signature, of: "trailer")
    }

    func chunkStringToSign(_ hash: SHA256.Digest) -> [UInt8] {
        var text = prefixes.payload
        text.appendLine(previous)
        text.appendLine(PayloadMode.emptySHA256)
        text.appendHex(hash)
        return text
    }

    func trailerStringToSign(_ hash: SHA256.Digest) -> [UInt8] {
        var text = prefixes.trailer
        text.appendLine(previous)
        text.appendHex(hash)
        return text
    }

    private mutating func accept(_ text: [UInt8], signature: ArraySlice<UInt8>, of what: String) throws(S3Error) {
        var signature = signature
        if case .elliptic = key, signature.count == Self.ellipticWireLength {
            while signature.last == UInt8(ascii: "*") { signature.removeLast() }
        }
        guard key.isValid(signature: signature, for: text) else {
            throw S3Error(
                .signatureDoesNotMatch,
                "The signature of a \(what) of the body does not match what we calculated. Check your key and signing "
                    + "method.",
                fields: [
                    .init("StringToSign", text[...].text),
                    .init("SignatureProvided", signature.prefix(Self.ellipticWireLength).text),
                ])
        }
        previous = Array(signature)
    }
}
