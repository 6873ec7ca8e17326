import ArgumentParser
import Gateway
import Logging
import S3Model
import Telemetry

/// `meridian region NAME`: one region in a process of its own.
struct RegionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "region", abstract: "Start one region in a process of its own.",
        discussion: """
            The region needs a "server": "HOST:PORT" in the configuration, which all processes share, and a data folder of \
            its own. The server (`meridian serve`) keeps the names of buckets and the access points; it has to answer for \
            the region to start. While it is away later, the region goes on with what it knew.
            """)

    @Argument(help: "The region's name, as in the configuration.")
    var name: String

    @Option(help: "The configuration file of the installation.")
    var config: String

    @Option(help: "The folder that holds the region's data; made on first start.")
    var data: String

    @Option(help: "The server's data folder, or a folder with copies of its edge.json, credentials.json and ca files.")
    var secrets: String

    @Option(help: "The server, as http://HOST:PORT.")
    var origin = "http://127.0.0.1:9000"

    @Option(help: "An address to listen on instead of the region's server address, as HOST:PORT; repeatable.")
    var listen: [String] = []

    @Option(help: "trace, debug, info, notice, warning, error or critical. The access log is at info.")
    var logLevel = "notice"

    func run() async throws {
        try await OperatorError.reporting(of: "The region \(name) on \(data)") { try await start() }
    }

    private func start() async throws {
        let level = try Serve.level(logLevel)
        var configuration = try Serve.configuration(file: config, listen: listen)
        let (region, address) = try Self.region(name, in: configuration, file: config)
        if listen.isEmpty {
            configuration.listen = [address]
            configuration.listensByDefault = false
        }
        // Access points prefer this region for whoever asks here.
        configuration.homeRegion = region
        let server = try Edge.origin(origin)
        let keys = DataFolder(path: secrets)
        let (key, credentials) = try keys.sharedSecrets(for: "a region", option: "--secrets")
        let folder = DataFolder(path: data)
        ProcessIdentity.keepFilesPrivate()
        let lock = try folder.open()
        LoggingSystem.bootstrap { label in
            JSONLinesLogHandler(label: label, level: level, wallMilliseconds: WallClock.milliseconds)
        }
        defer { withExtendedLifetime(lock) { folder.removeRuntime() } }
        try await RegionComposition.run(
            ServingProcess.Settings(
                configuration: configuration, folder: folder, secrets: keys, credentials: credentials, edgeKey: key),
            region: region, origin: server, logger: Logger(label: "meridian"))
    }

    /// The region and its address. Throws ``OperatorError`` when the configuration does not give it a process of its own.
    static func region(
        _ name: String, in configuration: ServerConfiguration, file: String
    ) throws(OperatorError) -> (name: RegionName, address: ListenAddress) {
        guard let region = configuration.regions.first(where: { $0.name.rawValue == name }) else {
            let known = configuration.regions.map(\.name.rawValue).joined(separator: ", ")
            throw OperatorError("\(file) has no region \"\(name)\". Its regions: \(known).")
        }
        guard let address = region.server else {
            throw OperatorError(
                "\(file) gives the region \(name) no process of its own: it is the server's. Write "
                    + "{\"name\": \"\(name)\", \"server\": \"HOST:PORT\"}, and start the server again.")
        }
        return (region.name, address)
    }
}
