/// The parts of ``XMLReader`` below elements: names, attributes, references and single characters.
extension XMLReader {
    static let maximumNameLength = 128

    func starts(_ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        guard input.count - position >= count else { return false }
        return text.withUTF8Buffer { expected in
            for index in 0..<count where input[position + index] != expected[index] { return false }
            return true
        }
    }

    mutating func skip(past text: StaticString, in what: String) throws(S3Error) {
        while position < input.count {
            if starts(text) {
                position += text.utf8CodeUnitCount
                return
            }
            position += 1
        }
        throw error("\(what) is not closed")
    }

    /// Whether there was any.
    mutating func skipSpace() -> Bool {
        let start = position
        while position < input.count, isSpace(input[position]) { position += 1 }
        return position > start
    }

    func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D }

    /// A qualified name. Bytes of other scripts are let through: no document of S3 has such names, and none is accepted
    /// later.
    mutating func readName() throws(S3Error) -> ArraySlice<UInt8> {
        let start = position
        while position < input.count, isNameByte(input[position]) { position += 1 }
        let name = input[start..<position]
        guard let first = name.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first),
            first != UInt8(ascii: "-"), first != UInt8(ascii: ".")
        else { throw error("a name was expected") }
        guard name.count <= Self.maximumNameLength else {
            throw error("a name is longer than \(Self.maximumNameLength) bytes")
        }
        return name
    }

    private func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: ":"), 0x80...0xFF:
            true
        default: false
        }
    }

    func name(_ qualified: ArraySlice<UInt8>) -> String { String(decoding: qualified, as: UTF8.self) }

    func localName(_ qualified: ArraySlice<UInt8>) -> String {
        guard let colon = qualified.lastIndex(of: UInt8(ascii: ":")) else { return name(qualified) }
        return name(qualified[(colon + 1)...])
    }

    /// What stands before the colon; empty without one.
    func prefix(_ qualified: ArraySlice<UInt8>) -> String {
        guard let colon = qualified.lastIndex(of: UInt8(ascii: ":")) else { return "" }
        return name(qualified[..<colon])
    }

    mutating func readAttribute() throws(S3Error) -> (prefix: String, attribute: XMLElement.Attribute) {
        let qualifiedName = try readName()
        _ = skipSpace()
        guard position < input.count, input[position] == UInt8(ascii: "=") else {
            throw error("the attribute '\(name(qualifiedName))' has no value")
        }
        position += 1
        _ = skipSpace()
        guard position < input.count, input[position] == UInt8(ascii: "\"") || input[position] == UInt8(ascii: "'")
        else {
            throw error("the value of the attribute '\(name(qualifiedName))' is not quoted")
        }
        let quote = input[position]
        position += 1
        var value: [UInt8] = []
        while position < input.count, input[position] != quote {
            switch input[position] {
            case UInt8(ascii: "<"): throw error("'<' in an attribute")
            case UInt8(ascii: "&"):
                let scalar = try readReference()
                value.append(contentsOf: scalar)
            default:
                let byte = try nextCharacterByte()
                value.append(byte)
            }
        }
        guard position < input.count else { throw error("an attribute is not closed") }
        position += 1
        let text = String(decoding: value, as: UTF8.self)
        return (prefix(qualifiedName), XMLElement.Attribute(name: localName(qualifiedName), value: text))
    }

    /// One byte of character data; line ends become one line feed (XML 1.0 §2.11).
    mutating func nextCharacterByte() throws(S3Error) -> UInt8 {
        let byte = input[position]
        if byte == 0x0D {
            position += 1
            if position < input.count, input[position] == 0x0A { position += 1 }
            return 0x0A
        }
        guard byte >= 0x20 || byte == 0x09 || byte == 0x0A else {
            throw error("the control character \(byte) must be written as a character reference")
        }
        position += 1
        return byte
    }

    /// `&name;` or `&#number;`. References to control characters other than NUL are accepted, as ``XMLWriter`` writes
    /// them for keys that contain them.
    mutating func readReference() throws(S3Error) -> [UInt8] {
        let rest = input[(position + 1)...].prefix(12)
        guard let end = rest.firstIndex(of: UInt8(ascii: ";")) else { throw error("an entity is not closed") }
        let body = String(decoding: rest[..<end], as: UTF8.self)
        guard let scalar = Self.scalar(ofReference: body) else { throw error("unknown entity '&\(body);'") }
        position = end + 1
        return Array(String(Character(scalar)).utf8)
    }

    private static func scalar(ofReference body: String) -> Unicode.Scalar? {
        switch body {
        case "amp": return "&"
        case "lt": return "<"
        case "gt": return ">"
        case "quot": return "\""
        case "apos": return "'"
        default: break
        }
        guard body.utf8.first == UInt8(ascii: "#") else { return nil }
        var digits = Substring(body).dropFirst()
        var radix = 10
        if digits.utf8.first == UInt8(ascii: "x") {
            digits = digits.dropFirst()
            radix = 16
        }
        guard digits.utf8.allSatisfy({ Hex.value(of: $0) != nil }), let value = UInt32(digits, radix: radix),
            value != 0,
            value != 0xFFFE, value != 0xFFFF
        else { return nil }
        return Unicode.Scalar(value)
    }
}
