package import S3Model

/// All identities that may sign requests, by access key id. An immutable snapshot.
package struct Identities: Sendable {
    private let byAccessKey: [String: Identity]
    private let ownersByAccount: [AccountID: Owner]

    /// The first identity given for an account is the one whose canonical id and name stand for the account.
    package init(_ identities: [(accessKeyID: String, identity: Identity)]) {
        byAccessKey = Dictionary(identities.map { ($0.accessKeyID, $0.identity) }) { first, _ in first }
        ownersByAccount = Dictionary(identities.map { ($0.identity.account, $0.identity.owner) }) { first, _ in first }
    }

    package func identity(accessKeyID: String) -> Identity? { byAccessKey[accessKeyID] }
    package func owner(of account: AccountID) -> Owner? { ownersByAccount[account] }
}
