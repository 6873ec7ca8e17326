package import Cluster
package import Environment
package import Logging
package import S3Model
import Synchronization

/// The ready access points with their routes, as an immutable snapshot in memory. Requests read it without waiting for
/// anybody; it is swapped as a whole when the control store changes, and keeps its last state while that is away.
package final class RoutingTable: Sendable {
    private struct NameKey: Hashable {
        let account: AccountID
        let name: AccessPointName
    }

    private struct CachedEntry {
        let entry: RoutingEntry
        let pointRevision: Int64
        let routesRevision: Int64
        let readsRevision: Int64
    }

    private struct Snapshot {
        var revision: Int64 = -1
        var cached: [String: CachedEntry] = [:]
        var byAlias: [AccessPointAlias: RoutingEntry] = [:]
        var byName: [NameKey: RoutingEntry] = [:]
        /// Members of all points, ready or not.
        var byBucket: [BucketName: [AccessPoint]] = [:]
    }

    /// What the table reads of the control store.
    package static let controlPrefix = ControlKeys.table

    private let store: any ControlStore
    private let time: any TimeSource
    private let log: Logger
    private let published = Mutex(Snapshot())

    package init(store: any ControlStore, time: any TimeSource, log: Logger = Logger(label: "routes")) {
        self.store = store
        self.time = time
        self.log = log
    }

    /// The control store's revision that this table shows; -1 before the first read.
    package var revision: Int64 { published.withLock { $0.revision } }

    package func entry(alias: AccessPointAlias) -> RoutingEntry? { published.withLock { $0.byAlias[alias] } }

    package func entry(name: AccessPointName, account: AccountID) -> RoutingEntry? {
        published.withLock { $0.byName[NameKey(account: account, name: name)] }
    }

    /// Every label that clients use (spec/clients.md §3.5): `ALIAS.mrap`, `NAME.mrap`, the alias or the name alone.
    /// Aliases are global; names need the account of the caller or of the ARN.
    package func entry(label: String, account: AccountID?) -> RoutingEntry? {
        let lower = label.lowercased()
        let bare = lower.hasSuffix(".mrap") ? String(lower.dropLast(5)) : lower
        if let alias = AccessPointAlias(bare + ".mrap"), let entry = entry(alias: alias) { return entry }
        guard let account, let name = AccessPointName(bare) else { return nil }
        return entry(name: name, account: account)
    }

    /// All ready points, by account and name.
    package func entries() -> [RoutingEntry] {
        published.withLock { Array($0.byName.values) }.sorted {
            ($0.accessPoint.account.rawValue, $0.accessPoint.name.rawValue)
                < ($1.accessPoint.account.rawValue, $1.accessPoint.name.rawValue)
        }
    }

    /// The points, ready or not, that have this bucket as a member. A bucket of the same account cannot be deleted while
    /// there is one (spec/mrap.md §1: `BucketHasAccessPointsAttached`).
    package func accessPoints(using bucket: BucketName) -> [AccessPoint] {
        published.withLock { $0.byBucket[bucket] ?? [] }
    }

    /// Follows the control store until the task is cancelled.
    package func run() async {
        await store.follow(prefix: Self.controlPrefix, time: time, log: log) { self.publish($0) }
    }

    /// Reads the table now; call once before serving.
    package func refresh() async throws { publish(try await store.snapshot(prefix: Self.controlPrefix)) }

    // MARK: Publishing

    private func publish(_ snapshot: ControlSnapshot) {
        let known = published.withLock { $0 }
        guard snapshot.revision > known.revision else { return }
        var fresh = Snapshot(revision: snapshot.revision)
        let routes = Self.byLabel(snapshot, below: ControlKeys.routes)
        let reads = Self.byLabel(snapshot, below: ControlKeys.reads)
        for record in snapshot.records where record.key.utf8.starts(with: ControlKeys.points.utf8) {
            let cached = known.cached[record.key]
            guard let (point, cached) = read(record, routes: routes, reads: reads, known: cached) else { continue }
            for member in point.regions { fresh.byBucket[member.bucket, default: []].append(point) }
            guard let cached, point.status == .ready else { continue }
            fresh.cached[record.key] = cached
            fresh.byAlias[point.alias] = cached.entry
            fresh.byName[NameKey(account: point.account, name: point.name)] = cached.entry
        }
        published.withLock { if fresh.revision > $0.revision { $0 = fresh } }
    }

    private static func byLabel(_ snapshot: ControlSnapshot, below prefix: String) -> [String: ControlRecord] {
        var found: [String: ControlRecord] = [:]
        for record in snapshot.records where record.key.utf8.starts(with: prefix.utf8) {
            found[String(record.key.dropFirst(prefix.count))] = record
        }
        return found
    }

    /// A point and its entry; taken over where neither record changed. An unreadable record, which a newer version wrote,
    /// leaves what was known in force.
    private func read(
        _ record: ControlRecord, routes: [String: ControlRecord], reads: [String: ControlRecord], known: CachedEntry?
    ) -> (AccessPoint, CachedEntry?)? {
        do {
            if let known, known.pointRevision == record.revision,
                let route = routes[known.entry.accessPoint.alias.label], route.revision == known.routesRevision,
                reads[known.entry.accessPoint.alias.label]?.revision ?? 0 == known.readsRevision
            {
                return (known.entry.accessPoint, known)
            }
            let point = try PointRecord.decode(record.value).accessPoint
            guard let route = routes[point.alias.label] else { return (point, nil) }
            let setting = reads[point.alias.label]
            let entry = RoutingEntry(
                accessPoint: point, routes: try RoutesRecord.decode(route.value).routes,
                reads: try setting.map { try ReadsRecord.decode($0.value).mode } ?? .readThrough)
            return (
                point,
                CachedEntry(
                    entry: entry, pointRevision: record.revision, routesRevision: route.revision,
                    readsRevision: setting?.revision ?? 0)
            )
        } catch {
            log.error("unreadable access point record", metadata: ["key": "\(record.key)", "error": "\(error)"])
            return known.map { ($0.entry.accessPoint, $0) }
        }
    }
}
