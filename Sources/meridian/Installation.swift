import AccessPoints
import Cluster
import Environment
import Logging
import Replication
import S3Model
import Storage

/// Everything below the gateway, open and ready: the control store and what follows it, one store per region, and the
/// replication between them.
struct Installation: Sendable {
    let control: any ControlStore
    let directory: BucketDirectory
    let places: RegionDirectory
    let table: RoutingTable
    let registry: AccessPointRegistry
    let stores: [RegionName: RegionStore]
    /// Regions that have data in the folder but are not configured.
    let unservedRegions: [String]
    let replication: [ReplicationService]
    let jobs: BatchJobRegistry
    let jobRunners: [BatchJobRunner]
    let time: any TimeSource
    let log: Logger

    /// Threads per region that wait for the disk.
    private static let diskThreads = 4

    /// Opens the stores in the data folder. Throws ``OperatorError`` in words a person can act on.
    static func open(
        _ configuration: ServerConfiguration, in folder: DataFolder, time: any TimeSource, random: any RandomSource,
        log: Logger
    ) async throws -> Installation {
        let regions = configuration.regions.map(\.name)
        let unserved = try folder.regionsWithData().filter { name in !regions.contains { $0.rawValue == name } }
        for region in unserved {
            log.warning(
                "a region with data is not configured: its buckets are not served", metadata: ["region": "\(region)"])
        }
        let places = places(configuration)
        let control = try await EmbeddedControlStore.open(path: folder.path("control.sqlite"))
        let directory = BucketDirectory(store: control, time: time)
        let table = RoutingTable(store: control, time: time)
        let registry = AccessPointRegistry(
            store: control, buckets: directory, regions: places, table: table, time: time, random: random)
        var stores: [RegionName: RegionStore] = [:]
        for region in regions {
            let store = try await openRegion(region, in: folder, time: time, random: random)
            stores[region] = store
            let conflicts = try await directory.reconcile(
                region: region, buckets: store.listBuckets().map { ($0.name, $0.owner) })
            for name in conflicts {
                log.error(
                    "a bucket's name belongs to another region", metadata: ["bucket": "\(name)", "in": "\(region)"])
            }
        }
        try await table.refresh()
        let links = stores.mapValues { InProcessPeerLink($0) as any PeerLink }
        let replication = stores.values.sorted { $0.region < $1.region }.map { store in
            ReplicationService(
                region: store, links: links, locate: { directory.location(of: $0) }, time: time, random: random,
                hooks: ReplicationHooks(notice: { report($0, from: store.region, log: log) }))
        }
        let regionStores = stores
        let jobs = BatchJobRegistry(
            control: control, locate: { directory.location(of: $0) },
            bucket: { try regionStores[$0.region]?.bucket($0.name) }, time: time, random: random)
        let reports = BatchReportWriter(stores: stores, locate: { directory.location(of: $0) })
        let runners = stores.values.sorted { $0.region < $1.region }.map {
            BatchJobRunner(store: $0, registry: jobs, writer: reports, log: log)
        }
        return Installation(
            control: control, directory: directory, places: places, table: table, registry: registry, stores: stores,
            unservedRegions: unserved, replication: replication, jobs: jobs,
            jobRunners: runners, time: time, log: log)
    }

    /// The configured regions, and `others`, with their distances.
    static func places(_ configuration: ServerConfiguration, and others: [RegionName] = []) -> RegionDirectory {
        let coordinates = configuration.regions.compactMap { region in region.coordinates.map { (region.name, $0) } }
        return RegionDirectory(
            regions: configuration.regions.map(\.name) + others,
            coordinates: Dictionary(uniqueKeysWithValues: coordinates))
    }

    private static func openRegion(
        _ region: RegionName, in folder: DataFolder, time: any TimeSource, random: any RandomSource
    ) async throws -> RegionStore {
        try folder.makeFolder("regions")
        try folder.makeFolder("regions/\(region)")
        try folder.makeFolder("regions/\(region)/blobs")
        let metadata = try SQLiteMetadataStore.open(path: folder.path("regions/\(region)/metadata.sqlite"))
        let blobs = try await FileBlobStore.open(
            folder.path("regions/\(region)/blobs"), threads: diskThreads, random: random)
        return try await RegionStore.open(
            region: region, metadata: metadata, blobs: blobs, time: time, random: random,
            planner: RulePlanner(region: region))
    }

    /// Runs everything that goes on by itself until the task is cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await directory.run() }
            group.addTask { await table.run() }
            group.addTask { await registry.run() }
            for service in replication { group.addTask { await service.run() } }
            for runner in jobRunners { group.addTask { await runner.run() } }
            for store in stores.values { group.addTask { await collectGarbage(of: store) } }
            group.addTask { await forgetOldReplicas() }
        }
    }

    /// Removes the files of deleted objects, a bounded number at a time.
    private func collectGarbage(of store: RegionStore) async {
        while !Task.isCancelled {
            do {
                if try await store.collectGarbage() > 0 { continue }
                try await time.sleep(milliseconds: 1000)
            } catch is CancellationError {
                return
            } catch {
                log.error(
                    "removing deleted blobs failed", metadata: ["region": "\(store.region)", "error": "\(error)"])
                try? await time.sleep(milliseconds: 10_000)
            }
        }
    }

    /// Removals are remembered while any region may send the removed version again. All regions that are configured run
    /// in this process, so all can be asked.
    private func forgetOldReplicas() async {
        while !Task.isCancelled {
            do {
                try await time.sleep(milliseconds: 3_600_000)
                for store in stores.values {
                    _ = try await store.forgetArrivals()
                    _ = try await store.forgetErasures {
                        try stores.values.compactMap { try $0.oldestReplicationWork() }.min()
                    }
                }
            } catch is CancellationError {
                return
            } catch {
                log.error("forgetting removed versions failed", metadata: ["error": "\(error)"])
            }
        }
    }

    func close() async throws {
        for store in stores.values { try await store.close() }
        try await control.close()
    }

    private static func report(_ notice: ReplicationNotice, from region: RegionName, log: Logger) {
        switch notice {
        case .linkPaused(let peer, let reason):
            log.warning(
                "replication waits for a region",
                metadata: ["from": "\(region)", "to": "\(peer?.rawValue ?? "unknown")", "reason": "\(reason)"])
        case .linkResumed(let peer):
            log.notice(
                "replication goes on", metadata: ["from": "\(region)", "to": "\(peer?.rawValue ?? "unknown")"])
        case .failed(let entry, let reason):
            log.error(
                "a version could not be replicated",
                metadata: [
                    "from": "\(region)", "destination": "\(entry.destination)", "key": "\(entry.key)",
                    "reason": "\(reason)",
                ])
        case .missedThreshold(let entry):
            log.warning(
                "a version is late: Replication Time Control's 15 minutes have passed",
                metadata: [
                    "from": "\(region)", "destination": "\(entry.destination)", "key": "\(entry.key)",
                    "rule": "\(entry.ruleID)",
                ])
        case .replicatedAfterThreshold(let entry, let milliseconds):
            log.notice(
                "a late version was replicated",
                metadata: [
                    "from": "\(region)", "destination": "\(entry.destination)", "key": "\(entry.key)",
                    "rule": "\(entry.ruleID)", "milliseconds": "\(milliseconds)",
                ])
        case .storeTrouble(let reason):
            log.error("replication cannot read its store", metadata: ["region": "\(region)", "reason": "\(reason)"])
        }
    }
}
