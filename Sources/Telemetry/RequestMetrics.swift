/// What is counted of every request: by operation, region and status class, with a latency histogram per operation.
///
/// All series are made here, so that counting a request is two dictionary look-ups and a few atomic adds.
package final class RequestMetrics: Sendable {
    /// Counted in place of an operation or region that is not in the fixed set.
    package static let unknown = "unknown"

    private struct OperationSeries: Sendable {
        /// By region, then status class 0...5 (0: the client went away before an answer).
        let requests: [String: [Counter]]
        let latency: Histogram
    }

    private let operations: [String: OperationSeries]
    private let unknownOperation: OperationSeries
    private let routes: [String: [String: Counter]]
    private let bytesIn: [String: Counter]
    private let bytesOut: [String: Counter]
    private let damagedReads: [String: Counter]
    /// Requests refused before an operation was known: bad HTTP, too large a head, CONNECT to a foreign name.
    package let refused: Counter

    /// - Parameters:
    ///   - operations: every operation's name as in the operation table, for example `GetObject`.
    ///   - regions: the names of the configured regions.
    ///   - routeReasons: every reason that the route chooser can give.
    package init(registry: Metrics, operations: [String], regions: [String], routeReasons: [String]) {
        let regions = regions + [Self.unknown]
        func series(_ operation: String) -> OperationSeries {
            var requests: [String: [Counter]] = [:]
            for region in regions {
                requests[region] = (0...5).map { statusClass in
                    registry.counter(
                        "meridian_requests_total", help: "Requests answered.",
                        labels: [
                            MetricLabel("operation", operation), MetricLabel("region", region),
                            MetricLabel("status", statusClass == 0 ? "aborted" : "\(statusClass)xx"),
                        ], omitsZero: true)
                }
            }
            let latency = registry.histogram(
                "meridian_request_duration_seconds", help: "Time from the request's head to the end of its answer.",
                labels: [MetricLabel("operation", operation)], omitsZero: true)
            return OperationSeries(requests: requests, latency: latency)
        }
        self.operations = Dictionary(operations.map { ($0, series($0)) }, uniquingKeysWith: { first, _ in first })
        unknownOperation = series(Self.unknown)
        func perRegion(_ name: String, _ help: String) -> [String: Counter] {
            Dictionary(
                regions.map { ($0, registry.counter(name, help: help, labels: [MetricLabel("region", $0)])) },
                uniquingKeysWith: { first, _ in first })
        }
        bytesIn = perRegion("meridian_request_bytes_total", "Body bytes received from clients.")
        bytesOut = perRegion("meridian_response_bytes_total", "Body bytes sent to clients.")
        damagedReads = perRegion(
            "meridian_storage_damaged_reads_total", "Requests that met stored bytes which are not what was written.")
        routes = Dictionary(
            (routeReasons + [Self.unknown]).map { reason in
                let counters = regions.map { region in
                    (
                        region,
                        registry.counter(
                            "meridian_route_decisions_total",
                            help: "Requests to access points, by the region chosen and the reason.",
                            labels: [MetricLabel("reason", reason), MetricLabel("region", region)], omitsZero: true)
                    )
                }
                return (reason, Dictionary(counters, uniquingKeysWith: { first, _ in first }))
            }, uniquingKeysWith: { first, _ in first })
        refused = registry.counter(
            "meridian_requests_refused_total", help: "Connections or heads refused before they became a request.")
    }

    /// Counts one answered request. `status` 0: the client went away before the answer was complete.
    package func record(
        operation: String, region: String?, status: Int, nanoseconds: UInt64, bytesIn received: Int64,
        bytesOut sent: Int64
    ) {
        let series = operations[operation] ?? unknownOperation
        let region = region.flatMap { bytesIn[$0] == nil ? nil : $0 } ?? Self.unknown
        let statusClass = (100...599).contains(status) ? status / 100 : 0
        series.requests[region]?[statusClass].add()
        series.latency.observe(nanoseconds: nanoseconds)
        if received > 0 { bytesIn[region]?.add(bytes: received) }
        if sent > 0 { bytesOut[region]?.add(bytes: sent) }
    }

    /// Counts one request that met damaged bytes.
    package func recordDamage(region: String?) {
        (damagedReads[region ?? Self.unknown] ?? damagedReads[Self.unknown])?.add()
    }

    /// Counts one decision of the route chooser.
    package func recordRoute(reason: String, region: String) {
        let counters = routes[reason] ?? routes[Self.unknown]
        (counters?[region] ?? counters?[Self.unknown])?.add()
    }

    /// Totals for the status page: operation → (answered, answered with 4xx, answered with 5xx).
    package func totals() -> [RequestTotal] {
        var out: [RequestTotal] = []
        for (name, series) in operations.merging(
            [Self.unknown: unknownOperation], uniquingKeysWith: { first, _ in first })
        {
            let all = series.requests.values
            func sum(_ statusClass: Int) -> UInt64 { all.reduce(0) { $0 &+ $1[statusClass].value } }
            let count = (0...5).reduce(UInt64(0)) { $0 &+ sum($1) }
            guard count > 0 else { continue }
            out.append(
                RequestTotal(
                    operation: name, count: count, clientErrors: sum(4), serverErrors: sum(5),
                    p50Nanoseconds: series.latency.snapshot.upperBound(ofQuantile: 0.5),
                    p99Nanoseconds: series.latency.snapshot.upperBound(ofQuantile: 0.99)))
        }
        return out.sorted { $0.count != $1.count ? $0.count > $1.count : $0.operation < $1.operation }
    }
}

/// What one operation has done since the process started.
package struct RequestTotal: Sendable, Hashable {
    package let operation: String
    package let count: UInt64
    package let clientErrors: UInt64
    package let serverErrors: UInt64
    /// Upper bounds of the histogram buckets, not exact quantiles.
    package let p50Nanoseconds: UInt64?
    package let p99Nanoseconds: UInt64?
}
