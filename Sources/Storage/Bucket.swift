package import S3Model

/// A bucket of this region, as an immutable snapshot.
package struct Bucket: Sendable {
    /// The row number inside this region's metadata store; 0 before it is stored.
    package var id: Int64
    package var name: BucketName
    package var owner: Owner
    package var created: Timestamp
    package var versioning: VersioningState
    package var replication: ReplicationConfiguration?
    package var tags: [Tag]
    /// Rises with every change of the bucket; a cached snapshot with a lower one is stale.
    package var revision: Int64

    package init(id: Int64 = 0, name: BucketName, owner: Owner, created: Timestamp) {
        self.id = id
        self.name = name
        self.owner = owner
        self.created = created
        versioning = .unversioned
        tags = []
        revision = 0
    }
}
