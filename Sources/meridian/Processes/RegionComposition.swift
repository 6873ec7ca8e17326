import Cluster
import Console
import Environment
import Gateway
import Logging
import NIOCore
import NIOPosix
import S3Model
import Storage

/// The object graph of one region's own process: the server's control store from afar, the region, its replication, the
/// gateway.
enum RegionComposition {
    /// Between two notes that the origin is missed, milliseconds.
    private static let notePause: Int64 = 5_000
    private static let questionPause: Int64 = 250

    /// Runs the region until SIGINT or SIGTERM, then stops it gracefully. Waits for the origin first.
    static func run(
        _ settings: ServingProcess.Settings, region: RegionName, origin: ListenAddress, logger: Logger
    ) async throws {
        let stop = StopSignals()
        let time = SystemTime()
        let random = SystemRandomSource()
        let eventLoops = MultiThreadedEventLoopGroup(numberOfThreads: System.coreCount)
        let layout = ProcessLayout.region(region, settings.configuration, origin: origin)
        try layout.check(settings.folder)
        let (peers, server) = layout.clients(on: eventLoops, key: settings.edgeKey, time: time)
        guard let server else { throw OperatorError("The region \(region) has no origin.") }
        let control = RemoteControlStore(transport: server, time: time)
        guard await isThere(control, at: origin, before: stop, time: time) else {
            server.close()
            return try await eventLoops.shutdownGracefully()
        }
        let installation = try await open(settings, layout, control, peers, time: time, random: random, log: logger)
        let process = try ServingProcess(settings, installation, on: eventLoops, random: random, log: logger)
        let addresses = try await process.start().joined(separator: ", ")
        Terminal.note(
            "meridian region \(region): listening on \(addresses), data in \(settings.folder.path), server \(origin).")

        await withTaskGroup(of: Void.self) { group in
            group.addTask { await control.run() }
            group.addTask { await installation.run() }
            group.addTask { await process.limits.run() }
            await stop.wait()
            Terminal.note("meridian: stopping, requests in flight may finish.")
            await process.stop()
            group.cancelAll()
        }
        try await installation.close()
        server.close()
        try await eventLoops.shutdownGracefully()
    }

    private static func open(
        _ settings: ServingProcess.Settings, _ layout: ProcessLayout, _ control: RemoteControlStore,
        _ peers: RegionPeers, time: any TimeSource, random: any RandomSource, log: Logger
    ) async throws -> Installation {
        do {
            let installation = try await Installation.open(
                settings.configuration, layout, in: settings.folder, control: control, peers: peers, time: time,
                random: random, log: log)
            for store in installation.stores.values {
                let missing = installation.directory.all(in: store.region).filter { !store.hasBucket($0.name) }
                guard let first = missing.first else { continue }
                Terminal.note(
                    "meridian: \(missing.count) buckets of \(store.region), for example \(first.name), are not in "
                        + "\(settings.folder.path). Is this the region's folder?")
            }
            return installation
        } catch ControlStoreError.unavailable(let reason) {
            throw OperatorError("The server went away during the start of the region: \(reason). Start it again.")
        }
    }

    /// Asks until the origin answers, and says what it waits for; `false` when it is to stop before.
    private static func isThere(
        _ control: RemoteControlStore, at origin: ListenAddress, before stop: StopSignals, time: any TimeSource
    ) async -> Bool {
        await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                var silence = notePause
                while !Task.isCancelled {
                    do {
                        _ = try await control.record("meridian")
                        return true
                    } catch {
                        if silence >= notePause {
                            Terminal.note("meridian: waiting for the server at \(origin): \(error)")
                            silence = 0
                        }
                    }
                    guard (try? await time.sleep(milliseconds: questionPause)) != nil else { break }
                    silence += questionPause
                }
                return false
            }
            group.addTask {
                await stop.wait()
                return false
            }
            let isThere = await group.next() ?? false
            group.cancelAll()
            return isThere
        }
    }
}
