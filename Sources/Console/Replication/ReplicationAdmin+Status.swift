import AccessPoints
import Cluster
import Environment
import Gateway
import Replication
import S3Model
import Storage

extension ReplicationAdmin {
    func status() throws -> ReplicationReport {
        var report = ReplicationReport(rules: [], links: [])
        for service in services.sorted(by: { $0.region < $1.region }) {
            guard let store = stores[service.region] else { continue }
            var rules = try rules(of: store, service)
            let links = links(of: service, rules)
            // Rules share their link, and only the link knows of what is under way.
            for index in rules.indices where rules[index].pendingVersions > 0 {
                rules[index].etaSeconds = links.first { $0.to == rules[index].destinationRegion }?.etaSeconds
            }
            report.rules += rules
            report.links += links
        }
        return report
    }

    private var monotonic: UInt64 { time.monotonicNanoseconds() / 1_000_000 }

    private func rules(of store: RegionStore, _ service: ReplicationService) throws -> [ReplicationReport.Rule] {
        let now = Timestamp(milliseconds: time.wallMilliseconds())
        let buckets = store.listBuckets()
        let rows = try ReplicationStatusReport(region: store, at: now).rows
        let failures = try store.failureSummaries()
        let readings = service.counters.ruleSnapshot()
        let monotonic = monotonic
        return rows.map { row in
            let bucket = buckets.first { $0.name == row.source }
            let failed = failures.first {
                $0.bucket == bucket?.id && $0.destination == row.destination && $0.ruleID == row.ruleID
            }
            let reading = readings[.init(source: row.source, destination: row.destination, id: row.ruleID)]
            let rate = (reading?.meter ?? RateMeter()).rate(at: monotonic)
            return ReplicationReport.Rule(
                sourceRegion: store.region.rawValue, sourceBucket: row.source.rawValue,
                destinationRegion: directory.location(of: row.destination)?.region.rawValue,
                destination: row.destination.rawValue, rule: row.ruleID,
                isEnabled: bucket?.replication?.rule(id: row.ruleID)?.isEnabled,
                pendingVersions: row.pendingVersions, pendingBytes: row.pendingBytes,
                oldestAgeMilliseconds: row.oldestAgeMilliseconds, retrying: row.retrying,
                failedVersions: failed?.versions ?? 0, failedBytes: failed?.bytes ?? 0,
                versionsPerSecond: rate.versionsPerSecond, bytesPerSecond: rate.bytesPerSecond,
                etaSeconds: row.pendingVersions == 0 ? 0 : nil,
                missedThreshold: reading?.missedThreshold ?? 0,
                replicatedAfterThreshold: reading?.replicatedAfterThreshold ?? 0)
        }
    }

    /// The time that the bytes need, or without bytes the versions; `nil` when nothing moves, 0 when nothing waits.
    static func eta(_ versions: Int64, _ bytes: Int64, _ rate: RateMeter.Rate) -> Double? {
        if versions == 0 { return 0 }
        if bytes > 0, rate.bytesPerSecond > 0 { return Double(bytes) / rate.bytesPerSecond }
        return rate.versionsPerSecond > 0 ? Double(versions) / rate.versionsPerSecond : nil
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
            return ReplicationReport.Link(
                from: service.region.rawValue, to: peer?.rawValue, isPaused: condition.isPaused,
                inFlight: condition.inFlight, lastFailure: condition.lastFailure,
                limitBytesPerSecond: peer.flatMap { limits[$0] }, pendingVersions: versions, pendingBytes: bytes,
                oldestAgeMilliseconds: own.map(\.oldestAgeMilliseconds).max() ?? 0,
                failedVersions: own.reduce(0) { $0 + $1.failedVersions }, versionsPerSecond: rate.versionsPerSecond,
                bytesPerSecond: rate.bytesPerSecond, etaSeconds: Self.eta(versions, bytes, rate),
                replicated: reading.replicated, retries: reading.retries,
                lagP50Milliseconds: reading.lagMilliseconds(quantile: 0.5),
                lagP99Milliseconds: reading.lagMilliseconds(quantile: 0.99))
        }
    }
}

// MARK: One object

extension ReplicationAdmin {
    /// The parameter `object` is BUCKET/KEY, or an access point's name or alias and a key.
    func object(_ query: QueryItems) throws -> ObjectReport {
        let text = try required("object", query)
        guard let slash = text.firstIndex(of: "/"), let key = ObjectKey(String(text[text.index(after: slash)...])),
            !key.rawValue.isEmpty
        else {
            throw S3Error.argument(
                "An object is named as BUCKET/KEY or ACCESS-POINT/KEY.", name: "object", value: text)
        }
        let regions = try related(String(text[..<slash])).map { region($0.store, $0.bucket, key) }
        let histories = Set(regions.map { $0.versions.map { "\($0.versionID) \($0.isCurrent) \($0.etag ?? "")" } })
        let isQuiet = regions.allSatisfy { $0.trouble == nil && $0.versions.allSatisfy(\.work.isEmpty) }
        return ObjectReport(key: key.rawValue, regions: regions, isSame: histories.count == 1 && isQuiet)
    }

    /// The members of an access point, or a bucket with all that it replicates to and from.
    private func related(_ name: String) throws -> [(store: RegionStore, bucket: Bucket)] {
        if let entry = try? accessPoint(name) {
            return entry.members.compactMap { try? location($0.bucket.rawValue) }
        }
        let start = try location(name)
        return [start] + (try neighbours(of: start.bucket))
    }

    /// The buckets that a bucket replicates to and from.
    func neighbours(of start: Bucket) throws -> [(store: RegionStore, bucket: Bucket)] {
        try buckets(try QueryItems(parsing: "")).filter { other in
            let leadsHere = other.bucket.replication?.rules.contains { $0.destination.bucket == start.name }
            let leadsThere = start.replication?.rules.contains { $0.destination.bucket == other.bucket.name }
            return other.bucket.name != start.name && (leadsHere == true || leadsThere == true)
        }
    }

    private func region(_ store: RegionStore, _ bucket: Bucket, _ key: ObjectKey) -> ObjectReport.Region {
        var report = ObjectReport.Region(region: store.region.rawValue, bucket: bucket.name.rawValue, versions: [])
        do {
            let work = try store.replicationWork(on: key, bucket: bucket.name)
            let versions = try store.versions(of: key, bucket: bucket.name, limit: Self.versionsShown)
            report.versions = versions.map { version in
                self.version(version, work.filter { $0.entry.stamp == version.stamp })
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
