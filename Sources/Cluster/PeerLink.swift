package import S3Model
package import Storage

/// A version on its way to another region: the record verbatim, and what the rule adds.
package struct ReplicaPush: Sendable {
    package var source: RegionName
    package var sourceBucket: BucketName
    package var destination: BucketName
    package var ruleID: String
    package var kind: OutboxEntry.Kind
    package var version: ObjectVersion
    /// Whether the peer stores the version when it does not have it. Not for a change of tags under a rule that does not
    /// cover the version any more.
    package var createsVersion = true

    package init(
        source: RegionName, sourceBucket: BucketName, destination: BucketName, ruleID: String, kind: OutboxEntry.Kind,
        version: ObjectVersion
    ) {
        self.source = source
        self.sourceBucket = sourceBucket
        self.destination = destination
        self.ruleID = ruleID
        self.kind = kind
        self.version = version
    }
}

/// Why a peer did not take a version.
package enum PeerError: Error, Sendable, Equatable {
    /// The link or the peer is down, slow or full: try again later.
    case unavailable(reason: String)
    /// Trying again is not likely to help; the reason is one of S3's failure reasons (spec/mrap.md §15.13), for example
    /// `DstBucketNotFound`, or says what is damaged there.
    case refused(reason: String)
}

/// How long a region is waited for that is sent a version, in one place for all that wait.
package enum PeerPatience {
    /// A region that for so long takes no byte, gives no answer and does not say that it is at work on what it has already
    /// (``ResumableSource/noteProgress()``) is taken to be down. It is long because a disk may stand still for many
    /// seconds; a region that does not even acknowledge is noticed much earlier.
    package static let milliseconds: Int64 = 30_000
}

/// How one region talks to another. In-process on one machine, HTTP between processes, lossy and partitioned in the
/// simulation.
package protocol PeerLink: Sendable {
    /// The region at the other end.
    var region: RegionName { get }
    /// Delivers a version; `body` is pulled only when the peer does not have the bytes. Idempotent by stamp. Throws
    /// ``PeerError``.
    func apply(_ push: ReplicaPush, body: (any ByteSource)?) async throws -> ApplyOutcome
}
