package import S3Model

/// The request target, taken apart once: path segments and query, decoded.
package struct RequestTarget: Sendable, Hashable {
    /// The authority of an absolute-form target, for example `s3.example:80`.
    package let authority: String?
    /// As received, starting with `/`.
    package let rawPath: String
    package let query: QueryItems

    /// Throws `InvalidURI` for anything that is not a path we can decode.
    package init(parsing target: String) throws(S3Error) {
        var rest = Substring(target)
        if let scheme = ["http://", "https://"].first(where: { rest.lowercasedHasPrefix($0) }) {
            rest = rest.dropFirst(scheme.utf8.count)
            let slash = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
            authority = String(rest[..<slash])
            rest = rest[slash...]
        } else {
            authority = nil
        }
        let question = rest.firstIndex(of: "?")
        var path = String(rest[..<(question ?? rest.endIndex)])
        if path.isEmpty { path = "/" }
        guard path.utf8.first == UInt8(ascii: "/") else {
            throw S3Error(.invalidURI, "The request target must start with '/', but it is '\(target.prefix(128))'.")
        }
        rawPath = path
        query = try QueryItems(parsing: question.map { rest[rest.index(after: $0)...] } ?? "")
    }
}

extension Substring {
    fileprivate func lowercasedHasPrefix(_ prefix: String) -> Bool {
        self.prefix(prefix.utf8.count).lowercased() == prefix
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
    package let items: [Item]

    package init(parsing text: Substring) throws(S3Error) {
        var items: [Item] = []
        for piece in text.utf8.split(separator: UInt8(ascii: "&"), omittingEmptySubsequences: true) {
            guard items.count < Self.maximumCount else {
                throw S3Error(.invalidURI, "More than \(Self.maximumCount) query parameters.")
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

    /// The first value of `name`: empty when it has no `=`, `nil` when it is not there.
    package subscript(name: String) -> String? {
        for item in items where item.name == name { return item.value ?? "" }
        return nil
    }

    package func contains(_ name: String) -> Bool { items.contains { $0.name == name } }
}
