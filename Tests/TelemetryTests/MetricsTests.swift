import Telemetry
import Testing

@Suite struct MetricsTests {
    @Test func countersGaugesAndHistogramsComeOutAsPrometheusReadsThem() {
        let metrics = Metrics()
        metrics.counter("meridian_b_total", help: "Things\nseen.", labels: [MetricLabel("kind", "a\"b\\c")]).add(3)
        metrics.gauge("meridian_a", help: "Level.").set(-2)
        metrics.gauge("meridian_c", help: "Asked.", reading: { 7 })
        let histogram = metrics.histogram("meridian_d_seconds", help: "Time.", bounds: [1_000_000, 2_500_000_000])
        histogram.observe(nanoseconds: 1_000_000)
        histogram.observe(nanoseconds: 1_000_001)
        histogram.observe(nanoseconds: 9_000_000_000)
        let expected = #"""
            # HELP meridian_a Level.
            # TYPE meridian_a gauge
            meridian_a -2
            # HELP meridian_b_total Things\nseen.
            # TYPE meridian_b_total counter
            meridian_b_total{kind="a\"b\\c"} 3
            # HELP meridian_c Asked.
            # TYPE meridian_c gauge
            meridian_c 7
            # HELP meridian_d_seconds Time.
            # TYPE meridian_d_seconds histogram
            meridian_d_seconds_bucket{le="0.001"} 1
            meridian_d_seconds_bucket{le="2.5"} 2
            meridian_d_seconds_bucket{le="+Inf"} 3
            meridian_d_seconds_sum 9.002000001
            meridian_d_seconds_count 3

            """#
        #expect(metrics.prometheusText() == expected)
    }

    @Test func theSameNameAndLabelsAreTheSameMetric() {
        let metrics = Metrics()
        let first = metrics.counter("meridian_x_total", help: "X.", labels: [MetricLabel("region", "one")])
        let second = metrics.counter("meridian_x_total", help: "X.", labels: [MetricLabel("region", "one")])
        let other = metrics.counter("meridian_x_total", help: "X.", labels: [MetricLabel("region", "two")])
        first.add()
        #expect(second.value == 1)
        #expect(other.value == 0)
    }

    @Test func countingFromManyTasksLosesNothing() async {
        let counter = Counter()
        let histogram = Histogram()
        await withTaskGroup(of: Void.self) { group in
            for task in 0..<8 {
                group.addTask {
                    for step in 0..<1000 {
                        counter.add(2)
                        histogram.observe(nanoseconds: UInt64(task * step * 10_000))
                    }
                }
            }
        }
        #expect(counter.value == 16_000)
        #expect(histogram.snapshot.count == 8000)
    }

    @Test func quantilesAreUpperBoundsOfBuckets() {
        let histogram = Histogram(bounds: [10, 20, 30])
        #expect(histogram.snapshot.upperBound(ofQuantile: 0.5) == nil)
        for value: UInt64 in [1, 2, 15, 99] { histogram.observe(nanoseconds: value) }
        #expect(histogram.snapshot.upperBound(ofQuantile: 0.5) == 10)
        #expect(histogram.snapshot.upperBound(ofQuantile: 0.75) == 20)
        #expect(histogram.snapshot.upperBound(ofQuantile: 0.99) == nil)
    }
}

@Suite struct RequestMetricsTests {
    private let registry = Metrics()

    private func made() -> RequestMetrics {
        RequestMetrics(
            registry: registry, operations: ["GetObject", "PutObject"], regions: ["us-east-1", "eu-west-1"],
            routeReasons: ["nearest"])
    }

    @Test func aRequestIsCountedOnceByOperationRegionAndStatusClass() {
        let metrics = made()
        metrics.record(
            operation: "GetObject", region: "eu-west-1", status: 206, nanoseconds: 2_000_000, bytesIn: 0, bytesOut: 10)
        metrics.record(
            operation: "GetObject", region: "eu-west-1", status: 404, nanoseconds: 2_000_000, bytesIn: 0, bytesOut: 1)
        metrics.record(
            operation: "PutObject", region: nil, status: 0, nanoseconds: 2_000_000, bytesIn: 5, bytesOut: 0)
        let text = registry.prometheusText()
        let region = #"region="eu-west-1""#
        #expect(text.contains(#"meridian_requests_total{operation="GetObject",\#(region),status="2xx"} 1"#))
        #expect(text.contains(#"meridian_requests_total{operation="GetObject",\#(region),status="4xx"} 1"#))
        #expect(
            text.contains(#"meridian_requests_total{operation="PutObject",region="unknown",status="aborted"} 1"#))
        #expect(text.contains(#"meridian_response_bytes_total{region="eu-west-1"} 11"#))
        #expect(text.contains(#"meridian_request_bytes_total{region="unknown"} 5"#))
        #expect(text.contains(#"meridian_request_duration_seconds_count{operation="GetObject"} 2"#))
        #expect(!text.contains(#"status="5xx""#), "series that never counted are left out")
    }

    /// Names come from requests only after they were matched with fixed sets; what is in no set must not make a series.
    @Test func unknownNamesMakeNoSeries() {
        let metrics = made()
        metrics.record(
            operation: "Evil\"}", region: "mars-1", status: 999, nanoseconds: 1, bytesIn: -4, bytesOut: -4)
        metrics.recordRoute(reason: "mood", region: "mars-1")
        metrics.recordRoute(reason: "nearest", region: "us-east-1")
        let text = registry.prometheusText()
        #expect(!text.contains("Evil") && !text.contains("mars-1") && !text.contains("mood"))
        #expect(
            text.contains(#"meridian_requests_total{operation="unknown",region="unknown",status="aborted"} 1"#))
        #expect(text.contains(#"meridian_route_decisions_total{reason="unknown",region="unknown"} 1"#))
        #expect(text.contains(#"meridian_route_decisions_total{reason="nearest",region="us-east-1"} 1"#))
    }

    @Test func totalsAreSortedByCount() {
        let metrics = made()
        for status in [200, 200, 503] {
            metrics.record(
                operation: "PutObject", region: "us-east-1", status: status, nanoseconds: 3_000_000, bytesIn: 1,
                bytesOut: 1)
        }
        metrics.record(
            operation: "GetObject", region: "us-east-1", status: 404, nanoseconds: 1, bytesIn: 0, bytesOut: 0)
        let totals = metrics.totals()
        #expect(totals.map(\.operation) == ["PutObject", "GetObject"])
        #expect(totals[0].count == 3 && totals[0].serverErrors == 1 && totals[0].p50Nanoseconds == 5_000_000)
        #expect(totals[1].clientErrors == 1)
    }
}
