/// A region's name, for example `eu-west-1`: 1..64 characters of `a-z 0-9 -`, starting with a letter.
package struct RegionName: Hashable, Comparable, Sendable, CustomStringConvertible, Codable {
    package let rawValue: String
    package var description: String { rawValue }

    package init?(_ text: String) {
        guard (1...64).contains(text.utf8.count), let first = text.utf8.first,
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(first),
            text.utf8.allSatisfy({
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                    || $0 == UInt8(ascii: "-")
            })
        else { return nil }
        rawValue = text
    }

    /// For names written in this source, where a wrong one is a bug.
    package init(literal text: StaticString) {
        guard let name = RegionName("\(text)") else { preconditionFailure("not a region name: \(text)") }
        self = name
    }

    package static func < (left: Self, right: Self) -> Bool {
        left.rawValue.utf8.lexicographicallyPrecedes(right.rawValue.utf8)
    }

    /// The region's part of a ``VersionStamp``: FNV-1a of the name, so that it needs no registry and survives adding
    /// and removing regions. Start-up refuses a configuration in which two regions collide.
    package var stampID: UInt32 {
        rawValue.utf8.reduce(2_166_136_261) { ($0 ^ UInt32($1)) &* 16_777_619 }
    }
}
