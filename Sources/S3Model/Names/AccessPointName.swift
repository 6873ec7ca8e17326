/// The name of a Multi-Region Access Point: `^[a-z0-9][-a-z0-9]{1,48}[a-z0-9]$` (spec/mrap.md §2.1).
package struct AccessPointName: Hashable, Sendable, CustomStringConvertible, Codable {
    package let rawValue: String
    package var description: String { rawValue }

    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        let hyphen = UInt8(ascii: "-")
        guard (3...50).contains(bytes.count), bytes.first != hyphen, bytes.last != hyphen,
            bytes.allSatisfy({
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                    || $0 == hyphen
            })
        else { return nil }
        rawValue = text
    }
}

/// The generated alias of an access point, for example `mfzwi23gnjvgw.mrap` (spec/mrap.md §2.2). Never reused.
package struct AccessPointAlias: Hashable, Sendable, CustomStringConvertible, Codable {
    /// With the `.mrap` suffix, lower case.
    package let rawValue: String
    package var description: String { rawValue }
    /// Without the `.mrap` suffix.
    package var label: String { String(rawValue.dropLast(5)) }

    /// Hosts are case-insensitive, so the alias is lowercased here.
    package init?(_ text: String) {
        let lower = text.lowercased()
        guard lower.hasSuffix(".mrap"), lower.utf8.count <= 63 else { return nil }
        let label = lower.utf8.dropLast(5)
        guard let first = label.first, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(first),
            label.allSatisfy({
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
            })
        else { return nil }
        rawValue = lower
    }
}

/// The ARN of a Multi-Region Access Point: `arn:aws:s3::ACCOUNT:accesspoint/LABEL` or with `accesspoint:LABEL`, where the
/// label is the alias or, as many guides write it, the name with `.mrap` (spec/mrap.md §2.3).
package struct AccessPointARN: Hashable, Sendable, CustomStringConvertible {
    package let account: AccountID
    /// What follows `accesspoint/`: `NAME.mrap`, `ALIAS.mrap`, or either without the suffix.
    package let label: String

    package init(account: AccountID, label: String) {
        self.account = account
        self.label = label
    }

    package var description: String { "arn:aws:s3::\(account):accesspoint/\(label)" }

    /// Parses either separator; a trailing `/object/KEY` is returned in `objectKey`.
    package static func parse(_ text: String) -> (arn: AccessPointARN, objectKey: String?)? {
        let fields = text.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        guard fields.count == 6, fields[0] == "arn", fields[1].hasPrefix("aws"), fields[2] == "s3", fields[3].isEmpty,
            let account = AccountID(String(fields[4]))
        else { return nil }
        let resource = fields[5]
        guard resource.hasPrefix("accesspoint/") || resource.hasPrefix("accesspoint:") else { return nil }
        let rest = resource.dropFirst("accesspoint/".count)
        let pieces = rest.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let label = pieces.first, !label.isEmpty, label.utf8.count <= 63 else { return nil }
        var objectKey: String?
        if pieces.count == 2 {
            guard pieces[1].hasPrefix("object/") else { return nil }
            objectKey = String(pieces[1].dropFirst("object/".count))
        }
        return (AccessPointARN(account: account, label: String(label)), objectKey)
    }
}
