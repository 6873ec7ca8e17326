/// Percent-encoding of RFC 3986 as S3 uses it in paths, queries, signatures and `encoding-type=url`: only `A-Z a-z 0-9 -
/// . _ ~` stay as they are, escapes are upper case.
package enum PercentEncoding {
    /// `nil` when an escape is not `%` and two hexadecimal digits, or when the result is not UTF-8. `+` stays `+`.
    package static func decode(_ bytes: some Collection<UInt8>) -> String? {
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count)
        var index = bytes.startIndex
        while index != bytes.endIndex {
            let byte = bytes[index]
            bytes.formIndex(after: &index)
            guard byte == UInt8(ascii: "%") else {
                out.append(byte)
                continue
            }
            guard index != bytes.endIndex, let high = Hex.value(of: bytes[index]) else { return nil }
            bytes.formIndex(after: &index)
            guard index != bytes.endIndex, let low = Hex.value(of: bytes[index]) else { return nil }
            bytes.formIndex(after: &index)
            out.append(high << 4 | low)
        }
        return String(validating: out, as: UTF8.self)
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
