/// The one total order of versions, the same in every region: hybrid logical time, then region.
///
/// `milliseconds` and `counter` are a hybrid logical clock (physical part, logical part): never behind a stamp that its
/// region has issued or seen. All regions take the greatest stamp as the current version, so concurrent writers converge
/// (DESIGN §5.2). The version id that clients see is made from it.
package struct VersionStamp: Hashable, Comparable, Sendable {
    /// Milliseconds since 1970 of the hybrid clock; 48 bits are used.
    package let milliseconds: UInt64
    package let counter: UInt32
    /// ``RegionName/stampID`` of the region that made the version.
    package let region: UInt32

    package init(milliseconds: UInt64, counter: UInt32, region: UInt32) {
        self.milliseconds = milliseconds
        self.counter = counter
        self.region = region
    }

    package static let zero = VersionStamp(milliseconds: 0, counter: 0, region: 0)

    package static func < (left: Self, right: Self) -> Bool {
        if left.milliseconds != right.milliseconds { return left.milliseconds < right.milliseconds }
        if left.counter != right.counter { return left.counter < right.counter }
        return left.region < right.region
    }

    /// What 48 bits hold, far beyond the year 9999. No region issues stamps above.
    package static let latestMilliseconds: UInt64 = (1 << 48) - 1

    package static let byteCount = 16

    /// Sixteen bytes, big-endian, so that bytes compare as stamps do.
    package var bytes: [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(Self.byteCount)
        for shift in stride(from: 56, through: 0, by: -8) {
            out.append(UInt8(truncatingIfNeeded: milliseconds >> UInt64(shift)))
        }
        for shift in stride(from: 24, through: 0, by: -8) {
            out.append(UInt8(truncatingIfNeeded: counter >> UInt32(shift)))
        }
        for shift in stride(from: 24, through: 0, by: -8) {
            out.append(UInt8(truncatingIfNeeded: region >> UInt32(shift)))
        }
        return out
    }

    package init?(bytes: [UInt8]) {
        guard let stamp = bytes.withUnsafeBytes({ VersionStamp(bytes: $0) }) else { return nil }
        self = stamp
    }

    /// Takes raw memory and nothing general: every row of a listing comes through here.
    package init?(bytes: UnsafeRawBufferPointer) {
        guard bytes.count == Self.byteCount else { return nil }
        let high = UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self))
        let low = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        self.init(milliseconds: high, counter: UInt32(low >> 32), region: UInt32(truncatingIfNeeded: low))
    }
}

/// What clients see as `x-amz-version-id`: `null`, or 26 characters of base32hex made from the version's stamp.
package enum VersionID: Hashable, Sendable, CustomStringConvertible {
    case null
    case stamp(VersionStamp)

    private static let alphabet = Array("0123456789abcdefghijklmnopqrstuv".utf8)

    package var description: String {
        guard case .stamp(let stamp) = self else { return "null" }
        // 128 bits as 26 digits of five bits: the first digit carries the top three bits.
        var high = stamp.milliseconds
        var low = UInt64(stamp.counter) << 32 | UInt64(stamp.region)
        var digits = [UInt8](repeating: 0, count: 26)
        for index in stride(from: 25, through: 0, by: -1) {
            digits[index] = Self.alphabet[Int(low & 31)]
            low = low >> 5 | high << 59
            high >>= 5
        }
        return String(decoding: digits, as: UTF8.self)
    }

    /// `nil` when `text` is neither `null` nor an id of ours.
    package init?(_ text: String) {
        if text == "null" {
            self = .null
            return
        }
        let digits = Array(text.utf8)
        guard digits.count == 26 else { return nil }
        var high: UInt64 = 0
        var low: UInt64 = 0
        for (index, digit) in digits.enumerated() {
            let value: UInt64
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = UInt64(digit - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "v"): value = UInt64(digit - UInt8(ascii: "a")) + 10
            default: return nil
            }
            if index == 0, value > 7 { return nil }
            high = high << 5 | low >> 59
            low = low << 5 | value
        }
        self = .stamp(
            VersionStamp(milliseconds: high, counter: UInt32(low >> 32), region: UInt32(truncatingIfNeeded: low)))
    }
}
