import S3Model

/// What the control store holds below `bucket/NAME`.
struct BucketClaimRecord: Codable, Sendable, Hashable {
    static let prefix = "bucket/"
    private static let version: UInt8 = 1

    var region: RegionName
    var owner: Owner
    /// `false` until the region's store has created the bucket.
    var isConfirmed: Bool
    /// Wall-clock milliseconds of the claim.
    var claimedAt: Int64

    static func key(_ name: BucketName) -> String { prefix + name.rawValue }

    func location(_ name: BucketName) -> BucketLocation { BucketLocation(name: name, region: region, owner: owner) }

    func encoded() throws -> [UInt8] { try ControlValue.encode(self, version: Self.version) }

    static func decode(_ bytes: [UInt8]) throws -> BucketClaimRecord {
        try ControlValue.decode(Self.self, from: bytes, version: version)
    }
}
