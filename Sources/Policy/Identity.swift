package import S3Model

/// Who is calling: the root of an account or one of its users.
package struct Identity: Sendable, Hashable {
    /// What S3 shows as the owner of what this identity creates.
    package let owner: Owner
    /// `nil` for the account's root.
    package let userName: String?

    package let arn: String

    package init(owner: Owner, userName: String?) {
        self.owner = owner
        self.userName = userName
        arn = userName.map { "arn:aws:iam::\(owner.account):user/\($0)" } ?? "arn:aws:iam::\(owner.account):root"
    }

    package var account: AccountID { owner.account }
}

/// The caller of a request after its signature was looked at.
package enum Principal: Sendable, Hashable {
    /// No signature at all.
    case anonymous
    case identity(Identity)

    package var identity: Identity? { if case .identity(let identity) = self { identity } else { nil } }

    package var arn: String { identity?.arn ?? "anonymous" }
}
