import ArgumentParser
import Console
import Gateway

/// `meridian status`: one screen of health. Exit code 0 when every region answers and can be written, else 1.
struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show whether the server is well: regions, access points, replication.",
        discussion: """
            Exit code 0: every region answers and can be written, whatever waits or has failed to replicate. 1: one does \
            not, or no server runs.
            """)

    @Option(help: "The server's data folder.")
    var data = DataFolder.defaultPath

    @Flag(help: "Print the report as JSON.")
    var json = false

    func run() throws {
        try OperatorError.reporting {
            let answer = try Self.ask(DataFolder(path: data))
            guard answer.status == 200, let report = StatusReport.decode(answer.body) else {
                throw OperatorError("The server answered with status \(answer.status) and no report that I understand.")
            }
            Terminal.out(json ? String(decoding: answer.body, as: UTF8.self) : StatusScreen.text(report))
            if !report.isHealthy { throw ExitCode.failure }
        }
    }

    /// Asks each of the server's addresses until one answers.
    private static func ask(_ folder: DataFolder) throws -> LocalHTTPClient.Answer {
        guard folder.isInUse else { throw OperatorError("No server is running on \(folder.path).") }
        guard let runtime = folder.runtime() else {
            throw OperatorError("The server on \(folder.path) is starting: it does not listen yet.")
        }
        var failure = OperatorError("The server on \(folder.path) listens nowhere.")
        for text in runtime.addresses {
            do { return try LocalHTTPClient.get("/-/status", at: try ListenAddress.parse(text).reachable) } catch let
                error as OperatorError
            { failure = error }
        }
        throw failure
    }
}

/// The screen itself. Pure.
enum StatusScreen {
    static func text(_ report: StatusReport) -> String {
        var lines = [
            "\(report.server)   \(report.isHealthy ? "healthy" : "NOT HEALTHY")\(report.failedText)   up "
                + Quantity.duration(milliseconds: report.uptimeMilliseconds),
            "listening on \(report.listeners.joined(separator: ", "))", "",
        ]
        lines += table(
            ["REGION", "STORE", "BUCKETS", "FAILED"],
            report.regions.map {
                [
                    $0.name + ($0.isHome ? " (home)" : "") + ($0.address.map { " at \($0)" } ?? ""),
                    $0.isHealthy
                        ? "answers"
                        : $0.answers == false
                            ? "DOES NOT ANSWER" : "NOT HEALTHY: \($0.detail ?? "does not answer")",
                    $0.answers == false ? "?" : "\($0.buckets)", $0.failedVersions.map { "\($0)" } ?? "?",
                ]
            } + (report.unservedRegions ?? []).map { [$0, "NOT SERVED: not configured", "?", "?"] })
        lines.append("")
        if report.accessPoints.isEmpty {
            lines.append("No Multi-Region Access Point yet.")
        } else {
            lines += table(
                ["ACCESS POINT", "ALIAS", "STATUS", "ROUTES"],
                report.accessPoints.map { point in
                    [
                        point.name, point.alias, point.status,
                        point.routes.map { "\($0.region) \($0.trafficDial)%" }.joined(separator: ", "),
                    ]
                })
        }
        lines.append("")
        if report.replication.isEmpty {
            lines.append("Replication: \(report.quietText).")
        } else {
            lines += table(
                ["REPLICATION FROM", "TO", "RULE", "WAITING", "BYTES", "OLDEST", "RETRYING", "FAILED"],
                report.replication.map {
                    [
                        $0.sourceBucket, $0.destination, $0.ruleText, "\($0.pendingVersions)",
                        Quantity.bytes($0.pendingBytes), Quantity.duration(milliseconds: $0.oldestAgeMilliseconds),
                        "\($0.retrying)", "\($0.failedVersions)",
                    ]
                })
        }
        for sentence in report.attention { lines += ["", "! " + TerminalText.plain(sentence)] }
        return lines.joined(separator: "\n")
    }

    /// Columns as wide as their widest cell, two spaces apart. No cell can steer the terminal.
    static func table(_ heads: [String], _ rows: [[String]]) -> [String] {
        let all = [heads] + rows.map { $0.map(TerminalText.plain) }
        let widths = heads.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        return all.map { row in
            let cells = row.enumerated().map { column, cell in
                column == row.count - 1 ? cell : cell + String(repeating: " ", count: widths[column] - cell.count)
            }
            return cells.joined(separator: "  ")
        }
    }
}
