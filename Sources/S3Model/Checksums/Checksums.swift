/// Arithmetic on finished checksums: of whole objects from those of their parts.
package enum Checksums {
    /// The checksum of `bytes`, big-endian.
    package static func compute(_ algorithm: ChecksumAlgorithm, _ bytes: [UInt8]) -> [UInt8] {
        var hasher = ChecksumHasher(algorithm)
        hasher.update(bytes)
        return hasher.finish()
    }

    /// The checksum of A followed by B from the checksums of both and the byte length of B: the FULL_OBJECT checksum of
    /// a multipart upload without reading it again. For algorithms that ``ChecksumAlgorithm/combines`` only, and values
    /// of their length; anything else is a programming error.
    package static func combine(
        _ algorithm: ChecksumAlgorithm, _ a: [UInt8], _ b: [UInt8], bLength: Int64
    ) -> [UInt8] {
        precondition(algorithm.combines && a.count == algorithm.byteCount && b.count == algorithm.byteCount)
        precondition(bLength >= 0)
        let field: CRCField
        switch algorithm {
        case .crc32: field = CRCField(width: 32, polynomial: 0xEDB8_8320)
        case .crc32c: field = CRCField(width: 32, polynomial: 0x82F6_3B78)
        default: field = CRCField(width: 64, polynomial: 0x9A6C_9329_AC4B_C9B5)
        }
        // Appending a byte multiplies by x^8; the complements before and after cancel out.
        let shifted = field.multiply(integer(a), field.powerOfX(UInt64(bLength) &* 8))
        let combined = shifted ^ integer(b)
        return field.width == 32 ? bigEndian(UInt32(truncatingIfNeeded: combined)) : bigEndian(combined)
    }

    /// The COMPOSITE checksum of a multipart upload: the checksum of its parts' checksums, in base64, and the number of
    /// parts, for example `k8p4Fg==-3`.
    package static func composite(_ algorithm: ChecksumAlgorithm, parts: [[UInt8]]) -> String {
        var hasher = ChecksumHasher(algorithm)
        for part in parts { hasher.update(part) }
        return "\(Base64.encode(hasher.finish()))-\(parts.count)"
    }

    static func bigEndian(_ value: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: value.bigEndian) { Array($0) }
    }

    private static func integer(_ bytes: [UInt8]) -> UInt64 {
        bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }
}

/// Polynomials over GF(2) modulo a CRC's polynomial, bit-reflected: the highest of `width` bits stands for x^0.
private struct CRCField {
    let width: Int
    let polynomial: UInt64

    func multiply(_ left: UInt64, _ right: UInt64) -> UInt64 {
        var product: UInt64 = 0
        var shifted = right
        for bit in stride(from: width - 1, through: 0, by: -1) {
            if left >> UInt64(bit) & 1 == 1 { product ^= shifted }
            shifted = shifted >> 1 ^ (shifted & 1 == 1 ? polynomial : 0)
        }
        return product
    }

    /// x^exponent, by repeated squaring.
    func powerOfX(_ exponent: UInt64) -> UInt64 {
        var result: UInt64 = 1 << UInt64(width - 1)
        var square: UInt64 = 1 << UInt64(width - 2)
        var rest = exponent
        while rest > 0 {
            if rest & 1 == 1 { result = multiply(result, square) }
            square = multiply(square, square)
            rest >>= 1
        }
        return result
    }
}
