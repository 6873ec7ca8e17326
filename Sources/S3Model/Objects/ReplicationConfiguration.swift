/// The document of PutBucketReplication (spec/mrap.md §15.2), as validated values.
package struct ReplicationConfiguration: Hashable, Sendable {
    package var role: String
    package var rules: [ReplicationRule]

    package init(role: String, rules: [ReplicationRule]) {
        self.role = role
        self.rules = rules
    }
}

package struct ReplicationRule: Hashable, Sendable {
    /// A configuration is V2 as soon as a rule uses `Filter`; V1 replicates delete markers by default.
    package enum Schema: Sendable, Hashable { case v1, v2 }

    package var id: String
    package var schema: Schema
    /// Higher wins among rules with the same destination bucket. `nil` when the document had none.
    package var priority: Int?
    package var isEnabled: Bool
    /// Empty for all keys.
    package var prefix: String
    /// All must be on the object.
    package var tags: [Tag]
    package var destination: Destination
    /// `nil` when the document had no such element.
    package var deleteMarkerReplication: Bool?
    package var replicaModifications: Bool?
    package var existingObjectReplication: Bool?
    /// `SseKmsEncryptedObjects`; kept so that a document comes back as it was put. `nil` when it had no such element.
    package var sseKMSEncryptedObjects: Bool?

    package struct Destination: Hashable, Sendable {
        package var bucket: BucketName
        package var account: AccountID?
        package var storageClass: String?
        /// `AccessControlTranslation/Owner` is `Destination`.
        package var ownerOverride: Bool
        /// The status of Replication Time Control; its time is always ``thresholdMilliseconds``. `nil` when the document
        /// had no such element.
        package var replicationTime: Bool?
        /// The status of `Metrics`; `nil` when the document had no such element.
        package var metrics: Bool?
        /// Whether `Metrics` had an `EventThreshold`.
        package var hasEventThreshold: Bool
        /// `EncryptionConfiguration/ReplicaKmsKeyID`, not checked (spec/mrap.md §15.3).
        package var replicaKMSKeyID: String?

        package init(bucket: BucketName) {
            self.bucket = bucket
            ownerOverride = false
            hasEventThreshold = false
        }

        /// 15 minutes, the only threshold there is (spec/mrap.md §15.2).
        package static let thresholdMinutes = 15
        package static let thresholdMilliseconds: Int64 = 15 * 60_000

        /// Whether versions that are late are counted and reported (spec/mrap.md §15.10, §15.12).
        package var watchesThreshold: Bool { replicationTime == true }
    }

    package init(id: String, schema: Schema, destination: Destination) {
        self.id = id
        self.schema = schema
        self.destination = destination
        isEnabled = true
        prefix = ""
        tags = []
    }

    /// Whether user-made delete markers travel: V1 always, V2 only when the rule says so (spec/mrap.md §15.4).
    package var replicatesDeleteMarkers: Bool {
        switch schema {
        case .v1: deleteMarkerReplication ?? true
        case .v2: deleteMarkerReplication ?? false
        }
    }
}
