/// Percent-encoding of RFC 3986 as S3 uses it in paths, queries, signatures and `encoding-type=url`: only `A-Z a-z 0-9 -
/// . _ ~` stay as they are, escapes are upper case.
package enum PercentEncoding {
    /// `nil` when an escape is not `%` and two hexadecimal digits, or when the result is not UTF-8. `+` stays `+`.
    package static func decode(_ bytes: some Collection<UInt8>) -> String? {
        // One call through the collection and not several per byte: callers in other modules do not get this function
        // specialised for their type.
        let result = bytes.withContiguousStorageIfAvailable { decode(contiguous: $0) }
        return result ?? Array(bytes).withUnsafeBufferPointer { decode(contiguous: $0) }
    }

    /// The same for the pieces of a target, which are always contiguous, without going through a witness.
    package static func decode(_ bytes: Substring.UTF8View) -> String? {
        bytes.withContiguousStorageIfAvailable { decode(contiguous: $0) }
            ?? Array(bytes).withUnsafeBufferPointer { decode(contiguous: $0) }
    }

    private static func decode(contiguous bytes: UnsafeBufferPointer<UInt8>) -> String? {
        guard bytes.contains(where: { $0 == UInt8(ascii: "%") || $0 >= 0x80 }) else {
            return String(decoding: bytes, as: UTF8.self)
        }
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count)
        var isASCII = true
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            index += 1
            guard byte == UInt8(ascii: "%") else {
                isASCII = isASCII && byte < 0x80
                out.append(byte)
                continue
            }
            guard index + 1 < bytes.count, let high = Hex.value(of: bytes[index]),
                let low = Hex.value(of: bytes[index + 1])
            else { return nil }
            out.append(high << 4 | low)
            isASCII = isASCII && high < 8
            index += 2
        }
        return isASCII ? String(decoding: out, as: UTF8.self) : String(validating: out, as: UTF8.self)
    }

    /// Escapes every byte but the unreserved ones, and `/` too unless `keepingSlash`.
    package static func encode(_ text: String, keepingSlash: Bool = false) -> String {
        let plain = text.utf8.allSatisfy { isUnreserved($0) || (keepingSlash && $0 == UInt8(ascii: "/")) }
        if plain { return text }
        return String(unsafeUninitializedCapacity: text.utf8.count * 3) { out in
            var index = 0
            for byte in text.utf8 {
                if isUnreserved(byte) || (keepingSlash && byte == UInt8(ascii: "/")) {
                    out[index] = byte
                    index += 1
                } else {
                    out[index] = UInt8(ascii: "%")
                    out[index + 1] = upperDigit(byte >> 4)
                    out[index + 2] = upperDigit(byte & 15)
                    index += 3
                }
            }
            return index
        }
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"):
            true
        default: false
        }
    }

    private static func upperDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10
    }
}
