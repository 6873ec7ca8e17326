import Environment
import Replication
import S3Model
import Storage
import Telemetry

/// What waits in each region's outbox, read when somebody looks, so that it is never an estimate.
enum ReplicationGauges {
    static func register(_ installation: Installation, in metrics: Metrics) {
        for store in installation.stores.values {
            let labels = [MetricLabel("region", store.region.rawValue)]
            let time = installation.time
            @Sendable func report() -> ReplicationStatusReport? {
                try? ReplicationStatusReport(
                    region: store, at: Timestamp(milliseconds: time.wallMilliseconds()))
            }
            metrics.gauge(
                "meridian_replication_pending_versions", help: "Versions of this region that wait to be replicated.",
                labels: labels, reading: { report()?.pendingVersions ?? -1 })
            metrics.gauge(
                "meridian_replication_pending_bytes", help: "Their bytes.", labels: labels,
                reading: { report()?.pendingBytes ?? -1 })
            metrics.gauge(
                "meridian_replication_oldest_pending_milliseconds",
                help: "Age of the oldest waiting version: what would be lost if the region were lost now.",
                labels: labels, reading: { report()?.oldestAgeMilliseconds ?? -1 })
        }
        let stores = installation.stores.values.sorted { $0.region < $1.region }
        for (store, service) in zip(stores, installation.replication) {
            ReplicationMetrics.register(service.counters, of: store.region, in: metrics)
        }
    }
}
