package import S3Model

/// Where each bucket lives. Names are unique over all regions and accounts.
package struct BucketLocation: Sendable, Hashable {
    package let name: BucketName
    package let region: RegionName
    package let owner: Owner
    package init(name: BucketName, region: RegionName, owner: Owner) {
        self.name = name
        self.region = region
        self.owner = owner
    }
}
