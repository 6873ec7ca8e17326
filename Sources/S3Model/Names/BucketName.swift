/// A bucket's name: 3..63 characters of `a-z 0-9 . -`, as S3 has had it for general-purpose buckets since 2018.
///
/// Source of the rule: AWS "Bucket naming rules"; names ending in `.mrap` and the control path prefix are kept free
/// for access points (spec/clients.md §3.5, §2.2).
package struct BucketName: Hashable, Sendable, CustomStringConvertible {
    package let rawValue: String
    package var description: String { rawValue }

    /// `nil` when `text` breaks a naming rule.
    package init?(_ text: String) {
        guard Self.isValid(text) else { return nil }
        rawValue = text
    }

    private static func isValid(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard (3...63).contains(bytes.count), let first = bytes.first, let last = bytes.last else { return false }
        func isAlphanumeric(_ byte: UInt8) -> Bool {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        }
        let dot = UInt8(ascii: "."), hyphen = UInt8(ascii: "-")
        guard isAlphanumeric(first), isAlphanumeric(last) else { return false }
        guard bytes.allSatisfy({ isAlphanumeric($0) || $0 == dot || $0 == hyphen }) else { return false }
        // Every label has to be one of a host name: not empty, and with a letter or digit at both ends.
        for (left, right) in zip(bytes, bytes.dropFirst()) where left == dot || right == dot {
            guard isAlphanumeric(left) || isAlphanumeric(right), left != hyphen, right != hyphen else { return false }
        }
        if looksLikeIPv4(bytes) { return false }
        if text.hasPrefix("xn--") || text.hasPrefix("sthree-") || text.hasPrefix("amzn-s3-demo-") { return false }
        for suffix in ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"] where text.hasSuffix(suffix) {
            return false
        }
        return text != "v20180820"
    }

    private static func looksLikeIPv4(_ bytes: [UInt8]) -> Bool {
        let parts = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        return parts.count == 4
            && parts.allSatisfy {
                !$0.isEmpty && $0.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            }
    }
}
