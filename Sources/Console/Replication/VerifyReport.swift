/// The answer of `/-/admin/verify`: one page of what differs between buckets.
package struct VerifyReport: Sendable, Codable, Hashable {
    package struct Member: Sendable, Codable, Hashable {
        package var bucket: String
        package var region: String
        /// All versions, delete markers included.
        package var versions: Int64
        /// 32 hexadecimal digits; buckets with the same hold the same.
        package var digest: String
    }

    package struct Finding: Sendable, Codable, Hashable {
        /// `missing`, `damaged`, `erased`, `only-there`, `different-content`, `different-metadata` or `in-flight`.
        package var verdict: String
        package var key: String
        package var versionID: String
        package var isDeleteMarker: Bool
        /// The bucket that lacks the version or has it otherwise.
        package var bucket: String
        /// A bucket that has it as it should be; `nil` when none of them can read it.
        package var source: String?
        /// Whether a rule promises that `bucket` has it as `source` has it.
        package var isPromised: Bool
        package var rule: String?
        package var reason: String?
        /// Whether this run put it into the source's outbox.
        package var isRepaired: Bool
        /// Whether the buckets differ because of it.
        package var isDifference: Bool
    }

    package var version = 1
    package var members: [Member]
    /// The digests say that all members hold the same.
    package var isEqual: Bool
    /// Of 128.
    package var differingSlots: Int
    /// What the members told each other to find these.
    package var exchangedBytes: Int
    /// Versions that were looked at one by one for this page.
    package var visited: Int
    package var findings: [Finding]
    /// Where the next page begins, to be given back as `after`; `nil` with the last.
    package var next: String?
    /// No enabled rule leads from any member to another.
    package var isWithoutRules: Bool
}
