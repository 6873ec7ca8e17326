/// One element of a parsed document: what S3's documents need, and no more.
package struct XMLElement: Hashable, Sendable {
    /// Without its namespace prefix.
    package let name: String
    /// The name of its namespace, `nil` for none. A prefix that nothing declares stands for itself.
    package var namespace: String?
    /// All character data directly in the element, in order; white space between children included.
    package var text: String
    package var children: [XMLElement]
    /// Names without prefix; namespace declarations are kept as `xmlns` or by their prefix.
    package var attributes: [Attribute]

    package struct Attribute: Hashable, Sendable {
        package let name: String
        package let value: String
        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    package init(name: String, text: String = "", children: [XMLElement] = [], attributes: [Attribute] = []) {
        self.name = name
        self.text = text
        self.children = children
        self.attributes = attributes
    }

    /// The one child called `name`, `nil` without one. Throws `MalformedXML` for two.
    package func child(_ name: String) throws(S3Error) -> XMLElement? {
        var found: XMLElement?
        for child in children where child.name == name {
            guard found == nil else {
                throw .malformed("Only one '\(name)' is allowed in '\(self.name)'.")
            }
            found = child
        }
        return found
    }

    /// The one child called `name`. Throws `MalformedXML` without it.
    package func required(_ name: String) throws(S3Error) -> XMLElement {
        guard let child = try child(name) else { throw .malformed("'\(self.name)' must contain '\(name)'.") }
        return child
    }

    /// All children called `name`, in order.
    package func all(_ name: String) -> [XMLElement] { children.filter { $0.name == name } }

    /// The text of the child called `name`, without surrounding white space. For everything but keys and the like.
    package func trimmed(_ name: String) throws(S3Error) -> String? { try child(name)?.trimmedText }

    /// The text without surrounding white space.
    package var trimmedText: String {
        func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
        let bytes = text.utf8
        guard let first = bytes.firstIndex(where: { !isSpace($0) }), let last = bytes.lastIndex(where: { !isSpace($0) })
        else { return "" }
        return String(text[first...last])
    }

    /// `true` or `false` of the child called `name`; `nil` without it. Throws `MalformedXML` for anything else.
    package func boolean(_ name: String) throws(S3Error) -> Bool? {
        guard let text = try trimmed(name) else { return nil }
        switch text.lowercased() {
        case "true", "1": return true
        case "false", "0": return false
        default: throw .malformed("'\(name)' must be true or false, but it is '\(text.prefix(64))'.")
        }
    }

    /// The decimal integer of the child called `name`; `nil` without it. Throws `MalformedXML` for anything else.
    package func integer(_ name: String) throws(S3Error) -> Int? {
        guard let text = try trimmed(name) else { return nil }
        guard let value = Int(text) else {
            throw .malformed("'\(name)' must be an integer, but it is '\(text.prefix(64))'.")
        }
        return value
    }

    /// `Enabled` or `Disabled` of the child called `name`; `nil` without it. Throws `MalformedXML` for anything else.
    package func enabled(_ name: String = "Status") throws(S3Error) -> Bool? {
        guard let text = try trimmed(name) else { return nil }
        switch text {
        case "Enabled": return true
        case "Disabled": return false
        default: throw .malformed("'\(name)' must be Enabled or Disabled, but it is '\(text.prefix(64))'.")
        }
    }
}

extension S3Error {
    /// `MalformedXML` with what was expected and what came.
    static func malformed(_ detail: String) -> S3Error {
        S3Error(.malformedXML, "\(S3ErrorCode.malformedXML.defaultMessage). \(detail)")
    }
}
