/// The headers S3 keeps with an object and gives back on GET and HEAD.
package struct ObjectMetadata: Hashable, Sendable {
    package var contentType: String?
    package var cacheControl: String?
    package var contentDisposition: String?
    /// Without `aws-chunked`, which is framing and not a property of the object.
    package var contentEncoding: String?
    package var contentLanguage: String?
    package var expires: String?
    package var websiteRedirectLocation: String?
    /// A label only; `nil` means STANDARD.
    package var storageClass: String?
    /// `x-amz-meta-*` without the prefix, lower-case names, in the order they came.
    package var user: [UserMetadata]

    package init() { user = [] }
}

/// One `x-amz-meta-` header.
package struct UserMetadata: Hashable, Sendable {
    package let name: String
    package let value: String
    package init(name: String, value: String) {
        self.name = name
        self.value = value
    }
}

/// One tag of an object or a bucket.
package struct Tag: Hashable, Sendable {
    package let key: String
    package let value: String
    package init(key: String, value: String) {
        self.key = key
        self.value = value
    }
}
