package import S3Model

/// Allow or deny, with the reason a person can act on.
package enum Decision: Sendable, Hashable {
    case allow(because: String)
    case deny(because: String)

    package var isAllowed: Bool { if case .allow = self { true } else { false } }
    package var reason: String {
        switch self {
        case .allow(let because), .deny(let because): because
        }
    }
}

/// One question: may `principal` do `action` on `resource`?
package struct AccessRequest: Sendable, Hashable {
    package let principal: Principal
    /// For example `s3:GetObject`.
    package let action: String
    /// For example `arn:aws:s3:::photos/cat.jpg`.
    package let resource: String
    /// The account that owns the resource; `nil` when there is no resource yet, as in CreateBucket and ListBuckets.
    package let resourceOwner: AccountID?

    package init(principal: Principal, action: String, resource: String, resourceOwner: AccountID?) {
        self.principal = principal
        self.action = action
        self.resource = resource
        self.resourceOwner = resourceOwner
    }

    /// Ownership decides: an identity may do everything with what its own account owns and nothing with what another
    /// account owns; nobody is anonymous (DESIGN §5.13). Policies narrow and widen this later.
    package func decide() -> Decision {
        guard let identity = principal.identity else {
            return .deny(because: "the request is not signed, and anonymous access is never allowed")
        }
        // No text is made for what is allowed: every request comes through here, and nobody reads it.
        guard let resourceOwner else { return .allow(because: "the caller acts in its own account") }
        guard identity.account == resourceOwner else {
            return .deny(because: "\(resource) belongs to account \(resourceOwner), not to \(identity.arn)")
        }
        return .allow(because: "the caller is of the account that owns the resource")
    }
}
