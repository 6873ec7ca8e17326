/// A twelve-digit account number.
package struct AccountID: Hashable, Sendable, CustomStringConvertible, Codable {
    package let rawValue: String
    package var description: String { rawValue }

    package init?(_ text: String) {
        guard text.utf8.count == 12,
            text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else { return nil }
        rawValue = text
    }
}

/// Who owns a bucket, an object or an upload: the account, and what S3 shows of it in `<Owner>`.
package struct Owner: Hashable, Sendable, Codable {
    package let account: AccountID
    /// 64 hexadecimal digits on AWS; whatever the configuration says here.
    package let canonicalID: String
    package let displayName: String

    package init(account: AccountID, canonicalID: String, displayName: String) {
        self.account = account
        self.canonicalID = canonicalID
        self.displayName = displayName
    }
}
