import NIOHTTP1
import S3Model
import Storage

extension BucketRequest {
    /// The metadata that a PUT, a copy with REPLACE or a multipart creation stores.
    func objectMetadata() throws(S3Error) -> ObjectMetadata {
        var metadata = ObjectMetadata()
        metadata.contentType = header("content-type")
        metadata.cacheControl = header("cache-control")
        metadata.contentDisposition = header("content-disposition")
        metadata.contentEncoding = contentEncoding()
        metadata.contentLanguage = header("content-language")
        metadata.expires = header("expires")
        metadata.websiteRedirectLocation = header("x-amz-website-redirect-location")
        metadata.storageClass = try storageClass()
        metadata.user = try userMetadata()
        return metadata
    }

    /// `aws-chunked` is framing and not a property of the object. A value without it is kept as it is.
    private func contentEncoding() -> String? {
        let given = request.headers["content-encoding"].joined(separator: ", ")
        guard given.lowercased().contains("aws-chunked") else { return given.isEmpty ? nil : given }
        let codings = request.headers[canonicalForm: "content-encoding"]
            .filter { $0.lowercased() != "aws-chunked" && !$0.isEmpty }
        return codings.isEmpty ? nil : codings.joined(separator: ", ")
    }

    private func storageClass() throws(S3Error) -> String? {
        guard let name = header("x-amz-storage-class") else { return nil }
        let known = [
            "STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "REDUCED_REDUNDANCY",
        ]
        guard known.contains(name) else {
            throw S3Error(
                .invalidStorageClass,
                "The storage class '\(name.prefix(64))' is not one of \(known.joined(separator: ", ")).")
        }
        return name == "STANDARD" ? nil : name
    }

    private func userMetadata() throws(S3Error) -> [UserMetadata] {
        let prefix = "x-amz-meta-"
        var found: [UserMetadata] = []
        var size = 0
        for (name, value) in request.headers {
            guard name.utf8.count > prefix.utf8.count, name.prefix(prefix.count).lowercased() == prefix else {
                continue
            }
            let short = name.dropFirst(prefix.count).lowercased()
            size += short.utf8.count + value.utf8.count
            if let index = found.firstIndex(where: { $0.name == short }) {
                found[index] = UserMetadata(name: short, value: found[index].value + "," + value)
            } else {
                found.append(UserMetadata(name: short, value: value))
            }
        }
        guard size <= 2048 else {
            throw S3Error(
                .metadataTooLarge, fields: [.init("Size", "\(size)"), .init("MaxSizeAllowed", "2048")])
        }
        return found
    }

    /// `x-amz-tagging`.
    func headerTags() throws(S3Error) -> [Tag] {
        guard let text = header("x-amz-tagging") else { return [] }
        return try Tag.parse(header: text)
    }

    /// `If-None-Match: *` or `If-Match: ETAG` of writes. Throws `NotImplemented` for any other value and for both at
    /// once, as S3 does.
    func writeConditions() throws(S3Error) -> WriteConditions {
        var conditions = WriteConditions.none
        if header("if-none-match") != nil, header("if-match") != nil {
            throw S3Error(
                .notImplemented, "A write takes If-Match or If-None-Match, not both.",
                fields: [.init("Header", "If-Match,If-None-Match")])
        }
        if let value = header("if-none-match") {
            guard value == "*" else {
                throw S3Error(
                    .notImplemented, "If-None-Match on a write must be '*', but it is '\(value.prefix(80))'.",
                    fields: [.init("Header", "If-None-Match")])
            }
            conditions.ifNoneMatchAny = true
        }
        if let value = header("if-match") {
            guard value != "*" else {
                throw S3Error(
                    .notImplemented, "If-Match on a write must be an ETag, not '*'.",
                    fields: [.init("Header", "If-Match")])
            }
            conditions.ifMatch = ETag(value)
        }
        return conditions
    }

    /// Refuses what we could only pretend to do, by name.
    func refuseUnsupportedWriteHeaders() throws(S3Error) {
        for (name, value) in request.headers {
            let lower = name.lowercased()
            guard lower.hasPrefix("x-amz-") else { continue }
            if lower.hasPrefix("x-amz-server-side-encryption") {
                throw S3Error(
                    .notImplemented, "Server-side encryption is not implemented; send the object without \(lower).")
            }
            if lower.hasPrefix("x-amz-object-lock-") {
                throw S3Error(.invalidRequest, "Bucket is missing Object Lock Configuration")
            }
            if lower == "x-amz-write-offset-bytes" {
                throw S3Error(.notImplemented, "Appending to an object is not implemented.")
            }
            let isOpenACL = lower == "x-amz-acl" && !["private", "bucket-owner-full-control"].contains(value)
            if isOpenACL || lower.hasPrefix("x-amz-grant-") {
                throw S3Error(.accessControlListNotSupported)
            }
        }
    }
}

/// `response-content-type` and its relatives.
enum ResponseOverrides {
    private static let names = [
        "response-content-type": "Content-Type", "response-cache-control": "Cache-Control",
        "response-content-disposition": "Content-Disposition", "response-content-encoding": "Content-Encoding",
        "response-content-language": "Content-Language", "response-expires": "Expires",
    ]

    /// Throws `InvalidArgument` for values that no header can carry.
    static func parse(_ query: QueryItems) throws(S3Error) -> [(name: String, value: String)] {
        var found: [(name: String, value: String)] = []
        for item in query.items {
            guard item.name.utf8.starts(with: "response-".utf8), let name = names[item.name], let value = item.value
            else { continue }
            guard value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else {
                throw .invalidArgument(
                    "A header value must not have control characters.", name: item.name, value: value)
            }
            found.append((name, value))
        }
        return found
    }
}
