import Cluster
import Environment
import NIOCore
import S3Model
import Storage
import Synchronization

/// Delivers one outbox entry: reads the version, shapes the replica as its rule says, and gives it to the link of the
/// region where the destination bucket lives now.
struct ReplicaSender: Sendable {
    let store: RegionStore
    let links: [RegionName: any PeerLink]
    let locate: @Sendable (BucketName) -> BucketLocation?
    let time: any TimeSource

    /// A peer that has not answered after this is taken to be down; large versions get time for their bytes on top.
    static let answerMilliseconds: Int64 = 30_000
    static let slowestBytesPerMillisecond: Int64 = 256

    func send(_ entry: OutboxEntry) async -> LinkMachine.Outcome {
        let found: (version: ObjectVersion, bucket: Bucket)?
        do { found = try store.version(for: entry) } catch { return .trouble(reason: "reading the version: \(error)") }
        guard let (version, bucket) = found else { return .gone }
        guard let rule = bucket.replication?.rule(id: entry.ruleID) else {
            return .refused(reason: "SrcBucketReplicationConfigMissing")
        }
        guard rule.isEnabled else { return .ruleDisabled }
        guard let location = locate(entry.destination) else { return .refused(reason: "DstBucketNotFound") }
        guard let link = links[location.region] else {
            return .unavailable(reason: "no link to region \(location.region)")
        }
        var push = ReplicaPush(
            source: store.region, sourceBucket: bucket.name, destination: entry.destination, ruleID: entry.ruleID,
            kind: entry.kind, version: Self.replica(of: version, rule: rule, destinationOwner: location.owner))
        push.createsVersion =
            entry.kind != .attributes || rule.selects(key: version.key, tags: version.object?.tags ?? [])
        return await deliver(push, of: version, through: link)
    }

    /// What arrives is the version itself but for what the rule overrides (spec/mrap.md §15.6).
    static func replica(of version: ObjectVersion, rule: ReplicationRule, destinationOwner: Owner) -> ObjectVersion {
        var replica = version
        replica.replication = .replica
        replica.isCurrent = false
        if rule.destination.ownerOverride { replica.owner = destinationOwner }
        if case .object(var content) = replica.content {
            // Where the bytes are is this region's business.
            content.data = .empty
            if let storageClass = rule.destination.storageClass {
                content.metadata.storageClass = storageClass == "STANDARD" ? nil : storageClass
            }
            replica.content = .object(content)
        }
        return replica
    }

    private func deliver(
        _ push: ReplicaPush, of version: ObjectVersion, through link: any PeerLink
    ) async -> LinkMachine.Outcome {
        let size = version.object?.size ?? 0
        let body = size > 0 ? ReplicaBody(store: store, version: version) : nil
        let patience = Self.answerMilliseconds + size / Self.slowestBytesPerMillisecond
        return await withTaskGroup(of: LinkMachine.Outcome?.self) { group in
            group.addTask { await Self.apply(push, body: body, through: link) }
            group.addTask {
                do { try await time.sleep(milliseconds: patience) } catch { return nil }
                return .unavailable(reason: "no answer from \(link.region) within \(patience) ms")
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first ?? .unavailable(reason: "stopped")
        }
    }

    private static func apply(
        _ push: ReplicaPush, body: ReplicaBody?, through link: any PeerLink
    ) async -> LinkMachine.Outcome {
        do {
            _ = try await link.apply(push, body: body)
            return .delivered
        } catch {
            // What the link says about a body that broke here is not about the link.
            if let failure = body?.failure { return .trouble(reason: "reading the bytes: \(failure)") }
            switch error as? PeerError {
            case .refused(let reason): return .refused(reason: reason)
            case .unavailable(let reason): return .unavailable(reason: reason)
            case nil: return .unavailable(reason: "\(error)")
            }
        }
    }
}

/// A version's bytes, opened when they are first pulled: most repeated pushes never pull them.
final class ReplicaBody: ByteSource {
    private enum State {
        case unopened
        case open(any ByteSource)
        case failed(any Error)
    }

    private let store: RegionStore
    private let version: ObjectVersion
    private let state = Mutex<State>(.unopened)

    init(store: RegionStore, version: ObjectVersion) {
        self.store = store
        self.version = version
    }

    /// Why the bytes could not be read, if they could not.
    var failure: (any Error)? {
        state.withLock { if case .failed(let error) = $0 { error } else { nil } }
    }

    func next() async throws -> ByteBuffer? {
        do {
            return try await opened().next()
        } catch {
            if !(error is CancellationError) { state.withLock { $0 = .failed(error) } }
            throw error
        }
    }

    private func opened() throws -> any ByteSource {
        if case .open(let source) = state.withLock({ $0 }) { return source }
        let source: any ByteSource
        if let bytes = try store.inlineContent(of: version) {
            source = BufferSource(bytes)
        } else {
            source = try store.content(of: version, range: 0..<(version.object?.size ?? 0))
        }
        state.withLock { $0 = .open(source) }
        return source
    }
}
