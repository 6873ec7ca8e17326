package import Cluster
package import S3Model
package import Storage

/// What PutBucketReplication checks beyond the document itself (spec/mrap.md §15.3).
package struct ReplicationValidator: Sendable {
    private let locate: @Sendable (BucketName) -> BucketLocation?
    private let versioning: @Sendable (BucketLocation) async throws -> VersioningState?

    /// - Parameters:
    ///   - locate: where a bucket lives, `nil` when there is none of that name.
    ///   - versioning: the versioning of a bucket in any region, `nil` when its region cannot be asked now. A destination
    ///     is then accepted only when the source has a rule for it already, so that rules can be changed meanwhile.
    package init(
        locate: @escaping @Sendable (BucketName) -> BucketLocation?,
        versioning: @escaping @Sendable (BucketLocation) async throws -> VersioningState?
    ) {
        self.locate = locate
        self.versioning = versioning
    }

    /// Throws `InvalidRequest` or `InvalidArgument` (400) for the first rule that cannot work, and `NotImplemented` by name
    /// for one that we could only store and not act on. Throws `ServiceUnavailable` (503) for a new destination whose
    /// region cannot be asked.
    package func validate(_ configuration: ReplicationConfiguration, source: Bucket) async throws {
        guard source.versioning == .enabled else {
            throw S3Error(
                .invalidRequest,
                "Versioning must be 'Enabled' on the bucket to apply a replication configuration; it is not on '\(source.name)'."
            )
        }
        var checked: Set<BucketName> = []
        for rule in configuration.rules {
            try refuseWhatIsNotDone(rule)
            let location = try located(rule, source: source.name)
            if let account = rule.destination.account, account != location.owner.account {
                throw S3Error(
                    .invalidArgument,
                    "Rule '\(rule.id)' names account \(account), but the destination bucket '\(location.name)' belongs to another account.",
                    fields: [.init("ArgumentName", "Account"), .init("ArgumentValue", account.rawValue)])
            }
            // Only a policy of the destination bucket could allow this, and buckets have none yet.
            guard location.owner.account == source.owner.account else {
                throw S3Error(
                    .notImplemented,
                    "Replication into a bucket of another account is not implemented; '\(location.name)' of rule "
                        + "'\(rule.id)' belongs to another account than '\(source.name)'.")
            }
            guard checked.insert(location.name).inserted else { continue }
            try await checkVersioning(location, rule: rule, source: source)
        }
    }

    private func checkVersioning(_ location: BucketLocation, rule: ReplicationRule, source: Bucket) async throws {
        guard let state = try await versioning(location) else {
            let known = source.replication?.rules.contains { $0.destination.bucket == location.name } ?? false
            guard known else {
                throw S3Error(
                    .serviceUnavailable,
                    "The region \(location.region) cannot be reached now, and whether the destination bucket "
                        + "'\(location.name)' of rule '\(rule.id)' has versioning enabled is not known. Please try again.",
                    headers: [.init("Retry-After", "1")])
            }
            return
        }
        guard state == .enabled else {
            throw S3Error(
                .invalidRequest,
                "Destination bucket must have versioning enabled; '\(location.name)' of rule '\(rule.id)' has not.")
        }
    }

    /// The storage classes that differ from STANDARD in price only. The others change how objects are read.
    package static let storageClasses: Set<String> = [
        "STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "REDUCED_REDUNDANCY",
    ]

    private func refuseWhatIsNotDone(_ rule: ReplicationRule) throws(S3Error) {
        func refuse(_ what: String, _ advice: String) -> S3Error {
            S3Error(.notImplemented, "\(what) of rule '\(rule.id)' is not implemented. \(advice)")
        }
        if rule.destination.replicaKMSKeyID != nil || rule.sseKMSEncryptedObjects == true {
            throw refuse("EncryptionConfiguration", "There are no objects encrypted with SSE-KMS here; leave it out.")
        }
        if rule.existingObjectReplication == true {
            throw refuse(
                "ExistingObjectReplication", "Rules take what is written after them; leave it out or set it Disabled.")
        }
        if let storageClass = rule.destination.storageClass, !Self.storageClasses.contains(storageClass) {
            throw refuse(
                "The StorageClass \(storageClass)",
                "Use one of \(Self.storageClasses.sorted().joined(separator: ", ")).")
        }
    }

    private func located(_ rule: ReplicationRule, source: BucketName) throws(S3Error) -> BucketLocation {
        let destination = rule.destination.bucket
        guard destination != source else {
            throw S3Error(
                .invalidRequest,
                "Destination bucket cannot be the same as the source bucket '\(source)' (rule '\(rule.id)').")
        }
        guard let location = locate(destination) else {
            throw S3Error(
                .invalidRequest, "Destination bucket must exist; there is no '\(destination)' (rule '\(rule.id)').")
        }
        return location
    }
}
