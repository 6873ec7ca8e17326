/// Writes a stored record: a version byte, then fields in a fixed order. Numbers are base-128, least significant first;
/// texts are a byte count and UTF-8.
package struct RecordWriter {
    package private(set) var bytes: [UInt8] = []

    package init(version: UInt8, capacity: Int = 256) {
        bytes.reserveCapacity(capacity)
        bytes.append(version)
    }

    package mutating func write(_ byte: UInt8) { bytes.append(byte) }

    package mutating func write(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    /// Signed numbers are folded, so that small ones of either sign are short.
    package mutating func write(_ value: Int64) { write(UInt64(bitPattern: value << 1 ^ value >> 63)) }

    package mutating func write(count: Int) { write(UInt64(count)) }

    package mutating func write(_ text: String) {
        write(count: text.utf8.count)
        bytes.append(contentsOf: text.utf8)
    }

    /// Bytes whose number the reader knows.
    package mutating func write(fixed value: [UInt8]) { bytes.append(contentsOf: value) }

    package mutating func write(_ text: String?) {
        guard let text else { return write(UInt8(0)) }
        write(UInt8(1))
        write(text)
    }

    package mutating func write<Element>(list: [Element], _ element: (inout RecordWriter, Element) -> Void) {
        write(count: list.count)
        for item in list { element(&self, item) }
    }
}
