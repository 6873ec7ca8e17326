package import NIOCore
import NIOHTTP1
package import S3Model
import SigV4
import Storage
import Synchronization

/// The payload of a request with its framing taken off and its signatures checked: what the client meant to send.
package final class PayloadSource: ByteSource {
    private struct State {
        var decoder: ChunkedBodyDecoder?
        var ready: [ByteBuffer] = []
        var ended = false
        var trailers: [(name: String, value: String)] = []
        var received: Int64 = 0
    }

    private let body: any RequestBody
    private let limit: Int64
    private let state: Mutex<State>

    /// `limit`: more decoded bytes than this are refused with `EntityTooLarge`.
    package init(request: S3Request, limit: Int64) throws(S3Error) {
        body = request.body
        self.limit = limit
        state = Mutex(State(decoder: try Self.decoder(for: request)))
    }

    /// Trailing header fields, complete once `next()` has returned `nil`.
    package var trailers: [(name: String, value: String)] { state.withLock { $0.trailers } }

    package func next() async throws -> ByteBuffer? {
        while true {
            let step: (ByteBuffer?, Bool) = state.withLock { state in
                if !state.ready.isEmpty { return (state.ready.removeFirst(), false) }
                return (nil, state.ended)
            }
            if let piece = step.0 { return piece }
            if step.1 { return nil }
            try accept(try await body.next())
        }
    }

    private func accept(_ piece: ByteBuffer?) throws {
        try state.withLock { state in
            guard var piece else {
                try state.decoder?.finish()
                state.ended = true
                return
            }
            guard state.decoder != nil else {
                state.received += Int64(piece.readableBytes)
                if state.received > limit { throw S3Error.tooLarge(limit: limit) }
                state.ready.append(piece)
                return
            }
            for event in try state.decoder?.decode(&piece) ?? [] {
                switch event {
                case .data(let data):
                    state.received += Int64(data.readableBytes)
                    if state.received > limit { throw S3Error.tooLarge(limit: limit) }
                    if data.readableBytes > 0 { state.ready.append(data) }
                case .end(let trailers):
                    state.trailers = trailers
                }
            }
        }
    }

    private static func decoder(for request: S3Request) throws(S3Error) -> ChunkedBodyDecoder? {
        let decodedLength = try request.decodedLength()
        let announced = request.headers[canonicalForm: "x-amz-trailer"].map { $0.lowercased() }
        switch request.payload {
        case .literal, .unsigned, .absent: return nil
        case .streamingUnsignedTrailer:
            return ChunkedBodyDecoder(
                verifier: nil, decodedLength: decodedLength, announcedTrailers: announced, hasTrailer: true)
        case .streamingSigned(let trailer):
            return ChunkedBodyDecoder(
                verifier: request.signature?.chunkVerifier, decodedLength: decodedLength, announcedTrailers: announced,
                hasTrailer: trailer)
        }
    }
}

extension S3Request {
    /// `x-amz-decoded-content-length`, for framed bodies.
    func decodedLength() throws(S3Error) -> Int64? {
        guard let text = header("x-amz-decoded-content-length") else { return nil }
        guard let length = Int64(text), length >= 0 else {
            throw S3Error(.invalidArgument, "x-amz-decoded-content-length must be a number, found '\(text)'.")
        }
        return length
    }

    /// The payload's length where the client has said it: without framing.
    func payloadLength() throws(S3Error) -> Int64? {
        switch payload {
        case .streamingUnsignedTrailer, .streamingSigned: try decodedLength() ?? nil
        case .literal, .unsigned, .absent: body.announcedLength
        }
    }
}

/// What a client has said of its payload, to be compared with what arrived before anything is committed.
package struct PayloadExpectations: Sendable {
    let contentMD5: [UInt8]?
    let sha256: String?
    let checksum: (algorithm: ChecksumAlgorithm, value: [UInt8]?)?

    /// Throws `InvalidDigest` / `InvalidRequest` for values that cannot be digests, and for checksums we do not know.
    package init(_ request: S3Request, ignoringChecksum: Bool = false) throws(S3Error) {
        if case .literal(let hex) = request.payload { sha256 = hex } else { sha256 = nil }
        if let text = request.header("content-md5") {
            guard let digest = Base64.decode(text), digest.count == 16 else {
                throw S3Error(
                    .invalidDigest, "The Content-MD5 you specified was invalid.",
                    fields: [.init("Content-MD5", String(text.prefix(64)))])
            }
            contentMD5 = digest
        } else {
            contentMD5 = nil
        }
        checksum = ignoringChecksum ? nil : try Self.announcedChecksum(request)
    }

    private static func announcedChecksum(
        _ request: S3Request
    ) throws(S3Error) -> (algorithm: ChecksumAlgorithm, value: [UInt8]?)? {
        var found: [(algorithm: ChecksumAlgorithm, value: [UInt8]?)] = []
        for (name, value) in request.headers {
            let lower = name.lowercased()
            let isTrailer = lower == "x-amz-trailer"
            let checksumName = isTrailer ? value.lowercased() : lower
            guard checksumName.hasPrefix("x-amz-checksum-"), !Self.isNoChecksum(checksumName) else { continue }
            guard let algorithm = ChecksumAlgorithm.allCases.first(where: { $0.headerName == checksumName }) else {
                throw S3Error(
                    .invalidRequest,
                    "The checksum '\(checksumName)' is not supported. Use CRC32, CRC32C, CRC64NVME, SHA1 or SHA256.")
            }
            guard !isTrailer else {
                found.append((algorithm, nil))
                continue
            }
            guard let digest = Base64.decode(value), digest.count == algorithm.byteCount else {
                throw S3Error(.invalidRequest, "Value for \(checksumName) header is invalid.")
            }
            found.append((algorithm, digest))
        }
        guard found.count <= 1 else {
            throw S3Error(
                .invalidRequest, "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
        }
        return found.first
    }

    private static func isNoChecksum(_ name: String) -> Bool {
        ["x-amz-checksum-mode", "x-amz-checksum-algorithm", "x-amz-checksum-type"].contains(name)
    }

    /// Compares what arrived with what was announced. Throws `BadDigest` and its relatives.
    func check(_ digests: ContentDigests, trailers: [(name: String, value: String)]) throws(S3Error) {
        if let contentMD5, digests.md5 != contentMD5 {
            throw S3Error(
                .badDigest, "The Content-MD5 you specified did not match what we received.",
                fields: [
                    .init("ExpectedDigest", Hex.encode(contentMD5)),
                    .init("CalculatedDigest", Base64.encode(digests.md5 ?? [])),
                ])
        }
        if let sha256, let actual = digests.sha256, Hex.encode(actual) != sha256.lowercased() {
            throw S3Error(
                .xAmzContentSHA256Mismatch,
                "The provided 'x-amz-content-sha256' header does not match what was computed.",
                fields: [
                    .init("ClientComputedContentSHA256", sha256), .init("S3ComputedContentSHA256", Hex.encode(actual)),
                ])
        }
        guard let checksum else { return }
        var expected = checksum.value
        if expected == nil {
            let trailer = trailers.first { $0.name.lowercased() == checksum.algorithm.headerName }
            guard let trailer else {
                throw S3Error(
                    .malformedTrailerError, "The trailer \(checksum.algorithm.headerName) was announced but not sent.")
            }
            expected = Base64.decode(trailer.value)
            guard expected?.count == checksum.algorithm.byteCount else {
                throw S3Error(.invalidRequest, "Value for \(checksum.algorithm.headerName) trailing header is invalid.")
            }
        }
        guard digests.checksum == expected else {
            throw S3Error(
                .badDigest, "The \(checksum.algorithm.rawValue) you specified did not match the calculated checksum.")
        }
    }
}
