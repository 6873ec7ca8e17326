import ArgumentParser
import Console
import Environment

/// `meridian resync`: brings what is in a bucket already to where its rules say, as a job of S3 Control.
struct Resync: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resync", abstract: "Replicate what is in a bucket already, as its rules are now.",
        discussion: """
            Rules count for what is written after them; this is for everything before, and for what a destination has \
            lost. It counts first, shows its progress, and goes on in the server when it is interrupted (the job is one of \
            `aws s3control list-jobs`, and can be cancelled there). Exit codes: 0 all there, 2 some versions failed, \
            1 it could not be done.
            """)

    @Argument(help: "The source bucket.")
    var bucket: String

    @Option(help: "Only to this bucket.")
    var to: String?

    @Option(help: "Only to the other members of this access point (name or alias).")
    var accessPoint: String?

    @Flag(help: "Only count the versions and bytes.")
    var dryRun = false

    @OptionGroup var server: ServerOptions

    func run() async throws {
        try await OperatorError.reporting { try await resync() }
    }

    private func resync() async throws {
        guard to == nil || accessPoint == nil else { throw OperatorError("Give --to or --access-point, not both.") }
        let client = try AdminClient(data: server.data)
        var query = [(name: "bucket", value: bucket)]
        if let to { query.append(("to", to)) }
        if let accessPoint { query.append(("access-point", accessPoint)) }
        let started = try client.ask(ResyncReport.self, "POST", "resync", query)
        let job = [(name: "bucket", value: bucket), (name: "job", value: started.job)]
        let counted = try await watch(client, job) { $0.status == "Suspended" || $0.isFinal }
        guard counted.status == "Suspended" else { return try end(client, job, counted) }
        note("\(Quantity.count(counted.versions ?? 0, "version")), \(Quantity.bytes(counted.bytes)).")
        if dryRun {
            _ = try client.ask(ResyncReport.self, "POST", "resync/cancel", job)
            if server.json { Terminal.out(try answer(client, job)) }
            return
        }
        _ = try client.ask(ResyncReport.self, "POST", "resync/confirm", job)
        try end(client, job, try await watch(client, job) { $0.isFinal })
    }

    /// Asks until `isEnough`, and shows what has changed since.
    private func watch(
        _ client: AdminClient, _ job: [(name: String, value: String)], until isEnough: (ResyncReport) -> Bool
    ) async throws -> ResyncReport {
        var shown: Int64 = 0
        var pause: Int64 = 20
        while true {
            let report = try client.ask(ResyncReport.self, "GET", "resync", job)
            if isEnough(report) { return report }
            let settled = report.succeeded + report.failed
            if settled != shown {
                note(Self.line(report))
                shown = settled
            }
            try await SystemTime().sleep(milliseconds: pause)
            pause = min(pause * 2, 1_000)
        }
    }

    private func end(_ client: AdminClient, _ job: [(name: String, value: String)], _ report: ResyncReport) throws {
        if server.json { Terminal.out(try answer(client, job)) }
        guard report.status == "Complete" else {
            throw OperatorError("The job \(report.job) is \(report.status). \(report.reasons.joined(separator: " "))")
        }
        if !server.json { Terminal.out(Self.line(report)) }
        guard report.failed == 0 else {
            note("See: meridian replication failures \(bucket)")
            throw ExitCode(2)
        }
    }

    private func answer(_ client: AdminClient, _ job: [(name: String, value: String)]) throws -> String {
        String(decoding: try client.answer("GET", "resync", job), as: UTF8.self)
    }

    private func note(_ text: String) {
        if server.json { Terminal.note(text) } else { Terminal.out(text) }
    }

    static func line(_ report: ResyncReport) -> String {
        let failed = report.failed > 0 ? ", \(report.failed) failed" : ""
        return "\(report.succeeded) of \(Quantity.count(report.versions ?? 0, "version")) "
            + (report.versions == 1 ? "is there " : "are there ")
            + "(\(Quantity.bytes(report.succeededBytes)) of \(Quantity.bytes(report.bytes)))\(failed)."
    }
}
