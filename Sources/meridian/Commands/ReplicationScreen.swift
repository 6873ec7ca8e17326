import Console
import S3Model

/// What the replication commands print. Pure.
enum ReplicationScreen {
    static func text(_ report: ReplicationReport) -> String {
        guard !report.rules.isEmpty else {
            guard report.unreachable != nil else { return "No bucket has replication rules." }
            return (["No bucket of the regions that answer has replication rules."] + unreachable(report.unreachable))
                .joined(separator: "\n")
        }
        var lines = StatusScreen.table(
            ["FROM", "TO", "RULE", "WAITING", "BYTES", "OLDEST", "RATE", "DONE IN", "RETRYING", "FAILED"],
            report.rules.map { rule in
                [
                    rule.sourceBucket, rule.destination,
                    RuleBacklog.text(rule.rule, isEnabled: rule.isEnabled),
                    "\(rule.pendingVersions)", Quantity.bytes(rule.pendingBytes),
                    Quantity.duration(milliseconds: rule.oldestAgeMilliseconds),
                    rate(rule.versionsPerSecond, rule.bytesPerSecond), eta(rule.etaSeconds), "\(rule.retrying)",
                    "\(rule.failedVersions)",
                ]
            })
        lines.append("")
        lines += StatusScreen.table(
            [
                "LINK", "STATE", "WAITING", "BYTES", "OLDEST", "RATE", "LIMIT", "DONE IN", "LAG P50", "LAG P99",
                "FAILED",
            ],
            report.links.map { link in
                [
                    "\(link.from) -> \(link.to ?? "nowhere")", state(link), "\(link.pendingVersions)",
                    Quantity.bytes(link.pendingBytes), Quantity.duration(milliseconds: link.oldestAgeMilliseconds),
                    rate(link.versionsPerSecond, link.bytesPerSecond),
                    link.limitBytesPerSecond.map { Quantity.bytes($0) + "/s" } ?? "none", eta(link.etaSeconds),
                    link.lagP50Milliseconds.map { "<=\($0) ms" } ?? "-",
                    link.lagP99Milliseconds.map { "<=\($0) ms" } ?? "-", "\(link.failedVersions)",
                ]
            })
        for link in report.links {
            guard let reason = link.lastFailure else { continue }
            lines += ["", "! \(link.from) -> \(link.to ?? "nowhere"): \(TerminalText.plain(reason))"]
        }
        let failed = report.rules.reduce(0) { $0 + $1.failedVersions }
        if failed > 0 {
            lines += [
                "",
                "! \(failed) failed: see `meridian replication failures BUCKET`, then `meridian replication retry`.",
            ]
        }
        lines += unreachable(report.unreachable)
        return lines.joined(separator: "\n")
    }

    /// What every report that is not whole ends with.
    private static func unreachable(_ regions: [UnreachableRegion]?) -> [String] {
        (regions ?? []).flatMap { region in
            ["", "! Region \(region.region) is missing here, it does not answer: \(TerminalText.plain(region.reason))"]
        }
    }

    private static func state(_ link: ReplicationReport.Link) -> String {
        link.isPaused ? "PAUSED" : link.inFlight > 0 ? "\(link.inFlight) on the way" : "idle"
    }

    private static func rate(_ versions: Double, _ bytes: Double) -> String {
        versions <= 0 && bytes < 1 ? "-" : "\((versions * 10).rounded() / 10)/s, \(Quantity.bytes(Int64(bytes)))/s"
    }

    private static func eta(_ seconds: Double?) -> String {
        guard let seconds else { return "unknown" }
        // A year says it as well as any longer time.
        return Quantity.duration(milliseconds: Int64(min(seconds, 31_536_000) * 1000))
    }

    static func text(_ report: ObjectReport) -> String {
        let isOnTheWay = report.regions.contains { $0.versions.contains { $0.work.contains { !$0.isFailed } } }
        let different = "NOT the same in all regions" + (isOnTheWay ? " yet" : "")
        var lines = ["\(TerminalText.quoted(report.key)): \(report.isSame ? "the same in all regions" : different)"]
        for region in report.regions {
            lines += [
                "", "\(region.region)  \(region.bucket)" + (region.trouble.map { "  \(TerminalText.plain($0))" } ?? ""),
            ]
            if region.versions.isEmpty, region.trouble == nil { lines.append("  nothing") }
            let rows = region.versions.map { version in
                [
                    (version.isCurrent ? "> " : "  ") + version.versionID,
                    version.isDeleteMarker ? "delete marker" : Quantity.bytes(version.size), version.etag ?? "-",
                    Timestamp(milliseconds: version.modified).httpDate, version.origin ?? "elsewhere",
                    version.status ?? "-", version.storageClass ?? "STANDARD",
                ]
            }
            if !rows.isEmpty {
                lines += StatusScreen.table(
                    ["  VERSION", "SIZE", "ETAG", "MODIFIED", "MADE IN", "STATUS", "CLASS"], rows)
            }
            for version in region.versions {
                for work in version.work {
                    let state = work.isFailed ? "failed" : work.attempts > 0 ? "retrying" : "waiting"
                    lines.append(
                        "    \(version.versionID) to \(work.destination) (rule \(TerminalText.plain(work.rule))): \(state)"
                            + (work.reason.map { ", \(TerminalText.plain($0))" } ?? ""))
                }
            }
        }
        lines += unreachable(report.unreachable)
        return lines.joined(separator: "\n")
    }

    static func text(_ report: RetryReport) -> String {
        var lines = report.buckets.map { bucket in
            "\(bucket.bucket): \(bucket.retried) retried"
                + (bucket.withoutRule > 0 ? ", \(bucket.withoutRule) left, for which there is no rule any more" : "")
                + (bucket.damaged > 0 ? ", \(bucket.damaged) left, whose records are damaged" : "")
        }
        if lines.isEmpty { lines = ["Nothing has failed."] }
        return (lines + unreachable(report.unreachable)).joined(separator: "\n")
    }

    static func text(_ report: FailureReport) -> String {
        guard !report.failures.isEmpty else { return "Nothing has failed in \(report.bucket)." }
        return StatusScreen.table(
            ["NUMBER", "KEY", "VERSION", "TO", "RULE", "SINCE", "REASON"],
            report.failures.map {
                [
                    "\($0.id)", TerminalText.quoted($0.key), $0.versionID, $0.destination, $0.rule,
                    Timestamp(milliseconds: $0.failed).httpDate, $0.reason,
                ]
            }
        ).joined(separator: "\n")
    }

    static func text(_ report: LimitReport) -> String {
        let rate = report.bytesPerSecond.map { Quantity.bytes($0) + "/s" } ?? "none"
        return "Limit from \(report.from) to \(report.to): \(rate)."
    }

    static func text(_ report: MeshReport) -> String {
        var lines: [String] = []
        for member in report.members {
            lines.append("\(member.bucket) (\(member.region))")
            lines += member.lines.map { "  " + TerminalText.plain($0) }
        }
        if report.isComplete {
            lines += [
                "",
                report.carriesLess
                    ? "Rules lead from every member of \(report.accessPoint) to every other. Not all of them carry everything: "
                        + "see above."
                    : "Every member of \(report.accessPoint) replicates to every other.",
            ]
        }
        return lines.joined(separator: "\n")
    }

    static func text(_ report: ConflictReport) -> String {
        guard !report.conflicts.isEmpty else {
            return (["No writes have crossed."] + unreachable(report.unreachable)).joined(separator: "\n")
        }
        var lines = StatusScreen.table(
            ["BUCKET", "KEY", "AHEAD", "BEHIND", "FOUND"],
            report.conflicts.map {
                [
                    $0.bucket, TerminalText.quoted($0.key), "\($0.winner) (\($0.region))",
                    "\($0.loser) (\($0.loserRegion ?? "elsewhere"))",
                    Timestamp(milliseconds: $0.found).httpDate,
                ]
            })
        if report.isTruncated { lines += ["", "There are more; name a bucket."] }
        lines += unreachable(report.unreachable)
        return lines.joined(separator: "\n")
    }
}
