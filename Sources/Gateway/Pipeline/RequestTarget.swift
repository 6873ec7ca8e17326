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
        var text = text
        items = try text.withUTF8 { Self.parse($0, skipsSignature: skipsSignature) }.get()
    }

    private static func parse(_ bytes: UnsafeBufferPointer<UInt8>, skipsSignature: Bool) -> Result<[Item], S3Error> {
        var items: [Item] = []
        var count = 0
        var start = 0
        while start < bytes.count {
            var end = start
            var equals: Int?
            var isPlain = true
            while end < bytes.count, bytes[end] != UInt8(ascii: "&") {
                let byte = bytes[end]
                if byte == UInt8(ascii: "="), equals == nil { equals = end }
                if byte == UInt8(ascii: "%") || byte >= 0x80 { isPlain = false }
                end += 1
            }
            let piece = start..<end
            start = end + 1
            if piece.isEmpty { continue }
            guard count < maximumCount else {
                return .failure(S3Error(.invalidURI, "More than \(maximumCount) query parameters."))
            }
            count += 1
            let rawName = UnsafeBufferPointer(rebasing: bytes[piece.lowerBound..<(equals ?? end)])
            if skipsSignature, isPlain, rawName.starts(with: signaturePrefix), !rawName.elementsEqual(credentialName) {
                continue
            }
            guard let name = decode(rawName, isPlain) else {
                return .failure(S3Error(.invalidURI, "A query parameter's name is not percent-encoded UTF-8."))
            }
            var value: String?
            if let equals {
                value = decode(UnsafeBufferPointer(rebasing: bytes[(equals + 1)..<end]), isPlain)
                if value == nil {
                    return .failure(
                        S3Error(.invalidURI, "The query parameter '\(name)' is not percent-encoded UTF-8."))
                }
            }
            items.append(Item(name: name, value: value))
        }
        return .success(items)
    }

    private static func decode(_ bytes: UnsafeBufferPointer<UInt8>, _ isPlain: Bool) -> String? {
        isPlain ? String(decoding: bytes, as: UTF8.self) : PercentEncoding.decode(bytes)
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

    /// All values of a parameter that may be repeated.
    package func all(_ name: String) -> [String] { items.filter { $0.name == name }.map { $0.value ?? "" } }

    package func contains(_ name: String) -> Bool { items.contains { $0.name == name } }
}
