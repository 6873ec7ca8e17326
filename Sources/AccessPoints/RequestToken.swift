import Environment
import S3Model

/// The token of an asynchronous request inside its ARN,
/// `arn:aws:s3:REGION:ACCOUNT:async-request/mrap/OPERATION/TOKEN` (spec/mrap.md §2.3).
struct RequestToken: Sendable, Hashable, CustomStringConvertible {
    let region: RegionName
    let account: AccountID
    let kind: AsyncOperation.Kind
    /// `TT` and 92 characters of the URL-safe base64 alphabet.
    let token: String

    init(region: RegionName, account: AccountID, kind: AsyncOperation.Kind, token: String) {
        self.region = region
        self.account = account
        self.kind = kind
        self.token = token
    }

    /// `nil` unless the whole ARN is well-formed, which also bounds what reaches the control store as a key.
    init?(arn: String) {
        guard arn.utf8.count <= 1024 else { return nil }
        let fields = arn.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        guard fields.count == 6, fields[0] == "arn", fields[1].hasPrefix("aws"), fields[2] == "s3",
            let region = RegionName(String(fields[3])), let account = AccountID(String(fields[4]))
        else { return nil }
        let path = fields[5].split(separator: "/", omittingEmptySubsequences: false)
        guard path.count == 4, path[0] == "async-request", path[1] == "mrap",
            let kind = AsyncOperation.Kind.allCases.first(where: { $0.path == path[2] }),
            !path[3].isEmpty, path[3].utf8.allSatisfy({ Self.alphabet.contains($0) })
        else { return nil }
        self.init(region: region, account: account, kind: kind, token: String(path[3]))
    }

    var description: String { "arn:aws:s3:\(region):\(account):async-request/mrap/\(kind.path)/\(token)" }

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    static func random(_ source: any RandomSource) -> String {
        "TT" + String(decoding: source.bytes(92).map { alphabet[Int($0 & 63)] }, as: UTF8.self)
    }
}

extension AccessPointAlias {
    /// `m` and 12 characters of lower-case base32 (spec/mrap.md §2.2); 60 bits, so a clash is a rarity that the tombstones
    /// catch.
    static func random(_ source: any RandomSource) -> AccessPointAlias? {
        let alphabet = Array("abcdefghijklmnopqrstuvwxyz234567".utf8)
        let label = source.bytes(12).map { alphabet[Int($0 & 31)] }
        return AccessPointAlias("m" + String(decoding: label, as: UTF8.self) + ".mrap")
    }
}
