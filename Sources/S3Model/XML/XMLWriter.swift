/// Writes an XML document as bytes, in one pass and without a tree. Element names are literals of this source; text is
/// escaped as S3 does: `& < > "` as entities, and control characters other than tab and line feed as character
/// references (`&#xD;`), since parsers turn a bare carriage return into a line feed.
package struct XMLWriter {
    package private(set) var bytes: [UInt8]

    /// Starts with the XML declaration. `capacity` is a hint in bytes.
    package init(capacity: Int = 1024) {
        bytes = []
        bytes.reserveCapacity(capacity)
        append(#"<?xml version="1.0" encoding="UTF-8"?>"#)
        bytes.append(UInt8(ascii: "\n"))
    }

    /// A document with one root.
    package static func document(
        _ root: String, namespace: String? = nil, capacity: Int = 1024, _ content: (inout XMLWriter) -> Void
    ) -> [UInt8] {
        var writer = XMLWriter(capacity: capacity)
        if let namespace {
            writer.open(root, attributes: [("xmlns", namespace)])
        } else {
            writer.open(root)
        }
        content(&writer)
        writer.close(root)
        return writer.bytes
    }

    package mutating func open(_ name: String) {
        bytes.append(UInt8(ascii: "<"))
        append(name)
        bytes.append(UInt8(ascii: ">"))
    }

    package mutating func open(_ name: String, attributes: [(name: String, value: String)]) {
        bytes.append(UInt8(ascii: "<"))
        append(name)
        for attribute in attributes {
            bytes.append(UInt8(ascii: " "))
            append(attribute.name)
            append("=\"")
            text(attribute.value)
            bytes.append(UInt8(ascii: "\""))
        }
        bytes.append(UInt8(ascii: ">"))
    }

    package mutating func close(_ name: String) {
        append("</")
        append(name)
        bytes.append(UInt8(ascii: ">"))
    }

    /// `<name>` around what `content` writes.
    package mutating func element(_ name: String, _ content: (inout XMLWriter) -> Void) {
        open(name)
        content(&self)
        close(name)
    }

    package mutating func element(_ name: String, _ value: String) {
        open(name)
        text(value)
        close(name)
    }

    /// Nothing for `nil`.
    package mutating func element(ifPresent name: String, _ value: String?) {
        if let value { element(name, value) }
    }

    package mutating func element(_ name: String, _ value: some BinaryInteger) {
        open(name)
        append(String(value))
        close(name)
    }

    package mutating func element(_ name: String, _ value: Bool) {
        element(name, value ? "true" : "false")
    }

    /// In ISO 8601 with milliseconds.
    package mutating func element(_ name: String, _ value: Timestamp) {
        element(name, value.iso8601)
    }

    /// `<name/>`.
    package mutating func empty(_ name: String) {
        bytes.append(UInt8(ascii: "<"))
        append(name)
        append("/>")
    }

    /// Escaped character data.
    package mutating func text(_ value: String) {
        var copy = value
        copy.withUTF8 { buffer in
            var start = 0
            for index in buffer.indices {
                guard let escape = Self.escape(buffer[index]) else { continue }
                bytes.append(contentsOf: buffer[start..<index])
                append(escape)
                start = index + 1
            }
            bytes.append(contentsOf: buffer[start...])
        }
    }

    private mutating func append(_ raw: String) {
        bytes.append(contentsOf: raw.utf8)
    }

    @inline(__always)
    private static func escape(_ byte: UInt8) -> String? {
        switch byte {
        case UInt8(ascii: "&"): "&amp;"
        case UInt8(ascii: "<"): "&lt;"
        case UInt8(ascii: ">"): "&gt;"
        case UInt8(ascii: "\""): "&quot;"
        case 0x09, 0x0A: nil
        case 0x00..<0x20, 0x7F: "&#x\(String(byte, radix: 16, uppercase: true));"
        default: nil
        }
    }
}
