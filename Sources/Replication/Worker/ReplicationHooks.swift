package import S3Model
package import Storage

/// What replication tells whoever watches it: counters, and notices for the log and for bucket events.
package struct ReplicationHooks: Sendable {
    package var counters: ReplicationCounters
    package var notice: @Sendable (ReplicationNotice) -> Void

    package init(
        counters: ReplicationCounters = ReplicationCounters(),
        notice: @escaping @Sendable (ReplicationNotice) -> Void = { _ in }
    ) {
        self.counters = counters
        self.notice = notice
    }
}

package enum ReplicationNotice: Sendable {
    /// A peer has failed repeatedly; its link probes until it answers. `nil`: destinations that no region has.
    case linkPaused(RegionName?, reason: String)
    case linkResumed(RegionName?)
    /// The entry is given up and its version FAILED (`s3:Replication:OperationFailedReplication`, spec/mrap.md §15.12).
    case failed(OutboxEntry, reason: String)
    /// Under a rule with Replication Time Control: still waiting after its threshold
    /// (`s3:Replication:OperationMissedThreshold`). Told again when the process starts anew.
    case missedThreshold(OutboxEntry)
    /// The same, done at last (`s3:Replication:OperationReplicatedAfterThreshold`).
    case replicatedAfterThreshold(OutboxEntry, milliseconds: Int64)
    /// This region's own store did not answer; it is asked again.
    case storeTrouble(reason: String)
}

/// A link as it is now, for the console.
package struct LinkCondition: Sendable, Hashable {
    package var isPaused = false
    package var inFlight = 0
    /// Why the latest attempt failed; `nil` after a success.
    package var lastFailure: String?
    package init() {}
}
