package import S3Model

/// One piece of replication work: a version and a destination bucket. Written in the version's own transaction
/// (DESIGN §5.1), removed when the destination has it.
package struct OutboxEntry: Sendable, Hashable {
    package enum Kind: UInt8, Sendable, Hashable {
        case object = 1
        case deleteMarker = 2
        /// Tags or metadata of an existing version changed.
        case attributes = 3
    }

    /// Assigned by the store, rising; 0 before.
    package var id: Int64
    package var bucket: Int64
    package var key: ObjectKey
    package var stamp: VersionStamp
    package var kind: Kind
    package var destination: BucketName
    package var ruleID: String
    package var bytes: Int64
    package var enqueued: Timestamp
    package var attempts: Int
    /// Not tried again before this time.
    package var notBefore: Timestamp
    package var lastError: String?

    package init(
        bucket: Int64, key: ObjectKey, stamp: VersionStamp, kind: Kind, destination: BucketName, ruleID: String,
        bytes: Int64,
        enqueued: Timestamp
    ) {
        id = 0
        self.bucket = bucket
        self.key = key
        self.stamp = stamp
        self.kind = kind
        self.destination = destination
        self.ruleID = ruleID
        self.bytes = bytes
        self.enqueued = enqueued
        attempts = 0
        notBefore = Timestamp(milliseconds: 0)
    }
}

/// What waits for one destination bucket, exact because it is read from the outbox itself.
package struct OutboxSummary: Sendable, Hashable {
    package var bucket: Int64
    package var destination: BucketName
    package var ruleID: String
    package var pendingVersions: Int64
    package var pendingBytes: Int64
    package var oldest: Timestamp
    /// Entries that have failed at least once.
    package var retrying: Int64

    package init(
        bucket: Int64, destination: BucketName, ruleID: String, pendingVersions: Int64, pendingBytes: Int64,
        oldest: Timestamp,
        retrying: Int64
    ) {
        self.bucket = bucket
        self.destination = destination
        self.ruleID = ruleID
        self.pendingVersions = pendingVersions
        self.pendingBytes = pendingBytes
        self.oldest = oldest
        self.retrying = retrying
    }
}

/// Decides, inside the transaction that stores a version, where the version has to go. Implemented by Replication
/// (rules), injected by the composition; pure.
package protocol OutboxPlanner: Sendable {
    /// One entry per destination whose rules match `version`; empty when none does. Never called for replicas.
    func plan(_ version: ObjectVersion, kind: OutboxEntry.Kind, in bucket: Bucket, at time: Timestamp) -> [OutboxEntry]
}
