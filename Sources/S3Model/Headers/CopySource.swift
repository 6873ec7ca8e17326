/// The value of `x-amz-copy-source`: `BUCKET/KEY`, `/BUCKET/KEY` or `ARN/object/KEY`, percent-encoded, and perhaps
/// `?versionId=ID`.
package struct CopySource: Hashable, Sendable {
    package enum Container: Hashable, Sendable {
        /// A bucket's name, or an access point's name or alias.
        case name(String)
        case accessPoint(AccessPointARN)
    }

    package let container: Container
    package let key: ObjectKey
    /// `nil` for the current version.
    package let versionID: VersionID?

    /// Throws `InvalidArgument` when it is not of these forms.
    package static func parse(_ header: String) throws(S3Error) -> CopySource {
        var path = Substring(header).utf8
        var versionID: VersionID?
        if let (before, text) = splitVersion(path) {
            path = before
            guard let decoded = PercentEncoding.decode(text), let version = VersionID(decoded) else {
                throw S3Error(.invalidArgument, "Invalid version id specified")
                    .with(field: "ArgumentName", "x-amz-copy-source")
                    .with(field: "ArgumentValue", header)
            }
            versionID = version
        }
        // Some clients send the key as it is; then an escape that is none stands for itself.
        var text = PercentEncoding.decode(path) ?? String(Substring(path))
        if text.utf8.first == UInt8(ascii: "/") { text = String(Substring(text.utf8.dropFirst())) }
        let (container, key) = try split(text, header: header)
        guard !key.isEmpty else { throw invalid(header) }
        guard let key = ObjectKey(key) else { throw S3Error(.keyTooLongError) }
        return CopySource(container: container, key: key, versionID: versionID)
    }

    private static func split(_ text: String, header: String) throws(S3Error) -> (Container, String) {
        if text.utf8.starts(with: "arn:".utf8) {
            guard let (arn, key) = AccessPointARN.parse(text), let key else { throw invalid(header) }
            return (.accessPoint(arn), key)
        }
        guard let slash = text.utf8.firstIndex(of: UInt8(ascii: "/")), slash != text.utf8.startIndex else {
            throw invalid(header)
        }
        let key = text.utf8[text.utf8.index(after: slash)...]
        return (.name(String(Substring(text.utf8[..<slash]))), String(Substring(key)))
    }

    /// At the last `?versionId=`: a `?` of the key itself comes before it.
    private static func splitVersion(
        _ path: Substring.UTF8View
    ) -> (before: Substring.UTF8View, version: Substring.UTF8View)? {
        let marker = "?versionId=".utf8
        var search = path
        while let question = search.lastIndex(of: UInt8(ascii: "?")) {
            let rest = path[question...]
            if rest.starts(with: marker) { return (path[..<question], rest.dropFirst(marker.count)) }
            search = path[..<question]
        }
        return nil
    }

    private static func invalid(_ header: String) -> S3Error {
        S3Error(
            .invalidArgument,
            "Copy Source must mention the source bucket and key: sourcebucket/sourcekey, or an access point's ARN/object/sourcekey."
        )
        .with(field: "ArgumentName", "x-amz-copy-source")
        .with(field: "ArgumentValue", header)
    }
}
