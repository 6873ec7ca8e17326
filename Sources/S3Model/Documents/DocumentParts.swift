/// The namespaces that roots of documents declare.
package enum XMLNamespace {
    package static let s3 = "http://s3.amazonaws.com/doc/2006-03-01/"
    package static let s3Control = "http://awss3control.amazonaws.com/doc/2018-08-20/"
}

/// `encoding-type` of listings: whether names are percent-encoded in the answer, so that those with characters that XML
/// cannot carry get through.
package enum ListingEncoding: Sendable, Hashable {
    case none
    case url

    /// `url` or nothing. Throws `InvalidArgument` for any other `encoding-type`.
    package init(query: String?) throws(S3Error) {
        switch query {
        case nil: self = .none
        case "url": self = .url
        case .some(let other):
            throw S3Error(.invalidArgument, "Invalid Encoding Method specified in Request")
                .with(field: "ArgumentName", "encoding-type").with(field: "ArgumentValue", other)
        }
    }

    /// `/` stays, a space becomes `%20` (which both `unquote` and `unquote_plus` of clients read).
    func encode(_ name: String) -> String {
        switch self {
        case .none: name
        case .url: PercentEncoding.encode(name, keepingSlash: true)
        }
    }
}

extension XMLWriter {
    mutating func owner(_ owner: Owner, as name: String = "Owner") {
        element(name) { writer in
            writer.element("ID", owner.canonicalID)
            writer.element("DisplayName", owner.displayName)
        }
    }

    mutating func owner(ifPresent owner: Owner?) {
        if let owner { self.owner(owner) }
    }

    mutating func tags(_ tags: [Tag]) {
        for tag in tags {
            element("Tag") { writer in
                writer.element("Key", tag.key)
                writer.element("Value", tag.value)
            }
        }
    }

    mutating func commonPrefixes(_ prefixes: [String], _ encoding: ListingEncoding) {
        for prefix in prefixes {
            element("CommonPrefixes") { $0.element("Prefix", encoding.encode(prefix)) }
        }
    }

    mutating func encodingType(_ encoding: ListingEncoding) {
        if encoding == .url { element("EncodingType", "url") }
    }

    /// `<ChecksumCRC32>` and its like.
    mutating func checksum(_ checksum: ObjectChecksum?) {
        if let checksum { element(checksum.algorithm.elementName, checksum.value) }
    }

    mutating func checksumType(_ checksum: ObjectChecksum?) {
        if let checksum { element("ChecksumType", checksum.type.rawValue) }
    }
}
