// The text of signatures is ASCII, and the hot path works on bytes: hex, URI encoding, white space.

extension UInt8 {
    var isHexDigit: Bool { hexValue != nil }

    var hexValue: UInt8? {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): self &- UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): self &- UInt8(ascii: "a") &+ 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): self &- UInt8(ascii: "A") &+ 10
        default: nil
        }
    }

    var isDigit: Bool { self >= UInt8(ascii: "0") && self <= UInt8(ascii: "9") }
    var isBlank: Bool { self == UInt8(ascii: " ") || self == UInt8(ascii: "\t") }

    var lowercase: UInt8 { self >= UInt8(ascii: "A") && self <= UInt8(ascii: "Z") ? self | 0x20 : self }

    /// RFC 3986 "unreserved", the bytes that SigV4 never encodes.
    var isUnreserved: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"):
            true
        default: false
        }
    }
}

private func digit(_ value: UInt8, a: UInt8) -> UInt8 { value < 10 ? UInt8(ascii: "0") &+ value : a &+ value &- 10 }

extension [UInt8] {
    /// Lower-case hex.
    mutating func appendHex(_ bytes: some Sequence<UInt8>) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 64) { digits in
            var count = 0
            for byte in bytes {
                digits[count] = digit(byte >> 4, a: UInt8(ascii: "a"))
                digits[count + 1] = digit(byte & 15, a: UInt8(ascii: "a"))
                count += 2
                guard count == digits.count else { continue }
                append(contentsOf: digits)
                count = 0
            }
            append(contentsOf: digits[..<count])
        }
    }

    /// `%` and two upper-case digits for everything but the unreserved bytes.
    mutating func appendURIEncoded(_ bytes: some Collection<UInt8>) {
        if bytes.allSatisfy({ $0.isUnreserved }) { return append(contentsOf: bytes) }
        for byte in bytes { appendURIEncoded(byte) }
    }

    mutating func appendURIEncoded(_ byte: UInt8) {
        if byte.isUnreserved {
            append(byte)
        } else {
            append(UInt8(ascii: "%"))
            append(digit(byte >> 4, a: UInt8(ascii: "A")))
            append(digit(byte & 15, a: UInt8(ascii: "A")))
        }
    }

    /// Takes percent escapes off; a `%` without two digits stands for itself, and `+` is no space
    /// (spec/clients.md §4.2).
    mutating func appendURIDecoded(_ bytes: ArraySlice<UInt8>) {
        var index = bytes.startIndex
        while index < bytes.endIndex {
            if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.endIndex,
                let high = bytes[index + 1].hexValue, let low = bytes[index + 2].hexValue
            {
                append(high << 4 | low)
                index += 3
            } else {
                append(bytes[index])
                index += 1
            }
        }
    }

    mutating func appendLine(_ bytes: some Sequence<UInt8>) {
        append(contentsOf: bytes)
        append(UInt8(ascii: "\n"))
    }

    mutating func appendLine(_ text: String) {
        append(contentsOf: text.utf8)
        append(UInt8(ascii: "\n"))
    }
}

extension ArraySlice<UInt8> {
    /// Without the blanks at both ends.
    var trimmed: ArraySlice<UInt8> {
        var slice = self
        while let first = slice.first, first.isBlank { slice.removeFirst() }
        while let last = slice.last, last.isBlank { slice.removeLast() }
        return slice
    }

    func equals(_ text: String) -> Bool {
        guard count == text.utf8.count else { return false }
        let isEqual = withUnsafeBufferPointer { bytes in
            text.utf8.withContiguousStorageIfAvailable { bytes.elementsEqual($0) }
        }
        return isEqual ?? elementsEqual(text.utf8)
    }

    var text: String { String(decoding: self, as: UTF8.self) }

    /// Lower-case hex only, because a signature is the text that was signed with; `nil` for anything else.
    var bytesOfLowercaseHex: [UInt8]? {
        guard count.isMultiple(of: 2) else { return nil }
        var out: [UInt8] = []
        out.reserveCapacity(count / 2)
        var index = startIndex
        while index < endIndex {
            let pair = (self[index], self[index + 1])
            guard pair.0.lowercase == pair.0, pair.1.lowercase == pair.1, let high = pair.0.hexValue,
                let low = pair.1.hexValue
            else { return nil }
            out.append(high << 4 | low)
            index += 2
        }
        return out
    }

    /// A decimal number without sign; `nil` when it is none or does not fit.
    var decimal: Int64? {
        guard !isEmpty, count <= 18, allSatisfy({ $0.isDigit }) else { return nil }
        return reduce(0) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
    }
}

/// Whether two byte strings are the same, in a time that depends on their lengths only, so that a signature cannot be
/// guessed byte by byte.
func isEqualInConstantTime(_ left: some Collection<UInt8>, _ right: some Collection<UInt8>) -> Bool {
    guard left.count == right.count else { return false }
    var difference: UInt8 = 0
    for (one, other) in zip(left, right) { difference |= one ^ other }
    return difference == 0
}
