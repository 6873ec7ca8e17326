import AccessPoints
import Cluster
import Console
import Environment
import Gateway
import Replication
import S3Model
import Storage
import Synchronization
import Telemetry

/// The state of the installation for the status page, and the gauges that are read from it.
final class InstallationStatus: StatusSource, RegionStatusSource {
    private let installation: Installation
    private let configuration: ServerConfiguration
    private let folder: DataFolder
    private let requests: RequestMetrics
    private let others: PeerStatus
    private let started: UInt64
    private let listeners = Mutex<[String]>([])

    /// - Parameter peers: the processes that have the regions that this one has not.
    init(
        installation: Installation, configuration: ServerConfiguration, folder: DataFolder, requests: RequestMetrics,
        metrics: Metrics, peers: [RegionName: any PeerCalling] = [:]
    ) {
        self.installation = installation
        self.configuration = configuration
        self.folder = folder
        self.requests = requests
        others = PeerStatus(peers: peers, time: installation.time)
        started = installation.time.monotonicNanoseconds()
        ReplicationGauges.register(installation, in: metrics)
    }

    func listens(on addresses: [String]) { listeners.withLock { $0 = addresses } }

    func statusReport() async -> StatusReport {
        let uptime = (installation.time.monotonicNanoseconds() - started) / 1_000_000
        let regions = await reports()
        var report = StatusReport(
            server: Version.text, uptimeMilliseconds: Int64(uptime), listeners: listeners.withLock { $0 },
            regions: regions.map(\.region), accessPoints: accessPoints(),
            replication: regions.flatMap(\.replication), operations: operations())
        if !installation.unservedRegions.isEmpty { report.unservedRegions = installation.unservedRegions }
        return report
    }

    func isHealthy() async -> Bool {
        configuration.regions.allSatisfy { own($0)?.region.isHealthy ?? true }
    }

    func regionStatus(_ name: RegionName) async -> RegionStatusReport? {
        configuration.regions.first { $0.name == name }.flatMap(own)
    }

    /// One of each configured region, in the configuration's order. Other processes are asked at the same time.
    private func reports() async -> [RegionStatusReport] {
        await withTaskGroup(of: (Int, RegionStatusReport).self) { group in
            for (index, region) in configuration.regions.enumerated() {
                group.addTask { (index, await self.report(of: region)) }
            }
            var reports: [Int: RegionStatusReport] = [:]
            for await (index, report) in group { reports[index] = report }
            return configuration.regions.indices.compactMap { reports[$0] }
        }
    }

    private func report(of region: ServerConfiguration.Region) async -> RegionStatusReport {
        if let report = own(region) { return report }
        guard var report = await others.report(of: region.name) else {
            var missing = described(region)
            missing.detail = "not open"
            return RegionStatusReport(region: missing, replication: [])
        }
        let known = described(region)
        report.region.isHome = known.isHome
        report.region.latitude = known.latitude
        report.region.longitude = known.longitude
        return report
    }

    private func described(_ region: ServerConfiguration.Region) -> StatusReport.Region {
        let place = installation.places.coordinate(of: region.name)
        return StatusReport.Region(
            name: region.name.rawValue, isHome: region.name == configuration.homeRegion, isHealthy: false, buckets: 0,
            latitude: place?.latitude, longitude: place?.longitude)
    }

    /// `nil` for a region that this process has not.
    private func own(_ region: ServerConfiguration.Region) -> RegionStatusReport? {
        guard let store = installation.stores[region.name] else { return nil }
        var report = described(region)
        report.buckets = store.listBuckets().count
        do {
            _ = try store.outboxSummaries()
            report.detail = WriteProbe.trouble(in: folder.regionPath(region.name.rawValue))
            report.isHealthy = report.detail == nil
        } catch {
            report.detail = "\(error)"
        }
        let backlog = backlog(of: store)
        report.failedVersions = backlog?.reduce(0) { $0 + $1.failedVersions }
        return RegionStatusReport(region: report, replication: backlog ?? [])
    }

    private func accessPoints() -> [StatusReport.AccessPoint] {
        installation.table.entries().map { entry in
            StatusReport.AccessPoint(
                name: entry.accessPoint.name.rawValue, alias: entry.accessPoint.alias.rawValue,
                account: entry.accessPoint.account.rawValue, status: entry.accessPoint.status.rawValue,
                routes: entry.members.map {
                    .init(bucket: $0.bucket.rawValue, region: $0.region.rawValue, trafficDial: $0.dial)
                })
        }
    }

    /// Only rules for which something waits or has failed. `nil` for a store that cannot be read, which is already said to
    /// be unhealthy.
    private func backlog(of store: RegionStore) -> [StatusReport.Replication]? {
        let now = Timestamp(milliseconds: installation.time.wallMilliseconds())
        return try? RuleBacklog.read(store, at: now).filter { $0.waiting.pendingVersions + $0.failedVersions > 0 }.map {
            StatusReport.Replication(
                sourceRegion: store.region.rawValue, sourceBucket: $0.waiting.source.rawValue,
                destination: $0.waiting.destination.rawValue, rule: $0.waiting.ruleID, isEnabled: $0.isEnabled,
                pendingVersions: $0.waiting.pendingVersions, pendingBytes: $0.waiting.pendingBytes,
                oldestAgeMilliseconds: $0.waiting.oldestAgeMilliseconds, retrying: $0.waiting.retrying,
                failedVersions: $0.failedVersions)
        }
    }

    private func operations() -> [StatusReport.Operation] {
        requests.totals().map {
            StatusReport.Operation(
                name: $0.operation, count: $0.count, clientErrors: $0.clientErrors, serverErrors: $0.serverErrors,
                p50Milliseconds: $0.p50Nanoseconds.map { Double($0) / 1_000_000 },
                p99Milliseconds: $0.p99Nanoseconds.map { Double($0) / 1_000_000 })
        }
    }
}
