/// Which elements a document may have, as a schema says it: names of children, and what those may have in turn. AWS
/// refuses what its schema does not have, and so must we: an element that is passed over in silence is a wish that is
/// not done, and where it is a filter, a rule that covers more than was meant.
///
/// Written as a dictionary. An element with children has no text of its own; `[:]` is one with text alone.
package indirect enum DocumentShape: Sendable, Hashable, ExpressibleByDictionaryLiteral {
    case only([String: DocumentShape])
    /// Whatever comes: what it is about is refused elsewhere, in its own words.
    case anything

    package init(dictionaryLiteral elements: (String, DocumentShape)...) {
        self = .only(Dictionary(elements) { first, _ in first })
    }

    static let status: DocumentShape = ["Status": [:]]
    static let tag: DocumentShape = ["Key": [:], "Value": [:]]
}

extension XMLReader {
    /// As ``parse(_:root:limits:)``, and everything below the root must be in the shape.
    ///
    /// - Parameter namespace: the one that elements may be in, beside none at all; `nil` where clients differ and nothing
    ///   hangs on it.
    package static func parse(
        _ body: some Collection<UInt8>, root: String, shape: DocumentShape, namespace: String? = nil
    ) throws(S3Error) -> XMLElement {
        let element = try parse(body, root: root)
        try element.check(shape, namespace: namespace)
        return element
    }
}

extension XMLElement {
    /// Throws `MalformedXML` that names the first element, or text, that the shape does not have.
    fileprivate func check(_ shape: DocumentShape, namespace expected: String?) throws(S3Error) {
        if let expected, let namespace, namespace != expected {
            throw .malformed(
                "'\(name.prefix(64))' must be in the namespace '\(expected)' or in none, but it is in '\(namespace.prefix(128))'."
            )
        }
        guard case .only(let known) = shape else { return }
        for child in children {
            guard let inner = known[child.name] else {
                let names = known.keys.sorted().joined(separator: ", ")
                throw .malformed(
                    "'\(name.prefix(64))' has no element '\(child.name.prefix(64))'"
                        + (known.isEmpty ? ": it is text alone." : "; it has \(names)."))
            }
            try child.check(inner, namespace: expected)
        }
        guard known.isEmpty || trimmedText.isEmpty else {
            throw .malformed("'\(name.prefix(64))' has elements and no text, but there is '\(trimmedText.prefix(64))'.")
        }
    }
}
