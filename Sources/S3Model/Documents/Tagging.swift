/// The document of object and bucket tags, and the rules of tags (AWS "Tagging restrictions").
package struct Tagging: Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
        case object
        case bucket

        package var limit: Int {
            switch self {
            case .object: 10
            case .bucket: 50
            }
        }
    }

    package var tags: [Tag]

    package init(tags: [Tag]) { self.tags = tags }

    /// The body of Put…Tagging. Throws `MalformedXML`, `BadRequest` for too many tags, `InvalidTag` for one that breaks a
    /// rule or comes twice.
    package static func parse(_ body: some Collection<UInt8>, kind: Kind) throws(S3Error) -> Tagging {
        let set = try XMLReader.parse(body, root: "Tagging", shape: ["TagSet": ["Tag": .tag]]).required("TagSet")
        return try Tagging(tags: parse(set: set, kind: kind))
    }

    /// The tags in an element whose children are `Tag`.
    static func parse(set: XMLElement, kind: Kind) throws(S3Error) -> [Tag] {
        var tags: [Tag] = []
        for element in set.all("Tag") { tags.append(try parse(tag: element)) }
        try validate(tags, kind: kind)
        return tags
    }

    static func parse(tag element: XMLElement) throws(S3Error) -> Tag {
        Tag(key: try element.required("Key").text, value: try element.required("Value").text)
    }

    package func xml() -> [UInt8] {
        XMLWriter.document("Tagging", namespace: XMLNamespace.s3) { writer in
            writer.element("TagSet") { $0.tags(tags) }
        }
    }

    package static func validate(_ tags: [Tag], kind: Kind) throws(S3Error) {
        guard tags.count <= kind.limit else {
            let what = kind == .object ? "Object" : "Bucket"
            throw S3Error(.badRequest, "\(what) tags cannot be greater than \(kind.limit)")
        }
        var seen: Set<[UInt8]> = []
        for tag in tags {
            try validate(tag, kind: kind)
            guard seen.insert(Array(tag.key.utf8)).inserted else {
                throw invalid("Cannot provide multiple Tags with the same key", tag)
            }
        }
    }

    private static func validate(_ tag: Tag, kind: Kind) throws(S3Error) {
        guard (1...128).contains(tag.key.utf16.count), tag.key.unicodeScalars.allSatisfy(isAllowed) else {
            throw invalid("The TagKey you have provided is invalid", tag)
        }
        guard tag.value.utf16.count <= 256, tag.value.unicodeScalars.allSatisfy(isAllowed) else {
            throw invalid("The TagValue you have provided is invalid", tag)
        }
        guard !tag.key.lowercased().utf8.starts(with: "aws:".utf8) else {
            throw invalid(
                kind == .object
                    ? "Your TagKey cannot be prefixed with aws:" : "System tags cannot be added/updated by requester",
                tag)
        }
    }

    private static func invalid(_ message: String, _ tag: Tag) -> S3Error {
        S3Error(.invalidTag, message).with(field: "TagKey", String(tag.key.prefix(256)))
    }

    /// Letters, numbers and spaces of any script and `+ - = . _ : / @`.
    private static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber,
            .letterNumber, .otherNumber, .spaceSeparator, .lineSeparator, .paragraphSeparator:
            true
        default: "+-=._:/@".unicodeScalars.contains(scalar)
        }
    }
}

extension Tag {
    /// The tags of `x-amz-tagging: a=b&c=d`, which is form-encoded: `+` is a space; in the order of their keys. Throws
    /// `BadRequest` for too many tags and `InvalidArgument` for everything else.
    package static func parse(header: String) throws(S3Error) -> [Tag] {
        var tags: [Tag] = []
        for piece in header.utf8.split(separator: UInt8(ascii: "&"), omittingEmptySubsequences: true) {
            let equals = piece.firstIndex(of: UInt8(ascii: "=")) ?? piece.endIndex
            guard let key = formDecode(piece[..<equals]), let value = formDecode(piece[equals...].dropFirst()) else {
                throw invalid(header: header)
            }
            tags.append(Tag(key: key, value: value))
            if tags.count > Tagging.Kind.object.limit { break }
        }
        do { try Tagging.validate(tags, kind: .object) } catch {
            throw error.code == .invalidTag ? invalid(header: header) : error
        }
        return tags.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    }

    private static func invalid(header: String) -> S3Error {
        S3Error(
            .invalidArgument,
            "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates."
        )
        .with(field: "ArgumentName", "x-amz-tagging").with(field: "ArgumentValue", String(header.prefix(1024)))
    }

    private static func formDecode(_ bytes: Substring.UTF8View) -> String? {
        PercentEncoding.decode(bytes.map { $0 == UInt8(ascii: "+") ? UInt8(ascii: " ") : $0 })
    }
}
