/// A small strict parser of XML 1.0 in UTF-8. It knows elements, attributes, text, CDATA, comments, processing
/// instructions, the five named entities and character references. Document types are refused, so there is nothing that
/// can expand or be fetched; nesting, elements and bytes are bounded. Any input gives a tree or `MalformedXML`.
package struct XMLReader {
    package struct Limits: Sendable {
        package var bytes: Int
        package var depth: Int
        package var elements: Int
        package var attributesPerElement: Int

        package init(bytes: Int = 8 << 20, depth: Int = 32, elements: Int = 100_000, attributesPerElement: Int = 32) {
            self.bytes = bytes
            self.depth = depth
            self.elements = elements
            self.attributesPerElement = attributesPerElement
        }
    }

    let input: [UInt8]
    var position = 0
    private let limits: Limits
    private var elementCount = 0
    /// Open elements with their qualified names; the last is the innermost.
    private var open: [Frame] = []
    private var root: XMLElement?

    private struct Frame {
        let qualifiedName: ArraySlice<UInt8>
        var element: XMLElement
        /// The namespaces that hold inside, by their prefixes; the default one by the empty prefix.
        let namespaces: [String: String]
        var text: [UInt8] = []
    }

    private init(input: [UInt8], limits: Limits) {
        self.input = input
        self.limits = limits
    }

    /// The document's root. Throws `MalformedXML` with a message that names what was found and where.
    package static func parse(
        _ body: some Collection<UInt8>, limits: Limits = Limits()
    ) throws(S3Error) -> XMLElement {
        guard body.count <= limits.bytes else {
            throw .malformed("The document has \(body.count) bytes; at most \(limits.bytes) are allowed.")
        }
        var reader = XMLReader(input: Array(body), limits: limits)
        guard reader.input.isValidUTF8 else { throw .malformed("The document is not UTF-8.") }
        return try reader.readDocument()
    }

    /// As ``parse(_:limits:)``, and the root must be called `root`.
    package static func parse(
        _ body: some Collection<UInt8>, root: String, limits: Limits = Limits()
    ) throws(S3Error) -> XMLElement {
        let element = try parse(body, limits: limits)
        guard element.name == root else {
            throw .malformed("The root must be '\(root)', but it is '\(element.name.prefix(64))'.")
        }
        return element
    }

    // MARK: Structure

    private mutating func readDocument() throws(S3Error) -> XMLElement {
        if input.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
        try readDeclaration()
        while position < input.count {
            if input[position] == UInt8(ascii: "<") { try readMarkup() } else { try readText() }
        }
        if let frame = open.last { throw error("the document ends inside '\(name(frame.qualifiedName))'") }
        guard let root else { throw error("the document has no element") }
        return root
    }

    private mutating func readDeclaration() throws(S3Error) {
        guard starts("<?xml"), position + 5 < input.count, isSpace(input[position + 5]) else { return }
        let start = position
        try skip(past: "?>", in: "the XML declaration")
        let declaration = String(decoding: input[start..<position], as: UTF8.self).lowercased()
        guard let encoding = declaration.split(separator: "encoding", maxSplits: 1).dropFirst().first else { return }
        guard encoding.contains("utf-8") || encoding.contains("us-ascii") else {
            throw error("the encoding must be UTF-8")
        }
    }

    private mutating func readMarkup() throws(S3Error) {
        if starts("<!--") {
            position += 4
            try skip(past: "-->", in: "a comment")
        } else if starts("<![CDATA[") {
            try readCharacterData()
        } else if starts("<!") {
            throw error("document types and other declarations are not allowed")
        } else if starts("<?") {
            try skip(past: "?>", in: "a processing instruction")
        } else if starts("</") {
            try readEndTag()
        } else {
            try readStartTag()
        }
    }

    private mutating func readStartTag() throws(S3Error) {
        guard root == nil else { throw error("there is markup after the root element") }
        guard open.count < limits.depth else { throw error("elements are nested deeper than \(limits.depth)") }
        elementCount += 1
        guard elementCount <= limits.elements else { throw error("there are more than \(limits.elements) elements") }
        position += 1
        let qualifiedName = try readName()
        var element = XMLElement(name: localName(qualifiedName))
        var namespaces = open.last?.namespaces ?? [:]
        while true {
            let hadSpace = skipSpace()
            guard position < input.count else { throw error("a tag is not closed") }
            if input[position] == UInt8(ascii: ">") {
                position += 1
                element.namespace = Self.namespace(prefix(qualifiedName), in: namespaces)
                open.append(Frame(qualifiedName: qualifiedName, element: element, namespaces: namespaces))
                return
            }
            if starts("/>") {
                position += 2
                element.namespace = Self.namespace(prefix(qualifiedName), in: namespaces)
                finish(element)
                return
            }
            guard hadSpace else { throw error("white space is missing before an attribute") }
            guard element.attributes.count < limits.attributesPerElement else {
                throw error("an element has more than \(limits.attributesPerElement) attributes")
            }
            let (attributePrefix, attribute) = try readAttribute()
            if attributePrefix == "xmlns" {
                namespaces[attribute.name] = attribute.value
            } else if attributePrefix.isEmpty, attribute.name == "xmlns" {
                namespaces[""] = attribute.value
            }
            guard namespaces.count <= limits.attributesPerElement else {
                throw error("more than \(limits.attributesPerElement) namespaces are declared")
            }
            element.attributes.append(attribute)
        }
    }

    private static func namespace(_ prefix: String, in namespaces: [String: String]) -> String? {
        guard let name = namespaces[prefix] else { return prefix.isEmpty ? nil : prefix }
        // `xmlns=""` takes the default back.
        return name.isEmpty ? nil : name
    }

    private mutating func readEndTag() throws(S3Error) {
        position += 2
        let qualifiedName = try readName()
        _ = skipSpace()
        guard position < input.count, input[position] == UInt8(ascii: ">") else {
            throw error("an end tag is not closed")
        }
        position += 1
        guard var frame = open.popLast() else { throw error("'\(name(qualifiedName))' ends but never started") }
        guard frame.qualifiedName == qualifiedName else {
            throw error("'\(name(frame.qualifiedName))' is ended by '\(name(qualifiedName))'")
        }
        frame.element.text = String(decoding: frame.text, as: UTF8.self)
        finish(frame.element)
    }

    private mutating func finish(_ element: XMLElement) {
        if open.isEmpty {
            root = element
        } else {
            open[open.count - 1].element.children.append(element)
        }
    }

    // MARK: Text

    private mutating func readText() throws(S3Error) {
        guard !open.isEmpty else {
            guard skipSpace() else { throw error("there is text outside the root element") }
            return
        }
        let last = open.count - 1
        while position < input.count, input[position] != UInt8(ascii: "<") {
            if input[position] == UInt8(ascii: "&") {
                let scalar = try readReference()
                open[last].text.append(contentsOf: scalar)
            } else {
                let byte = try nextCharacterByte()
                open[last].text.append(byte)
            }
        }
    }

    private mutating func readCharacterData() throws(S3Error) {
        guard !open.isEmpty else { throw error("there is text outside the root element") }
        position += 9
        let last = open.count - 1
        while position < input.count, !starts("]]>") {
            let byte = try nextCharacterByte()
            open[last].text.append(byte)
        }
        guard starts("]]>") else { throw error("a CDATA section is not closed") }
        position += 3
    }

    func error(_ detail: String) -> S3Error {
        .malformed("At byte \(position): \(detail).")
    }
}

extension [UInt8] {
    fileprivate var isValidUTF8: Bool { withUnsafeBufferPointer { String(validating: $0, as: UTF8.self) != nil } }
}
