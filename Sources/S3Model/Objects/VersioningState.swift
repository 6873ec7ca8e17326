/// A bucket's versioning: once enabled it can be suspended but never becomes unversioned again.
package enum VersioningState: UInt8, Sendable, Hashable {
    case unversioned = 0
    case enabled = 1
    case suspended = 2
}

/// `x-amz-replication-status` of a version (spec/mrap.md §15.8).
package enum ReplicationStatus: UInt8, Sendable, Hashable {
    /// No rule matched: the header is absent.
    case none = 0
    case pending = 1
    case completed = 2
    case failed = 3
    case replica = 4

    package var headerValue: String? {
        switch self {
        case .none: nil
        case .pending: "PENDING"
        case .completed: "COMPLETED"
        case .failed: "FAILED"
        case .replica: "REPLICA"
        }
    }
}
