/// The answer of `/-/admin/replication/status`: what waits, per rule and per link, read from the outboxes now.
package struct ReplicationReport: Sendable, Codable, Hashable {
    package static let currentVersion = 1

    package struct Rule: Sendable, Codable, Hashable {
        package var sourceRegion: String
        package var sourceBucket: String
        /// `nil` when no region has the destination.
        package var destinationRegion: String?
        package var destination: String
        package var rule: String
        /// `nil` for a rule that is gone while some of its work is left.
        package var isEnabled: Bool?
        package var pendingVersions: Int64
        package var pendingBytes: Int64
        /// Age of the oldest waiting version: what would be lost if the source were lost now (RPO).
        package var oldestAgeMilliseconds: Int64
        /// Waiting versions that have failed at least once.
        package var retrying: Int64
        /// Versions given up until they are retried, since they were written; not only since the start.
        package var failedVersions: Int64
        package var failedBytes: Int64
        /// Over the last half minute.
        package var versionsPerSecond: Double
        package var bytesPerSecond: Double
        /// When what waits now will be there at this rate; `nil` when nothing moves.
        package var etaSeconds: Double?
        /// Of Replication Time Control, since the process started.
        package var missedThreshold: Int64
        package var replicatedAfterThreshold: Int64
    }

    package struct Link: Sendable, Codable, Hashable {
        package var from: String
        /// `nil` for destinations that no region has.
        package var to: String?
        /// The other end has failed repeatedly and is being probed.
        package var isPaused: Bool
        package var inFlight: Int
        package var lastFailure: String?
        /// The limit in bytes per second; `nil` without one.
        package var limitBytesPerSecond: Int64?
        package var pendingVersions: Int64
        package var pendingBytes: Int64
        package var oldestAgeMilliseconds: Int64
        package var failedVersions: Int64
        package var versionsPerSecond: Double
        package var bytesPerSecond: Double
        package var etaSeconds: Double?
        /// Since the process started.
        package var replicated: Int64
        package var retries: Int64
        /// Upper bounds of histogram buckets, from the write to the recorded replica.
        package var lagP50Milliseconds: Int64?
        package var lagP99Milliseconds: Int64?
    }

    package var version = ReplicationReport.currentVersion
    package var rules: [Rule]
    package var links: [Link]
    /// Regions that are missing here; left out when there are none.
    package var unreachable: [UnreachableRegion]?
}

/// The answer of `/-/admin/replication/object`: every region's versions of one key.
package struct ObjectReport: Sendable, Codable, Hashable {
    package static let currentVersion = 1

    package struct Work: Sendable, Codable, Hashable {
        package var destination: String
        package var rule: String
        package var isFailed: Bool
        package var attempts: Int
        /// Why it failed last.
        package var reason: String?
    }

    package struct Version: Sendable, Codable, Hashable {
        package var versionID: String
        /// The region that made it, when it is one of those here.
        package var origin: String?
        package var isCurrent: Bool
        package var isDeleteMarker: Bool
        package var size: Int64
        package var etag: String?
        /// Milliseconds since 1970.
        package var modified: Int64
        /// As `x-amz-replication-status`; `nil` for a version that no rule took.
        package var status: String?
        package var storageClass: String?
        package var tags: Int
        package var work: [Work]
    }

    package struct Region: Sendable, Codable, Hashable {
        package var region: String
        package var bucket: String
        /// Newest first, at most ``ReplicationAdmin/versionsShown``.
        package var versions: [Version]
        /// Why the region could not be read.
        package var trouble: String?
    }

    package var version = ObjectReport.currentVersion
    package var key: String
    package var regions: [Region]
    /// All regions have the same versions, the same one current, and nothing waits.
    package var isSame: Bool
    /// Regions that could not be asked whether they have more of it; left out when there are none.
    package var unreachable: [UnreachableRegion]?
}

/// The answer of `/-/admin/replication/retry`.
package struct RetryReport: Sendable, Codable, Hashable {
    package struct Bucket: Sendable, Codable, Hashable {
        package var bucket: String
        package var retried: Int
        /// Left failed: no rule brings these to their destination any more.
        package var withoutRule: Int
        /// Left failed: their records are damaged.
        package var damaged: Int
    }
    package var version = 1
    package var buckets: [Bucket]
    /// Regions that are missing here; left out when there are none.
    package var unreachable: [UnreachableRegion]?
}

/// The answer of `/-/admin/replication/failures`.
package struct FailureReport: Sendable, Codable, Hashable {
    package struct Failure: Sendable, Codable, Hashable {
        package var id: Int64
        package var key: String
        package var versionID: String
        package var destination: String
        package var rule: String
        package var reason: String
        package var attempts: Int
        /// Milliseconds since 1970.
        package var failed: Int64
    }
    package var version = 1
    package var bucket: String
    package var failures: [Failure]
}

/// The answer of `/-/admin/replication/conflicts`.
package struct ConflictReport: Sendable, Codable, Hashable {
    package struct Conflict: Sendable, Codable, Hashable {
        package var bucket: String
        package var region: String
        package var key: String
        package var winner: String
        package var loser: String
        package var loserRegion: String?
        /// Milliseconds since 1970.
        package var found: Int64
    }
    package var version = 1
    package var conflicts: [Conflict]
    /// There are more than are shown.
    package var isTruncated: Bool
    /// Regions that are missing here; left out when there are none.
    package var unreachable: [UnreachableRegion]?
}

/// The answer of `/-/admin/replication/mesh`.
package struct MeshReport: Sendable, Codable, Hashable {
    package struct Member: Sendable, Codable, Hashable {
        package var bucket: String
        package var region: String
        package var lines: [String]
    }
    package var version = 1
    package var accessPoint: String
    package var members: [Member]
    /// Nothing is left to do.
    package var isComplete: Bool
    /// Rules that stay carry less than those of a mesh, for some keys at least; the lines say which.
    package var carriesLess: Bool
    /// Stands for exactly this plan: to be given back when it is to be done.
    package var token: String
    /// What the lines say was done with this answer; else they only say what would be.
    package var isDone: Bool
}

/// The answer of `/-/admin/replication/limit`.
package struct LimitReport: Sendable, Codable, Hashable {
    package var version = 1
    package var from: String
    package var to: String
    package var bytesPerSecond: Int64?
}

/// The answer of `/-/admin/access-point/reads`.
package struct ReadsReport: Sendable, Codable, Hashable {
    package var version = 1
    package var accessPoint: String
    package var mode: String
}
