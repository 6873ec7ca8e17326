import Logging

/// The whole object graph in one place: stores, cluster, replication, gateway, console, in that order.
enum Composition {
    /// Runs the server until SIGINT or SIGTERM, then stops it gracefully. Writes `runtime.json` once the ports are bound.
    static func run(
        configuration: ServerConfiguration, dataFolder: DataFolder, credentials: RootCredentials, logger: Logger
    ) async throws {
        throw OperatorError("This build has no server in it yet.")
    }
}
