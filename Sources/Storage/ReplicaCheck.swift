import Crypto
import NIOCore
import S3Model
import Synchronization

/// Tells whether received bytes are those of a version record: by size, and by the strongest digest the record allows.
/// One PUT: the MD5 in its ETag. Multipart: a checksum of the whole object, or else the MD5s of the parts.
struct ReplicaCheck {
    private let object: ObjectContent
    private let parts: PartDigests?
    let plan: DigestPlan

    init(_ object: ObjectContent) {
        self.object = object
        let isMultipart = object.etag.rawValue.utf8.contains(UInt8(ascii: "-"))
        let isMD5 = !isMultipart && object.etag.rawValue.utf8.count == 32
        let whole = object.checksum.flatMap { $0.type == .fullObject ? $0.algorithm : nil }
        plan = DigestPlan(md5: isMD5, checksum: whole)
        let isLaidOut = object.parts.reduce(0) { $0 + $1.size } == object.size && !object.parts.isEmpty
        parts = isMultipart && whole == nil && isLaidOut ? PartDigests(sizes: object.parts.map(\.size)) : nil
    }

    /// The source to read the bytes from.
    func wrap(_ source: any ByteSource) -> any ByteSource {
        guard let parts else { return source }
        return ObservedSource(source) { parts.update($0) }
    }

    /// What is wrong with the bytes; `nil` when nothing is.
    func problem(with content: StagedContent) -> String? {
        guard content.size == object.size else { return "\(content.size) bytes, expected \(object.size)" }
        if plan.md5, let etag = content.digests.etag, etag != object.etag {
            return "MD5 \(etag), expected \(object.etag)"
        }
        if plan.checksum != nil, let bytes = content.digests.checksum, let expected = object.checksum {
            let found = Base64.encode(bytes)
            if found != expected.value {
                return "\(expected.algorithm.rawValue) \(found), expected \(expected.value)"
            }
        }
        if let parts {
            let etag = parts.etag()
            if etag != object.etag { return "MD5 of the parts' MD5s \(etag), expected \(object.etag)" }
        }
        return nil
    }
}

/// The MD5 of each part of a body whose part sizes are known.
private final class PartDigests: Sendable {
    private struct State {
        var sizes: ArraySlice<Int64>
        var left: Int64
        var current = Insecure.MD5()
        var all = Insecure.MD5()
    }

    private let state: Mutex<State>
    private let count: Int

    init(sizes: [Int64]) {
        count = sizes.count
        state = Mutex(State(sizes: sizes.dropFirst(), left: sizes.first ?? 0))
    }

    func update(_ bytes: ByteBuffer) {
        state.withLock { state in
            bytes.withUnsafeReadableBytes { bytes in
                var rest = bytes[...]
                while !rest.isEmpty {
                    Self.finishParts(&state)
                    // More bytes than the parts have: the size will not match, and there is no part to count them to.
                    guard state.left > 0 else { return }
                    let piece = rest.prefix(Int(min(state.left, Int64(rest.count))))
                    state.current.update(bufferPointer: UnsafeRawBufferPointer(rebasing: piece))
                    state.left -= Int64(piece.count)
                    rest = rest.dropFirst(piece.count)
                }
            }
        }
    }

    /// Closes the part that is full and any empty ones after it.
    private static func finishParts(_ state: inout State) {
        while state.left == 0, let next = state.sizes.popFirst() {
            closePart(&state)
            state.left = next
        }
    }

    private static func closePart(_ state: inout State) {
        state.all.update(data: Array(state.current.finalize()))
        state.current = Insecure.MD5()
    }

    func etag() -> ETag {
        state.withLock { state in
            Self.finishParts(&state)
            Self.closePart(&state)
            return ETag("\(Hex.encode(Array(state.all.finalize())))-\(count)")
        }
    }
}

/// Shows every piece to an observer on its way.
private final class ObservedSource: ByteSource {
    private let source: any ByteSource
    private let observe: @Sendable (ByteBuffer) -> Void

    init(_ source: any ByteSource, _ observe: @escaping @Sendable (ByteBuffer) -> Void) {
        self.source = source
        self.observe = observe
    }

    func next() async throws -> ByteBuffer? {
        let piece = try await source.next()
        if let piece { observe(piece) }
        return piece
    }
}
