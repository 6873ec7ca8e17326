/// The Prometheus text exposition format, version 0.0.4.
package enum PrometheusText {
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// `meridian_` and then lower-case letters, digits and underscores.
    static func isMetricName(_ name: String) -> Bool {
        name.hasPrefix("meridian_")
            && name.utf8.allSatisfy {
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: "_")
            }
    }

    /// Backslash, newline and, in label values, the quote.
    static func escape(_ text: String, quotes: Bool) -> String {
        var out = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\"" where quotes: out += "\\\""
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out
    }

    /// Nanoseconds as decimal seconds, exactly.
    static func seconds(_ nanoseconds: UInt64) -> String {
        let whole = nanoseconds / 1_000_000_000
        var fraction = String(nanoseconds % 1_000_000_000)
        if fraction == "0" { return String(whole) }
        fraction = String(repeating: "0", count: 9 - fraction.count) + fraction
        while fraction.hasSuffix("0") { fraction.removeLast() }
        return "\(whole).\(fraction)"
    }

    static func labels(_ labels: [MetricLabel]) -> String {
        guard !labels.isEmpty else { return "" }
        return "{" + labels.map { "\($0.name)=\"\(escape($0.value, quotes: true))\"" }.joined(separator: ",") + "}"
    }
}

extension Metrics {
    /// Every family with its help and type, in name order.
    package func prometheusText() -> String {
        var out = ""
        for family in snapshot() {
            let lines = family.series.flatMap { Self.lines(family: family, series: $0) }
            if lines.isEmpty { continue }
            out += "# HELP \(family.name) \(PrometheusText.escape(family.help, quotes: false))\n"
            out += "# TYPE \(family.name) \(family.kind.rawValue)\n"
            for line in lines { out += line + "\n" }
        }
        return out
    }

    private static func lines(family: Family, series: Series) -> [String] {
        let labels = PrometheusText.labels(series.labels)
        switch series.instrument {
        case .counter(let counter):
            let value = counter.value
            return value == 0 && family.omitsZero ? [] : ["\(family.name)\(labels) \(value)"]
        case .gauge(let gauge): return ["\(family.name)\(labels) \(gauge.value)"]
        case .computedSeries(let read):
            return read().map { "\(family.name)\(PrometheusText.labels($0.labels)) \($0.value)" }
        case .computed(let read): return ["\(family.name)\(labels) \(read())"]
        case .histogram(let histogram):
            let snapshot = histogram.snapshot
            if snapshot.count == 0 && family.omitsZero { return [] }
            var lines: [String] = []
            var cumulative: UInt64 = 0
            for (index, count) in snapshot.counts.enumerated() {
                cumulative &+= count
                let bound = index < snapshot.bounds.count ? PrometheusText.seconds(snapshot.bounds[index]) : "+Inf"
                let all = PrometheusText.labels(series.labels + [MetricLabel("le", bound)])
                lines.append("\(family.name)_bucket\(all) \(cumulative)")
            }
            lines.append("\(family.name)_sum\(labels) \(PrometheusText.seconds(snapshot.sumNanoseconds))")
            lines.append("\(family.name)_count\(labels) \(cumulative)")
            return lines
        }
    }
}
