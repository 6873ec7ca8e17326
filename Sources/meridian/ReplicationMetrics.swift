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
        counter("meridian_replication_unchanged_total", "Of the versions, those that the destination had already.") {
            $0.unchanged
        }
        counter("meridian_replication_retries_total", "Attempts that failed and will be repeated.") { $0.retries }
        counter("meridian_replication_failed_total", "Versions given up: their status is FAILED.") { $0.failed }
        counter(
            "meridian_replication_lag_milliseconds_total", "Sum of the times from a write to its completed replica."
        ) { $0.lagSumMilliseconds }
    }
}
