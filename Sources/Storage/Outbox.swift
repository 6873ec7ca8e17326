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
    /// A job put it in, not the write of the version. Only such work fails where the version was removed for good.
    package var isForJob = false

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

/// Work that was given up: the version is FAILED until the work is retried and done, or the version is deleted. A version
/// has at most one for each destination.
package struct ReplicationFailure: Sendable, Hashable {
    /// Assigned by the store, rising; 0 before.
    package var id: Int64
    /// The entry as it was; its `lastError` is the reason, one of S3's where S3 has one (spec/mrap.md §15.13).
    package var entry: OutboxEntry
    package var failed: Timestamp

    package init(id: Int64 = 0, entry: OutboxEntry, failed: Timestamp) {
        self.id = id
        self.entry = entry
        self.failed = failed
    }

    package var reason: String { entry.lastError ?? "unknown" }
}

/// What has failed for one rule and destination.
package struct FailureSummary: Sendable, Hashable {
    package var bucket: Int64
    package var destination: BucketName
    package var ruleID: String
    package var versions: Int64
    package var bytes: Int64

    package init(bucket: Int64, destination: BucketName, ruleID: String, versions: Int64, bytes: Int64) {
        self.bucket = bucket
        self.destination = destination
        self.ruleID = ruleID
        self.versions = versions
        self.bytes = bytes
    }
}

/// The entries of one rule in order of their age, from a place on.
package struct OutboxAgeQuery: Sendable, Hashable {
    package var bucket: Int64
    package var destination: BucketName
    package var ruleID: String
    /// Only entries behind this one; the order is by time, then by id.
    package var after: (enqueued: Timestamp, id: Int64) {
        get { (afterTime, afterID) }
        set { (afterTime, afterID) = newValue }
    }
    private var afterTime = Timestamp(milliseconds: Int64.min)
    private var afterID: Int64 = 0
    /// Only entries enqueued at this time or before.
    package var until: Timestamp
    package var limit: Int

    package init(bucket: Int64, destination: BucketName, ruleID: String, until: Timestamp, limit: Int) {
        self.bucket = bucket
        self.destination = destination
        self.ruleID = ruleID
        self.until = until
        self.limit = limit
    }
}

/// A rule of a bucket and where it leads, as the outbox knows them.
package struct OutboxRule: Sendable, Hashable {
    package var id: String
    package var destination: BucketName

    package init(id: String, destination: BucketName) {
        self.id = id
        self.destination = destination
    }

    /// Ids are compared by bytes.
    package static func == (left: Self, right: Self) -> Bool {
        left.destination == right.destination && left.id.utf8.elementsEqual(right.id.utf8)
    }
}

/// Decides, inside the transaction that stores a version, where the version has to go. Implemented by Replication
/// (rules), injected by the composition; pure.
package protocol OutboxPlanner: Sendable {
    /// One entry per destination whose rules match `version`; empty when none does.
    func plan(_ version: ObjectVersion, kind: OutboxEntry.Kind, in bucket: Bucket, at time: Timestamp) -> [OutboxEntry]
    /// The same for a version that a job sends (``OutboxEntry/isForJob``), which may be a replica.
    func planForJob(_ version: ObjectVersion, in bucket: Bucket, at time: Timestamp) -> [OutboxEntry]
}
