import Crypto

/// HMAC-SHA256 (RFC 2104) with a key that is used many times: the two blocks that depend on the key alone are hashed
/// once, which for texts as short as a string to sign is half of the work.
struct PreparedHMAC: Sendable {
    private static let blockSize = 64
    private let inner: SHA256
    private let outer: SHA256

    init(_ key: SymmetricKey) {
        var block = key.withUnsafeBytes { Array($0) }
        if block.count > Self.blockSize { block = Array(SHA256.hash(data: block)) }
        block.append(contentsOf: repeatElement(0, count: Self.blockSize - block.count))
        inner = Self.hasher(block, pad: 0x36)
        outer = Self.hasher(block, pad: 0x5C)
    }

    private static func hasher(_ block: [UInt8], pad: UInt8) -> SHA256 {
        var hasher = SHA256()
        hasher.update(data: block.map { $0 ^ pad })
        return hasher
    }

    func code(for text: [UInt8]) -> SHA256.Digest {
        var inner = inner
        text.withUnsafeBytes { inner.update(bufferPointer: $0) }
        var outer = outer
        inner.finalize().withUnsafeBytes { outer.update(bufferPointer: $0) }
        return outer.finalize()
    }
}
