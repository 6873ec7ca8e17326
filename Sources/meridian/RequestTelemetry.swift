import AccessPoints
import Gateway
import Logging
import NIOCore
import S3Model
import Telemetry

/// What becomes of requests → counters and the access log.
struct RequestTelemetry: RequestObserver {
    let metrics: RequestMetrics
    private let accessLog: AccessLog

    init(registry: Metrics, regions: [RegionName]) {
        metrics = RequestMetrics(
            registry: registry, operations: S3Operation.allCases.map(\.rawValue) + ["GetCallerIdentity"],
            regions: regions.map(\.rawValue),
            routeReasons: RouteReason.allCases.map(\.rawValue))
        accessLog = AccessLog(logger: Logger(label: "access"))
    }

    func finished(_ trace: RequestTrace) {
        guard let operation = trace.operation?.rawValue ?? trace.otherOperation else {
            metrics.refused.add()
            return
        }
        let region = trace.region?.rawValue
        metrics.record(
            operation: operation, region: region, status: trace.status, nanoseconds: trace.durationNanoseconds,
            bytesIn: trace.bytesIn, bytesOut: trace.bytesOut)
        if trace.foundDamage { metrics.recordDamage(region: region) }
        if let reason = trace.reason, let region { metrics.recordRoute(reason: reason, region: region) }
        accessLog.record(Self.entry(trace, operation: operation))
    }

    private static func entry(_ trace: RequestTrace, operation: String) -> AccessLogEntry {
        var entry = AccessLogEntry(
            requestID: trace.id.description, method: trace.method, path: trace.path, operation: operation,
            status: trace.status, bytesIn: trace.bytesIn, bytesOut: trace.bytesOut,
            nanoseconds: trace.durationNanoseconds)
        entry.remoteAddress = trace.peer?.ipAddress
        entry.accessKeyID = trace.accessKeyID
        entry.region = trace.region?.rawValue
        entry.bucket = trace.bucket
        entry.accessPoint = trace.accessPoint
        entry.routeReason = trace.reason
        entry.errorCode = trace.errorCode
        return entry
    }
}
