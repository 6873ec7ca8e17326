package import S3Model

/// One bucket of an access point (spec/mrap.md §6.4). A member stays when its bucket is deleted.
package struct MemberBucket: Sendable, Hashable {
    package let bucket: BucketName
    /// The account that owns the bucket.
    package let account: AccountID
    package let region: RegionName

    package init(bucket: BucketName, account: AccountID, region: RegionName) {
        self.bucket = bucket
        self.account = account
        self.region = region
    }
}

/// The four Block Public Access flags; all on unless the creator says otherwise (spec/mrap.md §13.4).
package struct PublicAccessBlock: Sendable, Hashable, Codable {
    package var blockPublicAcls: Bool
    package var ignorePublicAcls: Bool
    package var blockPublicPolicy: Bool
    package var restrictPublicBuckets: Bool

    package init(
        blockPublicAcls: Bool = true, ignorePublicAcls: Bool = true, blockPublicPolicy: Bool = true,
        restrictPublicBuckets: Bool = true
    ) {
        self.blockPublicAcls = blockPublicAcls
        self.ignorePublicAcls = ignorePublicAcls
        self.blockPublicPolicy = blockPublicPolicy
        self.restrictPublicBuckets = restrictPublicBuckets
    }
}

/// The policy in force and the one on its way (spec/mrap.md §6.7). Both are `nil` before the first put; they are equal
/// when the last put has settled.
package struct AccessPointPolicy: Sendable, Hashable, Codable {
    /// What is enforced.
    package var established: String?
    package var proposed: String?

    package init(established: String? = nil, proposed: String? = nil) {
        self.established = established
        self.proposed = proposed
    }
}

/// A Multi-Region Access Point (spec/mrap.md §1, §7.3).
package struct AccessPoint: Sendable, Hashable {
    /// With S3's spelling. This store commits a point as a whole, so it never shows the partial states; clients know them.
    package enum Status: String, Sendable, Hashable, Codable {
        case creating = "CREATING"
        case partiallyCreated = "PARTIALLY_CREATED"
        case ready = "READY"
        case inconsistentAcrossRegions = "INCONSISTENT_ACROSS_REGIONS"
        case deleting = "DELETING"
        case partiallyDeleted = "PARTIALLY_DELETED"
    }

    package let name: AccessPointName
    package let alias: AccessPointAlias
    package let account: AccountID
    /// When the create request was received.
    package let created: Timestamp
    package var status: Status
    /// In the order of the create request; while `creating`, without the buckets that were not found.
    package var regions: [MemberBucket]
    package var publicAccessBlock: PublicAccessBlock
    package var policy: AccessPointPolicy

    package init(
        name: AccessPointName, alias: AccessPointAlias, account: AccountID, created: Timestamp, status: Status,
        regions: [MemberBucket], publicAccessBlock: PublicAccessBlock, policy: AccessPointPolicy
    ) {
        self.name = name
        self.alias = alias
        self.account = account
        self.created = created
        self.status = status
        self.regions = regions
        self.publicAccessBlock = publicAccessBlock
        self.policy = policy
    }

    /// `arn:aws:s3::ACCOUNT:accesspoint/ALIAS`.
    package var arn: AccessPointARN { AccessPointARN(account: account, label: alias.rawValue) }
}
