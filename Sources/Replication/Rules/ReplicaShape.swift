package import S3Model
package import Storage

extension ReplicationRule {
    /// The replica that this rule makes of a version: the version itself but for what the rule overrides
    /// (spec/mrap.md §15.6). Where its bytes are is left out, as that is each region's own business.
    package func replica(of version: ObjectVersion, destinationOwner: Owner) -> ObjectVersion {
        var replica = version
        replica.replication = .replica
        replica.isCurrent = false
        if destination.ownerOverride { replica.owner = destinationOwner }
        if case .object(var content) = replica.content {
            content.data = .empty
            if let storageClass = destination.storageClass {
                content.metadata.storageClass = storageClass == "STANDARD" ? nil : storageClass
            }
            replica.content = .object(content)
        }
        return replica
    }
}
