import AccessPoints
import Cluster
import Environment
import Gateway
import Logging
import Replication
import S3Model
import Storage

/// Everything below the gateway, open and ready: the control store and what follows it, one store for each region of
/// this process, and the replication from them, also to the regions of other processes.
struct Installation: Sendable {
    let layout: ProcessLayout
    /// The processes of the other regions.
    let peers: RegionPeers
    /// What is asked of these while they still have it alone.
    let peerReads: [RegionName: PeerReads]
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

    /// Opens the stores of this process's regions in the data folder. Throws ``OperatorError`` in words a person can act
    /// on.
    static func open(
        _ configuration: ServerConfiguration, _ layout: ProcessLayout, in folder: DataFolder,
        control: any ControlStore, peers: RegionPeers, time: any TimeSource, random: any RandomSource, log: Logger
    ) async throws -> Installation {
        let unserved = try unservedRegions(configuration, in: folder, log: log)
        let places = places(configuration)
        let directory = BucketDirectory(store: control, time: time)
        let table = RoutingTable(store: control, time: time)
        let registry = AccessPointRegistry(
            store: control, buckets: directory, regions: places, table: table, time: time, random: random)
        var stores: [RegionName: RegionStore] = [:]
        for region in layout.served {
            let store = try await openRegion(region, in: folder, time: time, random: random)
            stores[region] = store
            try await reconcile(directory, with: store, log: log)
        }
        try await directory.refresh()
        try await table.refresh()
        let jobs = jobs(control, directory, stores, peers, time: time, random: random)
        let reports = BatchReportWriter(stores: stores, locate: { directory.location(of: $0) })
        let runners = stores.values.sorted { $0.region < $1.region }.map {
            BatchJobRunner(store: $0, registry: jobs, writer: reports, log: log)
        }
        return Installation(
            layout: layout, peers: peers,
            peerReads: peers.clients.reduce(into: [:]) { $0[$1.key] = PeerReads($1.key, over: $1.value, time: time) },
            control: control, directory: directory, places: places, table: table,
            registry: registry, stores: stores, unservedRegions: unserved,
            replication: replication(stores, peers, directory, time: time, random: random, log: log), jobs: jobs,
            jobRunners: runners, time: time, log: log)
    }

    private static func unservedRegions(
        _ configuration: ServerConfiguration, in folder: DataFolder, log: Logger
    ) throws -> [String] {
        let regions = Set(configuration.regions.map(\.name.rawValue))
        let unserved = try folder.regionsWithData().filter { !regions.contains($0) }
        for region in unserved {
            log.warning(
                "a region with data is not configured: its buckets are not served", metadata: ["region": "\(region)"])
        }
        return unserved
    }

    private static func reconcile(_ directory: BucketDirectory, with store: RegionStore, log: Logger) async throws {
        let conflicts = try await directory.reconcile(
            region: store.region, buckets: store.listBuckets().map { ($0.name, $0.owner) })
        for name in conflicts {
            log.error(
                "a bucket's name belongs to another region", metadata: ["bucket": "\(name)", "in": "\(store.region)"])
        }
    }

    /// One service per region of this process. Their links lead to these, and over HTTP to all others.
    private static func replication(
        _ stores: [RegionName: RegionStore], _ peers: RegionPeers, _ directory: BucketDirectory,
        time: any TimeSource, random: any RandomSource, log: Logger
    ) -> [ReplicationService] {
        var links = stores.mapValues { InProcessPeerLink($0) as any PeerLink }
        for (region, client) in peers.clients { links[region] = HTTPPeerLink(region, over: client, time: time) }
        return stores.values.sorted { $0.region < $1.region }.map { store in
            ReplicationService(
                region: store, links: links, locate: { directory.location(of: $0) }, time: time, random: random,
                hooks: ReplicationHooks(notice: { report($0, from: store.region, log: log) }))
        }
    }

    private static func jobs(
        _ control: any ControlStore, _ directory: BucketDirectory, _ stores: [RegionName: RegionStore],
        _ peers: RegionPeers, time: any TimeSource, random: any RandomSource
    ) -> BatchJobRegistry {
        BatchJobRegistry(
            control: control, locate: { directory.location(of: $0) },
            bucket: { location in
                if let store = stores[location.region] { return try store.bucket(location.name) }
                guard let client = peers[location.region] else { return nil }
                return try await RemoteRegion(location.region, at: client, time: time).bucket(location.name)
            },
            shareProcess: { one, other in
                one == other || stores[one] != nil && stores[other] != nil
                    || peers[one].map { client in peers[other] === client } ?? false
            },
            time: time, random: random)
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

    /// When the process starts, so that one which never runs for an hour forgets too, and then each hour.
    private func forgetOldReplicas() async {
        while true {
            await forgetErasures()
            guard (try? await time.sleep(milliseconds: 3_600_000)) != nil else { return }
            // Not at the start: what stood still while this process was away may go on now.
            for store in stores.values {
                await forget("arrived parts", in: store) { _ = try await store.forgetArrivals() }
            }
        }
    }

    /// Removals are remembered while any region may send the removed version again. While a region's process is away, or
    /// a region cannot read what it has to send, nobody knows that, and no removal is forgotten. Else the trouble of one
    /// region does not keep the others from forgetting.
    private func forgetErasures() async {
        for store in stores.values {
            await forget("removed versions", in: store) {
                _ = try await store.forgetErasures(oldestWork: oldestReplicationWork)
            }
        }
    }

    private func forget(_ what: String, in store: RegionStore, _ body: () async throws -> Void) async {
        do {
            try await body()
        } catch is CancellationError {
            // The caller's loop ends.
        } catch let fault as PeerFault {
            log.notice(
                "\(what) are remembered on", metadata: ["region": "\(store.region)", "reason": "\(fault)"])
        } catch {
            log.error(
                "forgetting \(what) failed", metadata: ["region": "\(store.region)", "error": "\(error)"])
        }
    }

    /// Of all regions that are configured.
    private func oldestReplicationWork() async throws -> VersionStamp? {
        var stamps = try stores.values.compactMap { try $0.oldestReplicationWork() }
        for region in peers.regions {
            guard let peer = peerReads[region], let stamp = try await peer.oldestReplicationWork() else { continue }
            stamps.append(stamp)
        }
        return stamps.min()
    }

    func close() async throws {
        peers.close()
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
