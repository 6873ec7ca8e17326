package import S3Model

/// The request target, taken apart once: path segments and query, decoded.
package struct RequestTarget: Sendable, Hashable {
    /// The authority of an absolute-form target, for example `s3.example:80`.
    package let authority: String?
    /// As received, starting with `/`.
    package let rawPath: String
    package let query: QueryItems

    /// Throws `InvalidURI` for anything that is not a path we can decode. `skipsSignature`: see ``QueryItems``.
    package init(parsing target: String, skipsSignature: Bool = false) throws(S3Error) {
        // By bytes throughout: a presigned target has hundreds of characters.
        var rest = Substring(target)
        if target.utf8.first != UInt8(ascii: "/"),
            let scheme = ["http://", "https://"].first(where: { rest.lowercasedHasPrefix($0) })
        {
            rest = rest[rest.utf8.index(rest.startIndex, offsetBy: scheme.utf8.count)...]
            let slash = rest.utf8.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") } ?? rest.endIndex
            authority = String(rest[..<slash])
            rest = rest[slash...]
        } else {
            authority = nil
        }
        let question = rest.utf8.firstIndex(of: UInt8(ascii: "?"))
        var path = String(rest[..<(question ?? rest.endIndex)])
        if path.isEmpty { path = "/" }
        guard path.utf8.first == UInt8(ascii: "/") else {
            throw S3Error(.invalidURI, "The request target must start with '/', but it is '\(target.prefix(128))'.")
        }
        rawPath = path
        query = try QueryItems(
            parsing: question.map { rest[rest.utf8.index(after: $0)...] } ?? "", skipsSignature: skipsSignature)
    }
}

extension Substring {
    fileprivate func lowercasedHasPrefix(_ prefix: String) -> Bool {
        utf8.prefix(prefix.utf8.count).elementsEqual(prefix.utf8) {
            $0 == $1 || ($1 >= UInt8(ascii: "a") && $0 | 0x20 == $1)
        }
    }
}

/// The query's parameters, decoded, in order.
package struct QueryItems: Sendable, Hashable {
    package struct Item: Sendable, Hashable {
        package let name: String
        /// `nil` without `=`.
        package let value: String?
    }

    package static let maximumCount = 200
    private static let signaturePrefix = Array("X-Amz-".utf8)
    private static let credentialName = Array("X-Amz-Credential".utf8)
    package let items: [Item]

    /// `skipsSignature`: plain parameters of SigV4 (`X-Amz-…` without escapes) are counted and left out, but for the
    /// credential. They are most of a presigned target, and whoever verifies the signature reads the target itself.
    package init(parsing text: Substring, skipsSignature: Bool = false) throws(S3Error) {
        var items: [Item] = []
        var count = 0
        for piece in text.utf8.split(separator: UInt8(ascii: "&"), omittingEmptySubsequences: true) {
            guard count < Self.maximumCount else {
                throw S3Error(.invalidURI, "More than \(Self.maximumCount) query parameters.")
            }
            count += 1
            if skipsSignature, piece.starts(with: Self.signaturePrefix), !piece.starts(with: Self.credentialName),
                piece.allSatisfy({ $0 != UInt8(ascii: "%") && $0 < 0x80 })
            {
                continue
            }
            let equals = piece.firstIndex(of: UInt8(ascii: "="))
            guard let name = PercentEncoding.decode(piece[..<(equals ?? piece.endIndex)]) else {
                throw S3Error(.invalidURI, "A query parameter's name is not percent-encoded UTF-8.")
            }
            var value: String?
            if let equals {
                value = PercentEncoding.decode(piece[piece.index(after: equals)...])
                if value == nil {
                    throw S3Error(.invalidURI, "The query parameter '\(name)' is not percent-encoded UTF-8.")
                }
            }
            items.append(Item(name: name, value: value))
        }
        self.items = items
    }

    /// Only `versionId`, or nothing.
    init(version: String?) { items = version.map { [Item(name: "versionId", value: $0)] } ?? [] }

    private init(items: [Item]) { self.items = items }

    /// Without the parameters of SigV4 (`X-Amz-…`), which name no operation: what is left is mostly empty, and finding
    /// the operation looks for forty names in it.
    var withoutSignature: QueryItems {
        QueryItems(items: items.filter { !$0.name.utf8.starts(with: Self.signaturePrefix) })
    }

    /// The first value of `name`: empty when it has no `=`, `nil` when it is not there.
    package subscript(name: String) -> String? {
        for item in items where item.name == name { return item.value ?? "" }
        return nil
    }

    package func contains(_ name: String) -> Bool { items.contains { $0.name == name } }
}
