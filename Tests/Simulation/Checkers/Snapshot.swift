import NIOCore
import Replication
import S3Model
import Storage

/// Everything one region shows after the quiet phase.
struct Snapshot {
    let region: RegionName
    /// Newest first within a key, as listed.
    var versions: [ObjectKey: [ObjectVersion]] = [:]
    /// The bytes of every object, by stamp; or why they could not be read.
    var bytes: [VersionStamp: Result<ByteBuffer, any Error>] = [:]
    /// What GET without a version id finds.
    var current: [ObjectKey: VersionStamp] = [:]
    var summaries: [OutboxSummary]
    var failures: [FailureSummary]
    var conflicts: [WriteConflict]
    /// As the region keeps them.
    var digests: DigestTable

    init(_ node: Node, _ store: RegionStore) async throws {
        region = node.region
        summaries = try store.outboxSummaries()
        failures = try store.failureSummaries()
        conflicts = try store.conflicts(in: node.bucket, limit: 10_000)
        digests = try store.digests(of: node.bucket)
        let listing = try store.listVersions(ListQuery(limit: 1_000_000), versionMarker: nil, bucket: node.bucket)
        for version in listing.versions {
            versions[version.key, default: []].append(version)
            if version.object != nil { bytes[version.stamp] = await Self.read(version, store) }
        }
        for key in versions.keys {
            do {
                current[key] = try store.object(key, version: nil, bucket: node.bucket).stamp
            } catch let missing as S3Error where missing.code == .noSuchKey {
                current[key] = nil
            }
        }
    }

    private static func read(_ version: ObjectVersion, _ store: RegionStore) async -> Result<ByteBuffer, any Error> {
        do {
            if let bytes = try store.inlineContent(of: version) { return .success(bytes) }
            let size = version.object?.size ?? 0
            if size == 0 { return .success(ByteBuffer()) }
            return .success(try await store.content(of: version, range: 0..<size).collect(upTo: 1 << 20))
        } catch {
            return .failure(error)
        }
    }

    var all: [ObjectVersion] { versions.values.flatMap(\.self) }
    func version(_ stamp: VersionStamp, of key: ObjectKey) -> ObjectVersion? {
        versions[key]?.first { $0.stamp == stamp }
    }
}

/// The state at the end of a run, for the checkers.
struct Outcome {
    let snapshots: [Snapshot]
    let ledger: Ledger
    let faults: Faults
    let rules: RuleSet
    /// What comparing the regions' buckets finds.
    let findings: [Finding]
    let virtualMilliseconds: UInt64

    /// Versions on which regions may differ: removed for good somewhere, or made while rules were off.
    var exempt: Set<VersionStamp> {
        ledger.erased.union(unruled)
    }

    /// Versions made while rules were off.
    var unruled: Set<VersionStamp> {
        var stamps: Set<VersionStamp> = []
        guard faults.rulesChange else { return stamps }
        for snapshot in snapshots {
            for version in snapshot.all where version.stamp.region == snapshot.region.stampID {
                if version.replication == .none { stamps.insert(version.stamp) }
            }
        }
        return stamps
    }
}
