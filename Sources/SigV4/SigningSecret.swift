/// An access key and its secret.
package struct SigningSecret: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible {
    package let accessKeyID: String
    package let secretAccessKey: String

    package init(accessKeyID: String, secretAccessKey: String) {
        self.accessKeyID = accessKeyID
        self.secretAccessKey = secretAccessKey
    }

    /// Never shows the secret, so that it cannot end up in a log.
    package var description: String { "SigningSecret(\(accessKeyID))" }
    package var debugDescription: String { description }
}

/// The signature versions of S3.
package enum SignatureAlgorithm: Sendable, Hashable {
    /// HMAC-SHA1, what boto3 still presigns with in older regions (spec/clients.md §4.5).
    case v2
    /// `AWS4-HMAC-SHA256`: bound to one region.
    case v4
    /// `AWS4-ECDSA-P256-SHA256`: bound to a set of regions, used by Multi-Region Access Points (spec/mrap.md §11).
    case v4a

    /// The name in `Authorization` and in the string to sign.
    var name: String {
        switch self {
        case .v2: "AWS"
        case .v4: "AWS4-HMAC-SHA256"
        case .v4a: "AWS4-ECDSA-P256-SHA256"
        }
    }
}
