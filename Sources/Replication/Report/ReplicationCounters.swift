package import S3Model
import Synchronization

/// Counters of one region's replication to each destination region, for Telemetry to read. They start at zero with the
/// process; what waits is not counted here but read from the outbox (``ReplicationStatusReport``).
package final class ReplicationCounters: Sendable {
    /// Upper bounds of the lag buckets in milliseconds (inclusive); one more bucket holds everything above.
    package static let lagBounds: [Int64] = [
        1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 15_000, 60_000, 300_000, 900_000,
    ]

    package struct Reading: Sendable, Hashable {
        /// Versions and changes the destination has taken.
        package var replicated: Int64 = 0
        /// Deliveries that changed nothing, because the destination had the version already.
        package var unchanged: Int64 = 0
        package var bytes: Int64 = 0
        /// Attempts that will be repeated.
        package var retries: Int64 = 0
        /// Entries given up: their versions are FAILED.
        package var failed: Int64 = 0
        /// Counts per bucket of ``lagBounds`` and one for the rest: from the write to the completed replica.
        package var lag = [Int64](repeating: 0, count: ReplicationCounters.lagBounds.count + 1)
        package var lagSumMilliseconds: Int64 = 0
        package var meter = RateMeter()
        package init() {}
    }

    /// What names a rule: its bucket, where it leads, its id.
    package struct Rule: Sendable, Hashable {
        package var source: BucketName
        package var destination: BucketName
        package var id: String

        package init(source: BucketName, destination: BucketName, id: String) {
            self.source = source
            self.destination = destination
            self.id = id
        }
    }

    /// What S3 counts per rule (spec/mrap.md §15.11, §15.12).
    package struct RuleReading: Sendable, Hashable {
        package var replicated: Int64 = 0
        package var bytes: Int64 = 0
        package var failed: Int64 = 0
        /// Versions that were not there when the rule's Replication Time Control threshold passed.
        package var missedThreshold: Int64 = 0
        /// Versions that came after it.
        package var replicatedAfterThreshold: Int64 = 0
        package var meter = RateMeter()
        package init() {}
    }

    /// The destination region, or `nil` for destinations that no region has.
    private let readings = Mutex<[RegionName?: Reading]>([:])
    private let rules = Mutex<[Rule: RuleReading]>([:])

    package init() {}

    package func snapshot() -> [RegionName?: Reading] { readings.withLock { $0 } }

    package func ruleSnapshot() -> [Rule: RuleReading] { rules.withLock { $0 } }

    func update(_ rule: Rule, _ change: (inout RuleReading) -> Void) {
        rules.withLock { change(&$0[rule, default: RuleReading()]) }
    }

    func update(_ region: RegionName?, _ change: (inout Reading) -> Void) {
        readings.withLock { change(&$0[region, default: Reading()]) }
    }
}

extension ReplicationCounters.Reading {
    /// The upper bound of the lag bucket in which this share (0...1) of all falls; `nil` without any, or above the
    /// greatest bound.
    package func lagMilliseconds(quantile: Double) -> Int64? {
        let total = lag.reduce(0, +)
        guard total > 0 else { return nil }
        let wanted = max(1, Int64((Double(total) * quantile).rounded(.up)))
        var seen: Int64 = 0
        for (index, count) in lag.enumerated() {
            seen += count
            if seen >= wanted {
                return index < ReplicationCounters.lagBounds.count ? ReplicationCounters.lagBounds[index] : nil
            }
        }
        return nil
    }

    /// A wall clock that stepped back counts as no lag.
    mutating func addLag(milliseconds: Int64) {
        let lagged = max(0, milliseconds)
        let bounds = ReplicationCounters.lagBounds
        lag[bounds.firstIndex { lagged <= $0 } ?? bounds.count] += 1
        lagSumMilliseconds += lagged
    }
}
