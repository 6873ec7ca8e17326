import ArgumentParser
import Console

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// `meridian verify`: proves that regions hold the same, or says what differs.
struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Compare buckets of several regions, by digests, and version by version where these differ.",
        discussion: """
            Exit code 0: nothing is damaged, and nothing missing or different that the replication rules promise. 2: \
            something is. 1: it could not be found out. Versions on their way, versions that a client removed for good in one bucket only, and \
            versions that no rule promises are told but do not count unless --strict is given. --repair sends what is \
            missing, different or damaged once more, by the rules; it neither deletes nor brings back what was removed for good.
            """)

    @Argument(help: "Two buckets or more; of one, the others are those it replicates to and from.")
    var buckets: [String] = []

    @Option(help: "Compare the members of this access point (name or alias).")
    var accessPoint: String?

    @Flag(help: "Send what is missing, different or damaged once more.")
    var repair = false

    @Flag(help: "Read the record of every version, even where the digests are equal.")
    var records = false

    @Flag(help: "Let versions that are on their way, erased or promised by no rule count too.")
    var strict = false

    @Option(help: "The server's data folder.")
    var data = DataFolder.defaultPath

    @Flag(help: "Print one JSON object a line: each finding, then a summary.")
    var json = false

    func validate() throws {
        guard buckets.isEmpty != (accessPoint == nil) else {
            throw ValidationError("Name buckets, or an access point with --access-point.")
        }
    }

    func run() throws {
        try OperatorError.reporting {
            let summary = try compare(AdminClient(data: data))
            if json { try Self.printLine(summary) } else { Terminal.out(VerifyScreen.text(summary, repair: repair)) }
            if summary.differs(strict) { throw ExitCode(2) }
        }
    }

    private func compare(_ client: AdminClient) throws -> VerifySummary {
        var summary = VerifySummary()
        var asked = [accessPoint.map { ("name", $0) } ?? ("buckets", buckets.joined(separator: ","))]
        if records { asked.append(("records", "true")) }
        var query = asked
        while true {
            let report = try client.ask(VerifyReport.self, repair ? "POST" : "GET", "verify", query)
            for finding in report.findings {
                if json {
                    try Self.printLine(VerifyLine(finding: finding))
                } else if summary.found < VerifyScreen.shown {
                    Terminal.out(VerifyScreen.line(finding))
                }
                summary.add(finding)
            }
            summary.add(report)
            guard let next = report.next else { return summary }
            query = asked + [("after", next)]
        }
    }

    private static func printLine(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        Terminal.out(TerminalText.json(String(decoding: try encoder.encode(value), as: UTF8.self)))
    }
}

/// A line of the output for programs.
struct VerifyLine: Encodable {
    var type = "finding"
    var finding: VerifyReport.Finding
}

/// All pages added up; the last line of the output for programs.
struct VerifySummary: Encodable {
    var type = "summary"
    var version = 1
    var members: [VerifyReport.Member] = []
    /// How many of each verdict.
    var verdicts: [String: Int] = [:]
    /// Findings that make the buckets differ.
    var differences = 0
    var repaired = 0
    var exchangedBytes = 0
    var visited = 0
    var isWithoutRules = false
    /// The digests were equal when the comparison began.
    var isEqual = false

    var found: Int { verdicts.values.reduce(0, +) }

    func differs(_ strict: Bool) -> Bool { strict ? found > 0 : differences > 0 }

    mutating func add(_ finding: VerifyReport.Finding) {
        verdicts[finding.verdict, default: 0] += 1
        if finding.isDifference { differences += 1 }
        if finding.isRepaired { repaired += 1 }
    }

    mutating func add(_ report: VerifyReport) {
        if members.isEmpty { isEqual = report.isEqual }
        members = report.members
        exchangedBytes += report.exchangedBytes
        visited += report.visited
        isWithoutRules = report.isWithoutRules
    }
}

/// The screen. Pure.
enum VerifyScreen {
    /// More findings are only counted.
    static let shown = 100

    static func line(_ finding: VerifyReport.Finding) -> String {
        var text = "\(finding.verdict)  \(finding.bucket)  \(TerminalText.quoted(finding.key))  \(finding.versionID)"
        if finding.isDeleteMarker { text += "  delete marker" }
        if let source = finding.source { text += "  as in \(source)" }
        if let rule = finding.rule { text += ", rule '\(TerminalText.plain(rule))'" }
        // The reason says more of what was erased or is damaged.
        if !finding.isPromised, !["erased", "damaged"].contains(finding.verdict) { text += ", promised by no rule" }
        if let reason = finding.reason { text += ": \(TerminalText.plain(reason))" }
        if finding.isRepaired { text += "  [sent again]" }
        return text
    }

    static func text(_ summary: VerifySummary, repair: Bool) -> String {
        var lines: [String] = []
        if summary.found > shown { lines.append("… and \(summary.found - shown) more; --json prints all.") }
        lines += StatusScreen.table(
            ["BUCKET", "REGION", "VERSIONS", "DIGEST"],
            summary.members.map { [$0.bucket, $0.region, "\($0.versions)", $0.digest] })
        lines.append("")
        if summary.found == 0 {
            lines.append(
                summary.isEqual
                    ? "Equal. \(summary.exchangedBytes) bytes of digests were compared."
                    : "Equal, version by version. The digests differed at first: writes arrived meanwhile. Verify again."
            )
        } else {
            let counts = summary.verdicts.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
            lines.append(
                (summary.differences > 0 ? "DIFFERENT: " : "Nothing that the rules promise is missing or different: ")
                    + counts.joined(separator: ", ") + ".")
        }
        if repair { lines.append("\(summary.repaired) sent again. Verify once more when they have arrived.") }
        if summary.isWithoutRules { lines.append("! No enabled rule leads from any of these buckets to another.") }
        return lines.joined(separator: "\n")
    }
}
