import ArgumentParser
import Console
import Environment

/// `meridian replication …`: what waits, what failed, and what to do about it.
struct ReplicationCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replication", abstract: "See and steer the replication between the regions.",
        subcommands: [
            ReplicationStatus.self, ReplicationRetry.self, ReplicationFailures.self, ReplicationLimit.self,
            ReplicationMesh.self, ReplicationConflicts.self,
        ])
}

/// What all commands to a running server share.
struct ServerOptions: ParsableArguments {
    @Option(help: "The server's data folder.")
    var data = DataFolder.defaultPath

    @Flag(help: "Print the answer as JSON.")
    var json = false

    /// Asks, and prints the answer as JSON or as `text` makes of it.
    func show<Report: Codable>(
        _ type: Report.Type, _ method: String = "GET", _ path: String, _ query: [(name: String, value: String)] = [],
        text: (Report) -> String
    ) throws {
        try OperatorError.reporting {
            let client = try AdminClient(data: data)
            if json {
                Terminal.out(TerminalText.json(String(decoding: try client.answer(method, path, query), as: UTF8.self)))
            } else {
                Terminal.out(text(try client.ask(type, method, path, query)))
            }
        }
    }
}

struct ReplicationStatus: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show what waits, per rule and per link; or every region's versions of one object.")

    @Argument(help: "An object as BUCKET/KEY or ACCESS-POINT/KEY.")
    var object: String?

    @Flag(help: "Show it again every two seconds.")
    var watch = false

    @OptionGroup var server: ServerOptions

    func run() async throws {
        while true {
            if watch, !server.json { Terminal.out("\u{1B}[H\u{1B}[2J") }
            if let object {
                try server.show(ObjectReport.self, "GET", "replication/object", [("object", object)]) {
                    ReplicationScreen.text($0)
                }
            } else {
                try server.show(ReplicationReport.self, "GET", "replication/status") { ReplicationScreen.text($0) }
            }
            guard watch else { return }
            try await SystemTime().sleep(milliseconds: 2_000)
        }
    }
}

struct ReplicationRetry: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry", abstract: "Send what has failed once more, of all buckets or of one.")

    @Argument(help: "The source bucket.")
    var bucket: String?

    @OptionGroup var server: ServerOptions

    func run() throws {
        try server.show(
            RetryReport.self, "POST", "replication/retry", bucket.map { [("bucket", $0)] } ?? [],
            text: ReplicationScreen.text)
    }
}

struct ReplicationFailures: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "failures", abstract: "List what has failed in a bucket, with the reasons (1,000 at a time).")

    @Argument(help: "The source bucket.")
    var bucket: String

    @Option(help: "Go on behind the failure of this number.")
    var after: Int64 = 0

    @OptionGroup var server: ServerOptions

    func run() throws {
        try server.show(
            FailureReport.self, "GET", "replication/failures", [("bucket", bucket), ("after", "\(after)")],
            text: ReplicationScreen.text)
    }
}

struct ReplicationLimit: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "limit", abstract: "Limit the bandwidth of a link; counts at once.")

    @Argument(help: "The region that sends.")
    var from: String

    @Argument(help: "The region that receives.")
    var to: String

    @Argument(help: "Bytes per second, for example 500K, 1.5M or 1G (powers of 1024), or none.")
    var rate: String

    @OptionGroup var server: ServerOptions

    func run() throws {
        try OperatorError.reporting {
            let value = try Self.parse(rate).map { "\($0)" } ?? "none"
            try server.show(
                LimitReport.self, "POST", "replication/limit", [("from", from), ("to", to), ("rate", value)],
                text: ReplicationScreen.text)
        }
    }

    /// `nil` for none. Throws ``OperatorError``.
    static func parse(_ text: String) throws -> Int64? {
        if text == "none" { return nil }
        let units: [String: Double] = ["": 1, "K": 0x1p10, "M": 0x1p20, "G": 0x1p30, "T": 0x1p40]
        let number = text.prefix { $0.isASCII && $0.isNumber || $0 == "." }
        var unit = text.dropFirst(number.count).uppercased()
        // KB and MB are left out: some mean powers of 1000 by them.
        if unit.hasSuffix("IB"), unit.utf8.count == 3 { unit.removeLast(2) }
        guard let digits = Double(number), let factor = units[unit], digits * factor >= 1, digits * factor <= 0x1p60
        else {
            throw OperatorError(
                "'\(TerminalText.plain(String(text.prefix(40))))' is no rate: give bytes per second, such as 500000, or with K, "
                    + "M, G or T for powers of 1024, such as 500K, 1.5M or 20M; or 'none'.")
        }
        return Int64(digits * factor)
    }
}

struct ReplicationMesh: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mesh",
        abstract: "Write the rules that let every member of an access point replicate to every other.",
        discussion: """
            Shows first what would change. Existing rules stay as they are and go on winning for what they cover. With \
            --yes it is done without a question. With --json the plan is printed, or with --yes too what was done: \
            isDone says which, and isComplete that nothing is left to do.
            """)

    @Argument(help: "The access point's name or alias.")
    var name: String

    @Flag(name: [.long, .short], help: "Do it.")
    var yes = false

    @OptionGroup var server: ServerOptions

    func run() throws {
        try OperatorError.reporting {
            let client = try AdminClient(data: server.data)
            let answer = try client.answer("GET", "replication/mesh", [("name", name)])
            let plan = try client.decode(MeshReport.self, answer)
            if !server.json { Terminal.out(ReplicationScreen.text(plan)) }
            let isWanted = !plan.isComplete && (yes || confirmed())
            guard isWanted else {
                // One document in any case: what would be done, or what was.
                if server.json { Terminal.out(TerminalText.json(String(decoding: answer, as: UTF8.self))) }
                if !plan.isComplete { Terminal.note("Nothing was changed. Give --yes to do it.") }
                return
            }
            try server.show(
                MeshReport.self, "POST", "replication/mesh", [("name", name), ("token", plan.token)],
                text: { _ in "Done." })
        }
    }

    private func confirmed() -> Bool {
        guard !server.json, Terminal.isInteractive else { return false }
        Terminal.note("Do this? [y/N]")
        return ["y", "yes"].contains(readLine()?.lowercased() ?? "")
    }
}

struct ReplicationConflicts: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "conflicts",
        abstract: "List keys that two regions wrote without knowing of each other; both versions are there.")

    @Argument(help: "Of this bucket only.")
    var bucket: String?

    @OptionGroup var server: ServerOptions

    func run() throws {
        try server.show(
            ConflictReport.self, "GET", "replication/conflicts", bucket.map { [("bucket", $0)] } ?? [],
            text: ReplicationScreen.text)
    }
}

/// `meridian access-point …`: settings that S3 has no operation for.
struct AccessPointCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "access-point", abstract: "Settings of access points that S3 has no operation for.",
        subcommands: [AccessPointReads.self])
}

struct AccessPointReads: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reads", abstract: "Say how reads treat what is still on its way to the region that serves them.",
        discussion: """
            local: a region answers with what it has. read-through (the default): what it does not have it reads where \
            it still is. freshest: it always asks the other members and serves the newest version.
            """)

    @Argument(help: "The access point's name or alias.")
    var name: String

    @Argument(help: "local, read-through or freshest.")
    var mode: String

    @OptionGroup var server: ServerOptions

    func run() throws {
        try server.show(ReadsReport.self, "POST", "access-point/reads", [("name", name), ("mode", mode)]) {
            "Reads through \($0.accessPoint): \($0.mode)."
        }
    }
}
