/// Why bytes are not a record.
package struct RecordError: Error, Equatable {
    package let reason: String
    package init(_ reason: String) { self.reason = reason }
}

/// Reads what ``RecordWriter`` wrote. Never reads outside the bytes and never reserves more memory than they can fill,
/// whatever they are; all mistakes are `RecordError`s.
package struct RecordReader {
    private let bytes: UnsafeRawBufferPointer
    private var position = 0

    /// The bytes must outlive the reader. Checks the version byte.
    package init(_ bytes: UnsafeRawBufferPointer, version: UInt8) throws(RecordError) {
        self.bytes = bytes
        let found = try byte()
        guard found == version else { throw RecordError("has version \(found), version \(version) was expected") }
    }

    private var remaining: Int { bytes.count - position }

    package mutating func byte() throws(RecordError) -> UInt8 {
        guard position < bytes.count else { throw RecordError("ends too early, at byte \(position)") }
        defer { position += 1 }
        return bytes[position]
    }

    package mutating func unsigned() throws(RecordError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let next = try byte()
            guard shift < 63 || next <= 1 else { throw RecordError("has a number over 64 bits at byte \(position)") }
            value |= UInt64(next & 0x7F) << shift
            if next < 0x80 { return value }
            shift += 7
        }
    }

    package mutating func signed() throws(RecordError) -> Int64 {
        let folded = try unsigned()
        return Int64(bitPattern: folded >> 1) ^ -Int64(bitPattern: folded & 1)
    }

    package mutating func int() throws(RecordError) -> Int {
        let value = try signed()
        guard let number = Int(exactly: value) else { throw RecordError("has the number \(value), too large here") }
        return number
    }

    /// A number of bytes or elements; every element takes at least one byte, so it is never above what is left.
    package mutating func count() throws(RecordError) -> Int {
        let value = try unsigned()
        guard value <= UInt64(remaining) else {
            throw RecordError("claims \(value) elements with \(remaining) bytes left, at byte \(position)")
        }
        return Int(value)
    }

    package mutating func text() throws(RecordError) -> String {
        let length = try count()
        let slice = UnsafeRawBufferPointer(rebasing: bytes[position..<position + length])
        guard let text = String(validating: slice, as: UTF8.self) else {
            throw RecordError("has a text that is not UTF-8 at byte \(position)")
        }
        position += length
        return text
    }

    package mutating func fixed(_ length: Int) throws(RecordError) -> UnsafeRawBufferPointer {
        guard length <= remaining else { throw RecordError("ends too early, at byte \(position)") }
        defer { position += length }
        return UnsafeRawBufferPointer(rebasing: bytes[position..<position + length])
    }

    package mutating func bool() throws(RecordError) -> Bool {
        switch try byte() {
        case 0: return false
        case 1: return true
        case let other: throw RecordError("has \(other) where 0 or 1 was expected")
        }
    }

    package mutating func optionalText() throws(RecordError) -> String? { try bool() ? try text() : nil }

    package mutating func list<Element>(_ element: (inout RecordReader) throws(RecordError) -> Element)
        throws(RecordError)
        -> [Element]
    {
        let length = try count()
        var items: [Element] = []
        // Elements in memory are larger than on disk: a hostile count may not multiply the memory either.
        items.reserveCapacity(min(length, 1024))
        for _ in 0..<length { items.append(try element(&self)) }
        return items
    }

    /// A value of an enumeration stored by its raw byte.
    package mutating func enumeration<Value: RawRepresentable<UInt8>>(_ type: Value.Type) throws(RecordError) -> Value {
        let raw = try byte()
        guard let value = Value(rawValue: raw) else { throw RecordError("has the unknown \(type) \(raw)") }
        return value
    }

    /// All fields have been read: nothing may be left.
    package func finish() throws(RecordError) {
        guard remaining == 0 else { throw RecordError("has \(remaining) bytes too many") }
    }
}
