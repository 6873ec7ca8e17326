import Crypto
package import NIOCore
package import S3Model

/// Takes aws-chunked framing off a body (spec/mrap.md §11.5, spec/clients.md §1.2) and checks the signatures in it.
/// Incremental: feed it any pieces. Data comes out as slices of what went in.
///
/// Data of a signed chunk comes out after the chunk's signature was checked, but for chunks above
/// ``heldChunkLimit``: holding those would let a client decide how much memory it takes. Their data comes out at once and
/// their signature is checked at their end, so **nothing that came out may be committed before ``Event/end(trailers:)``**.
package struct ChunkedBodyDecoder: Sendable {
    package enum Event: Sendable {
        case data(ByteBuffer)
        /// The body is complete, and all its signatures are right. Names are lower case. Comes once.
        case end(trailers: [(name: String, value: String)])
    }

    /// Signed chunks up to this size are held until their signature was checked.
    static let heldChunkLimit: Int64 = 1 << 20
    /// Signed chunks may not be larger, because nothing of them is certain before their end. SDKs use 64 KiB to 1 MiB.
    static let signedChunkLimit: Int64 = 16 << 20
    static let chunkHeaderLimit = 512
    static let trailerLineLimit = 4096
    static let trailerCountLimit = 16
    /// Pieces below this size are copied together while they are held.
    private static let coalescedSize = 4096

    private enum State {
        case chunkHeader
        case data(remaining: Int64)
        /// The CRLF behind a chunk's data.
        case dataEnd
        case trailers
        case ended
        case failed(S3Error)
    }

    private var state = State.chunkHeader
    private var verifier: ChunkSignatureVerifier?
    private let decodedLength: Int64?
    private let announcedTrailers: [String]
    private let hasTrailer: Bool
    private var received: Int64 = 0
    /// The part of a line that has come so far.
    private var line: [UInt8] = []
    private var chunkSignature: [UInt8] = []
    private var chunkHash = SHA256()
    private var isHeld = false
    private var held: [ByteBuffer] = []
    private var trailers: [(name: String, value: String)] = []
    private var trailerHash = SHA256()
    private var isTrailerVerified = false
    private var lineBreaksAfterEnd = 0

    /// - Parameters:
    ///   - verifier: from ``VerifiedSignature/chunkVerifier``; `nil` for unsigned chunks.
    ///   - decodedLength: `x-amz-decoded-content-length`.
    ///   - announcedTrailers: the names in `x-amz-trailer`. Exactly these must come.
    ///   - hasTrailer: whether the payload mode allows a trailer.
    package init(
        verifier: ChunkSignatureVerifier?, decodedLength: Int64?, announcedTrailers: [String], hasTrailer: Bool
    ) {
        self.verifier = verifier
        self.decodedLength = decodedLength
        self.announcedTrailers = announcedTrailers.map { $0.lowercased() }
        self.hasTrailer = hasTrailer
    }

    /// Takes all of `buffer`. After it threw it throws the same again.
    ///
    /// Throws `SignatureDoesNotMatch`, `IncompleteBody` for a wrong decoded length, `MalformedTrailerError`, and
    /// `InvalidRequest` for broken framing.
    package mutating func decode(_ buffer: inout ByteBuffer) throws(S3Error) -> [Event] {
        var events: [Event] = []
        do throws(S3Error) {
            while buffer.readableBytes > 0 { try step(&buffer, &events) }
        } catch {
            state = .failed(error)
            held = []
            throw error
        }
        return events
    }

    /// Call at the end of the body. Throws `IncompleteBody` when ``Event/end(trailers:)`` has not come.
    package mutating func finish() throws(S3Error) {
        switch state {
        case .ended: return
        case .failed(let error): throw error
        case .chunkHeader, .data, .dataEnd, .trailers:
            throw S3Error(
                .incompleteBody, "The request body terminated unexpectedly: the last aws-chunked chunk is missing.")
        }
    }

    private mutating func step(_ buffer: inout ByteBuffer, _ events: inout [Event]) throws(S3Error) {
        switch state {
        case .chunkHeader:
            if try readLine(&buffer, limit: Self.chunkHeaderLimit) { try beginChunk() }
        case .data(let remaining): try readData(&buffer, remaining: remaining, &events)
        case .dataEnd:
            if try readLine(&buffer, limit: 2) {
                guard line == [UInt8(ascii: "\r")] else { throw Self.badFraming("no CRLF follows a chunk's data.") }
                line.removeAll(keepingCapacity: true)
                state = .chunkHeader
            }
        case .trailers:
            if try readLine(&buffer, limit: Self.trailerLineLimit) { try takeTrailerLine(&events) }
        case .ended: try skipLineBreaks(&buffer)
        case .failed(let error): throw error
        }
    }

    /// Reads up to the next LF; `true` when ``line`` is a whole line, without the LF.
    private mutating func readLine(_ buffer: inout ByteBuffer, limit: Int) throws(S3Error) -> Bool {
        let view = buffer.readableBytesView
        let end = view.firstIndex(of: UInt8(ascii: "\n"))
        let piece = view[view.startIndex..<(end ?? view.endIndex)]
        guard line.count + piece.count <= limit else {
            throw Self.badFraming("a line of it is longer than \(limit) bytes.")
        }
        line.append(contentsOf: piece)
        buffer.moveReaderIndex(forwardBy: piece.count + (end == nil ? 0 : 1))
        return end != nil
    }

    private static func badFraming(_ detail: String) -> S3Error {
        S3Error(.invalidRequest, "The body is not well-formed aws-chunked: \(detail)")
    }

    /// minio-go ends its unsigned trailers with one empty line more than the others.
    private mutating func skipLineBreaks(_ buffer: inout ByteBuffer) throws(S3Error) {
        while let byte = buffer.readInteger(as: UInt8.self) {
            lineBreaksAfterEnd += 1
            guard byte == UInt8(ascii: "\r") || byte == UInt8(ascii: "\n"), lineBreaksAfterEnd <= 4 else {
                throw Self.badFraming("something follows its end.")
            }
        }
    }
}

// MARK: Chunks

extension ChunkedBodyDecoder {
    /// `<hex size>[;chunk-signature=<signature>]\r`
    private mutating func beginChunk() throws(S3Error) {
        guard line.popLast() == UInt8(ascii: "\r") else {
            throw Self.badFraming("a chunk header does not end in CRLF.")
        }
        let semicolon = line.firstIndex(of: UInt8(ascii: ";")) ?? line.endIndex
        let digits = line[..<semicolon].trimmed
        guard !digits.isEmpty, digits.count <= 16, digits.allSatisfy(\.isHexDigit) else {
            throw Self.badFraming("a chunk size is not a hexadecimal number of at most 16 digits.")
        }
        guard let size = Int64(digits.text, radix: 16) else {
            throw S3Error(.entityTooLarge, "A chunk of the body is larger than any object may be.")
        }
        if verifier != nil { try takeChunkSignature(line[semicolon...], size: size) }
        guard size <= (decodedLength ?? .max) - received else { throw lengthMismatch(more: size) }
        line.removeAll(keepingCapacity: true)
        chunkHash = SHA256()
        isHeld = verifier != nil && size <= Self.heldChunkLimit
        if size > 0 {
            state = .data(remaining: size)
        } else {
            try endChunk()
            if let decodedLength, decodedLength != received { throw lengthMismatch(more: 0) }
            state = .trailers
        }
    }

    private mutating func takeChunkSignature(_ field: ArraySlice<UInt8>, size: Int64) throws(S3Error) {
        let name = ";chunk-signature="
        guard field.starts(with: name.utf8) else {
            throw Self.badFraming(
                "a chunk has no chunk-signature, although x-amz-content-sha256 announces signed chunks.")
        }
        guard size <= Self.signedChunkLimit else {
            throw Self.badFraming("a signed chunk is larger than \(Self.signedChunkLimit) bytes.")
        }
        chunkSignature = Array(field.dropFirst(name.utf8.count))
    }

    private mutating func readData(
        _ buffer: inout ByteBuffer, remaining: Int64, _ events: inout [Event]
    ) throws(S3Error) {
        let length = Int(min(remaining, Int64(buffer.readableBytes)))
        guard let slice = buffer.readSlice(length: length) else { return }
        received += Int64(length)
        if verifier != nil { slice.withUnsafeReadableBytes { chunkHash.update(bufferPointer: $0) } }
        if isHeld { hold(slice) } else { events.append(.data(slice)) }
        guard remaining == Int64(length) else {
            state = .data(remaining: remaining - Int64(length))
            return
        }
        try endChunk()
        for piece in held { events.append(.data(piece)) }
        held = []
        state = .dataEnd
    }

    /// Held slices cost at least their bookkeeping: many tiny ones are copied together.
    private mutating func hold(_ slice: ByteBuffer) {
        if let last = held.indices.last, slice.readableBytes < Self.coalescedSize,
            held[last].readableBytes < Self.coalescedSize
        {
            held[last].writeImmutableBuffer(slice)
        } else {
            held.append(slice)
        }
    }

    private mutating func endChunk() throws(S3Error) {
        try verifier?.accept(chunk: chunkHash.finalize(), signature: chunkSignature[...])
    }

    private func lengthMismatch(more: Int64) -> S3Error {
        let (sum, overflow) = received.addingReportingOverflow(more)
        return S3Error(
            .incompleteBody,
            "You did not provide the number of bytes specified by the x-amz-decoded-content-length header: it announces "
                + "\(decodedLength ?? 0), and the chunks have \(overflow ? "more" : String(sum)).")
    }
}

// MARK: Trailers

extension ChunkedBodyDecoder {
    static let trailerSignatureName = "x-amz-trailer-signature"

    private mutating func takeTrailerLine(_ events: inout [Event]) throws(S3Error) {
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        defer { line.removeAll(keepingCapacity: true) }
        guard line.isEmpty else { return try takeTrailer() }
        // minio-go puts an empty line before the signature of the trailer.
        if isTrailerSigned, !isTrailerVerified, !trailers.isEmpty, lineBreaksAfterEnd == 0 {
            lineBreaksAfterEnd = 1
            return
        }
        guard !isTrailerSigned || isTrailerVerified else {
            throw Self.badTrailer("it must end with \(Self.trailerSignatureName).")
        }
        if let missing = announcedTrailers.first(where: { name in !trailers.contains { $0.name == name } }) {
            throw Self.badTrailer("x-amz-trailer announces '\(missing)', which has not come.")
        }
        lineBreaksAfterEnd = 0
        state = .ended
        events.append(.end(trailers: trailers))
    }

    private var isTrailerSigned: Bool { verifier?.signsTrailer ?? false }

    private mutating func takeTrailer() throws(S3Error) {
        guard hasTrailer else { throw Self.badTrailer("x-amz-content-sha256 does not announce one.") }
        guard !isTrailerVerified else { throw Self.badTrailer("something follows its signature.") }
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else {
            throw Self.badTrailer("each line must be 'name:value'.")
        }
        let name = line[..<colon].map(\.lowercase)[...].trimmed
        let value = line[(colon + 1)...].trimmed
        if isTrailerSigned, name.equals(Self.trailerSignatureName) {
            try verifier?.accept(trailer: trailerHash.finalize(), signature: value)
            isTrailerVerified = true
            return
        }
        let text = name.text
        guard announcedTrailers.contains(text) else {
            throw Self.badTrailer("x-amz-trailer does not announce '\(text.prefix(64))'.")
        }
        guard !trailers.contains(where: { $0.name == text }), trailers.count < Self.trailerCountLimit else {
            throw Self.badTrailer("a name is there twice, or there are more than \(Self.trailerCountLimit).")
        }
        var canonical = Array(name)
        canonical.append(UInt8(ascii: ":"))
        canonical.appendLine(value)
        trailerHash.update(data: canonical)
        trailers.append((text, value.text))
    }

    private static func badTrailer(_ detail: String) -> S3Error {
        S3Error(
            .malformedTrailerError,
            "The request contained trailing data that was not well-formed or did not conform to our published schema: "
                + detail)
    }
}
