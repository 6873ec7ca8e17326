/// The page at `/-/`: one HTML document without external assets. The server writes the tables, so it reads without
/// JavaScript; a small script loads the page again every two seconds and swaps the tables in place.
enum ConsolePage {
    /// Style and script come from our own port; nothing is loaded from anywhere else, nothing runs inline.
    static let contentSecurityPolicy =
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none'; "
        + "form-action 'none'; frame-ancestors 'none'"

    static func html(_ report: StatusReport) -> String {
        """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>Meridian</title>
        <link rel="stylesheet" href="/-/style.css">
        <script defer src="/-/refresh.js"></script>
        </head>
        <body>
        <header>
        <h1>Meridian</h1>
        <p id="state" class="\(report.isHealthy && report.failedVersions == 0 ? "good" : "bad")">\
        \(report.isHealthy ? "Healthy" : "Needs attention")\(report.failedText)</p>
        </header>
        <main id="content">
        \(attention(report))
        \(regions(report))
        \(accessPoints(report))
        \(replication(report))
        \(operations(report))
        </main>
        <footer>
        <p>\(escape(report.server)) · up \(duration(report.uptimeMilliseconds)) · \
        \(escape(report.listeners.joined(separator: ", ")))</p>
        <p><a href="/-/status">status as JSON</a> · <a href="/-/metrics">metrics</a></p>
        </footer>
        </body>
        </html>

        """
    }

    private static func attention(_ report: StatusReport) -> String {
        let items = report.attention
        guard !items.isEmpty else { return "" }
        return section(
            "Attention", "<ul class=\"attention\">" + items.map { "<li>\(escape($0))</li>" }.joined() + "</ul>")
    }

    private static func regions(_ report: StatusReport) -> String {
        let rows = report.regions.map { region in
            [
                "<b>\(escape(region.name))</b>\(region.isHome ? " <small>home</small>" : "")"
                    + (region.address.map { " <small>\(escape($0))</small>" } ?? ""),
                region.isHealthy
                    ? "<span class=\"good\">answers</span>"
                    : "<span class=\"bad\">\(escape(region.detail ?? "does not answer"))</span>",
                region.answers == false ? "?" : "\(region.buckets)",
                region.failedVersions.map(failed) ?? "?",
            ]
        }
        return section(
            "Regions", table(["Region", "Store", "Buckets", "Failed"], numbers: [2, 3], rows, empty: "No region."))
    }

    private static func accessPoints(_ report: StatusReport) -> String {
        guard !report.accessPoints.isEmpty else {
            return section(
                "Multi-Region Access Points",
                "<p class=\"empty\">None yet. Create one with <code>aws s3control create-multi-region-access-point</code>.</p>"
            )
        }
        let parts = report.accessPoints.map { point in
            let rows = point.routes.map { route in
                [
                    escape(route.region), escape(route.bucket),
                    "<meter min=\"0\" max=\"100\" value=\"\(route.trafficDial)\">\(route.trafficDial)</meter> "
                        + "\(route.trafficDial) %",
                    route.trafficDial > 0 ? "<span class=\"good\">active</span>" : "passive",
                ]
            }
            let arn = "arn:aws:s3::\(point.account):accesspoint/\(point.alias)"
            return
                "<h3>\(escape(point.name)) <small>\(escape(point.status))</small></h3><p><code>\(escape(arn))</code></p>"
                + table(["Region", "Bucket", "Dial", "Route"], numbers: [], rows, empty: "No routes yet.")
        }
        return section("Multi-Region Access Points", parts.joined())
    }

    private static func replication(_ report: StatusReport) -> String {
        let rows = report.replication.map { item in
            [
                "\(escape(item.sourceBucket)) <small>\(escape(item.sourceRegion))</small>", escape(item.destination),
                escape(item.ruleText), "\(item.pendingVersions)", bytes(item.pendingBytes),
                duration(item.oldestAgeMilliseconds),
                item.retrying == 0 ? "0" : "<span class=\"bad\">\(item.retrying)</span>", failed(item.failedVersions),
            ]
        }
        return section(
            "Replication",
            table(
                ["From", "To", "Rule", "Waiting", "Bytes", "Oldest", "Retrying", "Failed"],
                numbers: [3, 4, 5, 6, 7], rows,
                empty: report.quietText.prefix(1).uppercased() + report.quietText.dropFirst() + "."))
    }

    private static func failed(_ count: Int64) -> String {
        count == 0 ? "0" : "<span class=\"bad\">\(count)</span>"
    }

    private static func operations(_ report: StatusReport) -> String {
        func milliseconds(_ value: Double?) -> String { value.map { "≤ \($0) ms" } ?? "–" }
        let rows = report.operations.map { operation in
            [
                escape(operation.name), "\(operation.count)", "\(operation.clientErrors)",
                operation.serverErrors == 0 ? "0" : "<span class=\"bad\">\(operation.serverErrors)</span>",
                milliseconds(operation.p50Milliseconds), milliseconds(operation.p99Milliseconds),
            ]
        }
        return section(
            "Requests since the start",
            table(
                ["Operation", "Answered", "4xx", "5xx", "Half within", "99 % within"], numbers: [1, 2, 3, 4, 5], rows,
                empty: "No request yet."))
    }

    private static func section(_ title: String, _ body: String) -> String {
        "<section><h2>\(title)</h2>\(body)</section>"
    }

    private static func table(
        _ heads: [String], numbers: Set<Int>, _ rows: [[String]], empty: String
    ) -> String {
        guard !rows.isEmpty else { return "<p class=\"empty\">\(empty)</p>" }
        func cells(_ tag: String, _ texts: [String]) -> String {
            texts.enumerated().map { index, text in
                "<\(tag)\(numbers.contains(index) ? " class=\"number\"" : "")>\(text)</\(tag)>"
            }.joined()
        }
        return "<div class=\"wide\"><table><thead><tr>" + cells("th", heads) + "</tr></thead><tbody>"
            + rows.map { "<tr>" + cells("td", $0) + "</tr>" }.joined(separator: "\n") + "</tbody></table></div>"
    }

    static func escape(_ text: String) -> String {
        var out = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "\"": out += "&quot;"
            case "'": out += "&#39;"
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out
    }

    static func bytes(_ count: Int64) -> String { Quantity.bytes(count) }
    static func duration(_ milliseconds: Int64) -> String { Quantity.duration(milliseconds: milliseconds) }
}

/// Numbers as people read them; shared by the page and by `meridian status`.
package enum Quantity {
    /// `512 B`, `1.5 MiB`.
    package static func bytes(_ count: Int64) -> String {
        let units = ["KiB", "MiB", "GiB", "TiB", "PiB"]
        guard count >= 1024 else { return "\(count) B" }
        var value = Double(count) / 1024
        var unit = 0
        while value >= 1024 && unit < units.count - 1 {
            value /= 1024
            unit += 1
        }
        return "\((value * 10).rounded(.down) / 10) \(units[unit])"
    }

    /// `1 version`, `2 versions`.
    package static func count(_ number: Int64, _ noun: String) -> String {
        "\(number) \(noun)\(number == 1 ? "" : "s")"
    }

    /// `340 ms`, `3.1 s`, `4 min 5 s`, `2 h 3 min`, `5 d 2 h`.
    package static func duration(milliseconds: Int64) -> String {
        let milliseconds = max(0, milliseconds)
        if milliseconds < 1000 { return "\(milliseconds) ms" }
        if milliseconds < 60_000 { return "\(milliseconds / 1000).\(milliseconds % 1000 / 100) s" }
        let seconds = milliseconds / 1000
        if seconds < 3600 { return "\(seconds / 60) min \(seconds % 60) s" }
        if seconds < 86_400 { return "\(seconds / 3600) h \(seconds % 3600 / 60) min" }
        return "\(seconds / 86_400) d \(seconds % 86_400 / 3600) h"
    }
}
