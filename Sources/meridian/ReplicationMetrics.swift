package import Replication
package import S3Model
package import Telemetry

/// Makes the counters of a region's replication visible as metrics.
package enum ReplicationMetrics {
    /// Call once per region, before the first request.
    package static func register(_ counters: ReplicationCounters, of region: RegionName, in metrics: Metrics) {
        func counter(
            _ name: String, _ help: String, _ value: @escaping @Sendable (ReplicationCounters.Reading) -> Int64
        ) {
            metrics.computed(name, help: help, isCounter: true) {
                counters.snapshot().map { destination, reading in
                    (
                        labels: [
                            MetricLabel("source", region.rawValue),
                            MetricLabel("destination", destination?.rawValue ?? RequestMetrics.unknown),
                        ], value: value(reading)
                    )
                }.sorted { $0.labels[1].value < $1.labels[1].value }
            }
        }
        counter("meridian_replication_versions_total", "Versions and changes that the destination has taken.") {
            $0.replicated
        }
        counter("meridian_replication_bytes_total", "Bytes that the destination has taken.") { $0.bytes }
        counter("meridian_replication_unchanged_total", "Deliveries that the destination had already.") {
            $0.unchanged
        }
        counter("meridian_replication_retries_total", "Attempts that failed and will be repeated.") { $0.retries }
        counter("meridian_replication_failed_total", "Versions given up: their status is FAILED.") { $0.failed }
        counter(
            "meridian_replication_lag_milliseconds_total", "Sum of the times from a write to its completed replica."
        ) { $0.lagSumMilliseconds }
        registerRules(counters, of: region, in: metrics)
    }

    /// What S3 has per rule: dimensions source bucket, destination bucket, rule id (spec/mrap.md §15.11).
    private static func registerRules(_ counters: ReplicationCounters, of region: RegionName, in metrics: Metrics) {
        func counter(
            _ name: String, _ help: String, _ value: @escaping @Sendable (ReplicationCounters.RuleReading) -> Int64
        ) {
            metrics.computed(name, help: help, isCounter: true) {
                counters.ruleSnapshot().sorted {
                    ($0.key.source.rawValue, $0.key.destination.rawValue, $0.key.id)
                        < ($1.key.source.rawValue, $1.key.destination.rawValue, $1.key.id)
                }.map { rule, reading in
                    (
                        labels: [
                            MetricLabel("source", region.rawValue),
                            MetricLabel("source_bucket", rule.source.rawValue),
                            MetricLabel("destination_bucket", rule.destination.rawValue),
                            MetricLabel("rule", rule.id),
                        ], value: value(reading)
                    )
                }
            }
        }
        counter("meridian_replication_rule_versions_total", "Versions and changes a rule has brought over.") {
            $0.replicated
        }
        counter("meridian_replication_rule_failed_total", "Versions a rule has given up.") { $0.failed }
        counter(
            "meridian_replication_rule_missed_threshold_total",
            "Versions that still waited when Replication Time Control's 15 minutes had passed."
        ) { $0.missedThreshold }
        counter(
            "meridian_replication_rule_after_threshold_total", "Versions that arrived after those 15 minutes."
        ) { $0.replicatedAfterThreshold }
    }
}
