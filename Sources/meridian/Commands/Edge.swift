import ArgumentParser
import Gateway
import Logging
import S3Model
import Telemetry

/// `meridian edge`: the global endpoint in a process of its own.
struct Edge: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Start the global endpoint alone: choose a region for each request and forward it to a server.",
        discussion: """
            The edge keeps no data. It reads the server's data folder (edge.json, credentials.json, the local certificate \
            authority), or a folder with copies of these files, and follows the server's routes. While the server is away \
            it goes on with the last routes it knew.
            """)

    @Option(help: "The server's data folder, or a folder with copies of its edge.json, credentials.json and ca files.")
    var data = DataFolder.defaultPath

    @Option(help: "An address to listen on, as HOST:PORT; repeatable. Default: 127.0.0.1:9080.")
    var listen: [String] = []

    @Option(help: "The server to forward to, as http://HOST:PORT.")
    var origin = "http://127.0.0.1:9000"

    @Option(help: "The region nearest to this edge. Default: the server's.")
    var home: String?

    @Option(help: "The server's configuration file, if it has one.")
    var config: String?

    @Option(help: "trace, debug, info, notice, warning, error or critical.")
    var logLevel = "notice"

    func run() async throws {
        try await OperatorError.reporting { try await start() }
    }

    private func start() async throws {
        let level = try Serve.level(logLevel)
        var configuration = try Serve.configuration(file: config, listen: listen.isEmpty ? ["127.0.0.1:9080"] : listen)
        if let home {
            guard let region = RegionName(home) else { throw OperatorError("\"\(home)\" is no region's name.") }
            configuration.homeRegion = region
        }
        let upstream = try Self.origin(origin)
        let folder = DataFolder(path: data)
        let (key, credentials) = try folder.sharedSecrets(for: "an edge", option: "--data")
        LoggingSystem.bootstrap { label in
            JSONLinesLogHandler(label: label, level: level, wallMilliseconds: WallClock.milliseconds)
        }
        try await EdgeComposition.run(
            configuration: configuration, origin: upstream, key: key, credentials: credentials, dataFolder: folder,
            logger: Logger(label: "meridian"))
    }

    /// `http://HOST:PORT`, with or without a slash at the end. Throws ``OperatorError`` that says what was expected.
    static func origin(_ text: String) throws(OperatorError) -> ListenAddress {
        guard text.hasPrefix("http://") else {
            throw OperatorError(
                "\"\(text)\" is no origin: expected http://HOST:PORT. TLS to the origin is not there yet.")
        }
        let rest = text.dropFirst("http://".count)
        let authority = rest.hasSuffix("/") ? rest.dropLast() : rest
        let address = try ListenAddress.parse(String(authority))
        guard address.port != 0 else { throw OperatorError("\"\(text)\" is no origin: port 0 is nobody's.") }
        return address
    }
}
