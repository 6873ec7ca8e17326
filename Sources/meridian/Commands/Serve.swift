import ArgumentParser
import Environment
import Gateway
import Logging
import Telemetry

/// `meridian serve`: everything in one process. Options win over the configuration file, which wins over the defaults.
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Start the regions, the global endpoint, the S3 Control API and the console.",
        discussion: """
            With nothing configured: three regions (us-east-1, eu-west-1, ap-southeast-1) on 127.0.0.1:9000 and [::1]:9000, \
            data in ./meridian-data. Stop with Ctrl-C or SIGTERM.
            """)

    @Option(help: "The folder that holds everything; made on first start.")
    var data = DataFolder.defaultPath

    @Option(help: "An address to listen on, as HOST:PORT; repeatable. Default: 127.0.0.1:9000 and [::1]:9000.")
    var listen: [String] = []

    @Option(help: "A configuration file (JSON, docs/reference/configuration.md).")
    var config: String?

    @Option(help: "trace, debug, info, notice, warning, error or critical. The access log is at info.")
    var logLevel = "notice"

    func run() async throws {
        try await OperatorError.reporting(of: "The server on \(data)") { try await start() }
    }

    private func start() async throws {
        let level = try Self.level(logLevel)
        let configuration = try Self.configuration(file: config, listen: listen)
        let folder = DataFolder(path: data)
        ProcessIdentity.keepFilesPrivate()
        let lock = try folder.open()
        let isFirstStart = try folder.storedRootCredentials() == nil
        let credentials = try folder.rootCredentials(random: SystemRandomSource())
        try BotocoreOverlay.write(to: folder)
        LoggingSystem.bootstrap { label in
            JSONLinesLogHandler(label: label, level: level, wallMilliseconds: WallClock.milliseconds)
        }
        // The lock is held until the last word about this server is gone from the folder.
        defer { withExtendedLifetime(lock) { folder.removeRuntime() } }
        try await Composition.run(
            configuration: configuration, dataFolder: folder, credentials: credentials, isFirstStart: isFirstStart,
            logger: Logger(label: "meridian"))
    }

    static func level(_ text: String) throws(OperatorError) -> Logger.Level {
        guard let level = Logger.Level(rawValue: text) else {
            let known = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
            throw OperatorError("\"\(text)\" is no log level: expected one of \(known).")
        }
        return level
    }

    /// Reads the file and lays the options over it.
    static func configuration(file: String?, listen: [String]) throws -> ServerConfiguration {
        var out = ServerConfiguration.standard
        if let file {
            do {
                guard let bytes = try POSIXFile.read(file, limit: ConfigurationFile.maximumBytes) else {
                    throw OperatorError("There is no configuration file \(file).")
                }
                out = try ConfigurationFile.parse(bytes)
            } catch let failure as POSIXFile.Failure {
                throw OperatorError("The configuration cannot be read: \(failure).")
            } catch let error as OperatorError where !error.message.hasPrefix("There is no") {
                throw OperatorError("\(file): \(error.message)")
            }
        }
        if !listen.isEmpty {
            var addresses: [ListenAddress] = []
            for text in listen { addresses.append(try ListenAddress.parse(text)) }
            out.listen = addresses
            out.listensByDefault = false
        }
        return out
    }
}
