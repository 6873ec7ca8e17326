import Synchronization

/// A number that only rises. Adding is one relaxed atomic add: no lock, no allocation.
package final class Counter: Sendable {
    private let total = Atomic<UInt64>(0)

    package init() {}

    package func add(_ amount: UInt64 = 1) { total.wrappingAdd(amount, ordering: .relaxed) }

    /// For sizes, which are signed everywhere else; negative amounts count as 0.
    package func add(bytes: Int64) { add(UInt64(max(0, bytes))) }

    package var value: UInt64 { total.load(ordering: .relaxed) }
}

/// A number that goes up and down.
package final class Gauge: Sendable {
    private let current = Atomic<Int64>(0)

    package init() {}

    package func set(_ value: Int64) { current.store(value, ordering: .relaxed) }
    package func add(_ amount: Int64) { current.wrappingAdd(amount, ordering: .relaxed) }
    package var value: Int64 { current.load(ordering: .relaxed) }
}

/// Durations sorted into fixed buckets. A reader may see a sum that is a few observations ahead of the buckets; the
/// count it is shown is always the total of the buckets.
package final class Histogram: Sendable {
    /// Upper bounds for request durations: half a millisecond to a minute.
    package static let latencyBounds: [UInt64] = [
        500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000, 100_000_000, 250_000_000,
        500_000_000, 1_000_000_000, 2_500_000_000, 10_000_000_000, 60_000_000_000,
    ]

    /// Inclusive upper bounds in nanoseconds, rising; one bucket more than bounds catches the rest.
    package let bounds: [UInt64]
    private let buckets: [Counter]
    private let sum = Counter()

    package init(bounds: [UInt64] = Histogram.latencyBounds) {
        self.bounds = bounds.sorted()
        buckets = (0...bounds.count).map { _ in Counter() }
    }

    package func observe(nanoseconds: UInt64) {
        var index = 0
        while index < bounds.count && nanoseconds > bounds[index] { index += 1 }
        buckets[index].add()
        sum.add(nanoseconds)
    }

    package var snapshot: HistogramSnapshot {
        HistogramSnapshot(bounds: bounds, counts: buckets.map(\.value), sumNanoseconds: sum.value)
    }
}

/// A histogram at one moment.
package struct HistogramSnapshot: Sendable, Hashable {
    package let bounds: [UInt64]
    /// Per bucket, not cumulative; one more than `bounds`.
    package let counts: [UInt64]
    package let sumNanoseconds: UInt64

    package var count: UInt64 { counts.reduce(0, &+) }

    /// The upper bound in nanoseconds of the bucket that holds the given share of observations, `nil` when empty or when
    /// it is in the last, open bucket.
    package func upperBound(ofQuantile quantile: Double) -> UInt64? {
        let wanted = UInt64((Double(count) * quantile).rounded(.up))
        guard wanted > 0 else { return nil }
        var seen: UInt64 = 0
        for (index, bucket) in counts.enumerated() {
            seen &+= bucket
            if seen >= wanted { return index < bounds.count ? bounds[index] : nil }
        }
        return nil
    }
}

/// A label of a metric. Label values come from small fixed sets (operations, regions), never from keys or buckets, so
/// that the number of series is bounded by the configuration.
package struct MetricLabel: Sendable, Hashable {
    package let name: String
    package let value: String

    package init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// Every metric of the process. A metric is registered once, with its labels, before the first request; after that it is
/// updated without the registry. Asking for the same name and labels again returns the same metric.
package final class Metrics: Sendable {
    enum Kind: String, Sendable { case counter, gauge, histogram }

    enum Instrument: Sendable {
        case counter(Counter)
        case gauge(Gauge)
        case histogram(Histogram)
        /// Read when somebody looks, for numbers that another part owns, such as the outbox.
        case computed(@Sendable () -> Int64)
        /// As `computed`, with series that come and go, such as one per destination.
        case computedSeries(@Sendable () -> [(labels: [MetricLabel], value: Int64)])
    }

    struct Series: Sendable {
        let labels: [MetricLabel]
        let instrument: Instrument
    }

    struct Family: Sendable {
        let name: String
        let help: String
        let kind: Kind
        /// Series that never counted are left out: the product of operations, regions and status classes is large, and
        /// most of it never happens.
        let omitsZero: Bool
        var series: [Series] = []
        /// Labels → index in `series`: a process has thousands of series.
        var positions: [[MetricLabel]: Int] = [:]
    }

    private let families = Mutex<[String: Family]>([:])

    package init() {}

    package func counter(
        _ name: String, help: String, labels: [MetricLabel] = [], omitsZero: Bool = false
    ) -> Counter {
        let made = register(name, help, .counter, labels, omitsZero) { .counter(Counter()) }
        guard case .counter(let counter) = made else { preconditionFailure("\(name) is no counter") }
        return counter
    }

    package func gauge(_ name: String, help: String, labels: [MetricLabel] = []) -> Gauge {
        let made = register(name, help, .gauge, labels, false) { .gauge(Gauge()) }
        guard case .gauge(let gauge) = made else { preconditionFailure("\(name) is no gauge") }
        return gauge
    }

    /// A gauge whose value is asked for at exposition. `read` must be quick and must not block.
    package func gauge(
        _ name: String, help: String, labels: [MetricLabel] = [], reading read: @escaping @Sendable () -> Int64
    ) {
        _ = register(name, help, .gauge, labels, false) { .computed(read) }
    }

    /// A family that is asked for at exposition and says which series it has then. `read` must be quick and must not
    /// block, and its labels must come from a bounded set.
    package func computed(
        _ name: String, help: String, isCounter: Bool,
        reading read: @escaping @Sendable () -> [(labels: [MetricLabel], value: Int64)]
    ) {
        let kind: Kind = isCounter ? .counter : .gauge
        let position = MetricLabel("", String(snapshot().first { $0.name == name }?.series.count ?? 0))
        _ = register(name, help, kind, [position], true) { .computedSeries(read) }
    }

    package func histogram(
        _ name: String, help: String, labels: [MetricLabel] = [], bounds: [UInt64] = Histogram.latencyBounds,
        omitsZero: Bool = false
    ) -> Histogram {
        let made = register(name, help, .histogram, labels, omitsZero) { .histogram(Histogram(bounds: bounds)) }
        guard case .histogram(let histogram) = made else { preconditionFailure("\(name) is no histogram") }
        return histogram
    }

    /// In name order.
    func snapshot() -> [Family] {
        families.withLock { Array($0.values) }.sorted { $0.name < $1.name }
    }

    private func register(
        _ name: String, _ help: String, _ kind: Kind, _ labels: [MetricLabel], _ omitsZero: Bool,
        make: () -> Instrument
    ) -> Instrument {
        precondition(PrometheusText.isMetricName(name), "not a metric name: \(name)")
        return families.withLock { families in
            // Taken out while it is changed, so that its arrays are not copied.
            var family =
                families.removeValue(forKey: name)
                ?? Family(name: name, help: help, kind: kind, omitsZero: omitsZero)
            defer { families[name] = family }
            precondition(family.kind == kind, "\(name) was registered as \(family.kind.rawValue)")
            if let position = family.positions[labels] { return family.series[position].instrument }
            let instrument = make()
            family.positions[labels] = family.series.count
            family.series.append(Series(labels: labels, instrument: instrument))
            return instrument
        }
    }
}
