import Cluster
import Environment
import Replication
import S3Model
import Storage

extension RegionAdmin {
    /// What waits in the region's outbox, and how the links are that lead away from it.
    func status() throws -> ReplicationReport {
        guard let service else { return ReplicationReport(rules: [], links: []) }
        var rules = try rules(service)
        let links = links(of: service, rules)
        // Rules share their link, and only the link knows of what is under way.
        for index in rules.indices where rules[index].pendingVersions > 0 {
            rules[index].etaSeconds = links.first { $0.to == rules[index].destinationRegion }?.etaSeconds
        }
        return ReplicationReport(rules: rules, links: links)
    }

    private var monotonic: UInt64 { time.monotonicNanoseconds() / 1_000_000 }

    private func rules(_ service: ReplicationService) throws -> [ReplicationReport.Rule] {
        let now = Timestamp(milliseconds: time.wallMilliseconds())
        let readings = service.counters.ruleSnapshot()
        let monotonic = monotonic
        return try RuleBacklog.read(store, at: now).map { backlog in
            let row = backlog.waiting
            let reading = readings[.init(source: row.source, destination: row.destination, id: row.ruleID)]
            let rate = (reading?.meter ?? RateMeter()).rate(at: monotonic)
            return ReplicationReport.Rule(
                sourceRegion: store.region.rawValue, sourceBucket: row.source.rawValue,
                destinationRegion: locate(row.destination)?.region.rawValue,
                destination: row.destination.rawValue, rule: row.ruleID,
                isEnabled: backlog.isEnabled,
                pendingVersions: row.pendingVersions, pendingBytes: row.pendingBytes,
                oldestAgeMilliseconds: row.oldestAgeMilliseconds, retrying: row.retrying,
                failedVersions: backlog.failedVersions, failedBytes: backlog.failedBytes,
                versionsPerSecond: rate.versionsPerSecond, bytesPerSecond: rate.bytesPerSecond,
                etaSeconds: row.pendingVersions == 0 ? 0 : nil,
                missedThreshold: reading?.missedThreshold ?? 0,
                replicatedAfterThreshold: reading?.replicatedAfterThreshold ?? 0)
        }
    }

    /// The time that the bytes of a link need, or without bytes the versions; `nil` when nothing moves, 0 when nothing waits.
    static func eta(_ link: ReplicationReport.Link) -> Double? {
        if link.pendingVersions == 0 { return 0 }
        if link.pendingBytes > 0, let pace = pace(link) { return Double(link.pendingBytes) / pace }
        return link.versionsPerSecond > 0 ? Double(link.pendingVersions) / link.versionsPerSecond : nil
    }

    /// Bytes per second that the link will go on with; `nil` when nothing moves. A limit bounds it, and says it while the
    /// work is younger than what the rate is measured over: until then idle time is in that.
    private static func pace(_ link: ReplicationReport.Link) -> Double? {
        guard link.bytesPerSecond > 0 else { return nil }
        guard let limit = link.limitBytesPerSecond, limit > 0 else { return link.bytesPerSecond }
        let isYoung = link.oldestAgeMilliseconds < 30_000
        return isYoung && !link.isPaused ? Double(limit) : min(link.bytesPerSecond, Double(limit))
    }

    private func links(of service: ReplicationService, _ rules: [ReplicationReport.Rule]) -> [ReplicationReport.Link] {
        let conditions = service.conditions()
        let readings = service.counters.snapshot()
        let limits = service.bandwidthLimits
        var peers = Set(conditions.keys).union(readings.keys)
        peers.formUnion(limits.keys.map(Optional.some))
        peers.formUnion(rules.map { $0.destinationRegion.flatMap { RegionName($0) } })
        let now = monotonic
        return peers.sorted { ($0?.rawValue ?? "~") < ($1?.rawValue ?? "~") }.map { peer in
            let condition = conditions[peer] ?? LinkCondition()
            let reading = readings[peer] ?? ReplicationCounters.Reading()
            let own = rules.filter { $0.destinationRegion == peer?.rawValue }
            var rate = reading.meter.rate(at: now)
            if let peer { rate.bytesPerSecond = service.flow(to: peer) }
            let versions = own.reduce(0) { $0 + $1.pendingVersions }
            let bytes = own.reduce(0) { $0 + $1.pendingBytes }
            var link = ReplicationReport.Link(
                from: service.region.rawValue, to: peer?.rawValue, isPaused: condition.isPaused,
                inFlight: condition.inFlight, lastFailure: condition.lastFailure,
                limitBytesPerSecond: peer.flatMap { limits[$0] }, pendingVersions: versions, pendingBytes: bytes,
                oldestAgeMilliseconds: own.map(\.oldestAgeMilliseconds).max() ?? 0,
                failedVersions: own.reduce(0) { $0 + $1.failedVersions }, versionsPerSecond: rate.versionsPerSecond,
                bytesPerSecond: rate.bytesPerSecond,
                replicated: reading.replicated, retries: reading.retries,
                lagP50Milliseconds: reading.lagMilliseconds(quantile: 0.5),
                lagP99Milliseconds: reading.lagMilliseconds(quantile: 0.99))
            link.etaSeconds = Self.eta(link)
            return link
        }
    }
}

// MARK: One object

extension RegionAdmin {
    /// The versions of the key that the parameters `bucket` and `key` name.
    func object(_ call: AdminCall) throws -> ObjectReport.Region {
        let bucket = try call.bucket()
        guard let key = ObjectKey(try call.required("key")) else { throw S3Error(.keyTooLongError) }
        var report = ObjectReport.Region(region: store.region.rawValue, bucket: bucket.rawValue, versions: [])
        do {
            let versions = try store.versions(of: key, bucket: bucket, limit: ReplicationAdmin.versionsShown)
            report.versions = try versions.map { version in
                self.version(version, try store.replicationWork(on: version.reference, bucket: bucket))
            }
        } catch {
            report.trouble = "\(error)"
        }
        return report
    }

    private func version(
        _ version: ObjectVersion, _ work: [(entry: OutboxEntry, isFailed: Bool)]
    ) -> ObjectReport.Version {
        ObjectReport.Version(
            versionID: version.versionID.description, origin: origin(of: version.stamp), isCurrent: version.isCurrent,
            isDeleteMarker: version.isDeleteMarker, size: version.object?.size ?? 0, etag: version.object?.etag.quoted,
            modified: version.modified.milliseconds, status: version.replication.headerValue,
            storageClass: version.object?.metadata.storageClass, tags: version.object?.tags.count ?? 0,
            work: work.map {
                ObjectReport.Work(
                    destination: $0.entry.destination.rawValue, rule: $0.entry.ruleID, isFailed: $0.isFailed,
                    attempts: $0.entry.attempts, reason: $0.entry.lastError)
            })
    }
}
