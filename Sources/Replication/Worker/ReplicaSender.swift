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
    let throttles: [RegionName: LinkThrottle]
    /// Versions up to this size overtake larger ones where the link is limited.
    let smallBytes: Int64
    let counters: ReplicationCounters

    func send(_ entry: OutboxEntry) async -> LinkMachine.Outcome {
        let version: ObjectVersion
        let bucket: Bucket
        let rule: ReplicationRule
        switch task(of: entry) {
        case .outcome(let outcome): return outcome
        case .deliver(let found, let place, let by): (version, bucket, rule) = (found, place, by)
        }
        guard let location = locate(entry.destination) else { return .unsendable(reason: "DstBucketNotFound") }
        guard let link = links[location.region] else {
            return .unavailable(reason: "no link to region \(location.region)")
        }
        var push = ReplicaPush(
            source: store.region, sourceBucket: bucket.name, destination: entry.destination, ruleID: entry.ruleID,
            kind: entry.kind, version: rule.replica(of: version, destinationOwner: location.owner))
        push.createsVersion =
            entry.kind != .attributes || rule.selects(key: version.key, tags: version.object?.tags ?? [])
        return await deliver(push, entry, of: version, through: link)
    }

    private enum SenderTask {
        case deliver(ObjectVersion, in: Bucket, by: ReplicationRule)
        case outcome(LinkMachine.Outcome)
    }

    /// What an entry comes to now.
    private func task(of entry: OutboxEntry) -> SenderTask {
        do {
            switch try store.work(of: entry) {
            case .version(let version, let bucket):
                // A rule that leads elsewhere now brings nothing there any more. Its work is about to follow the change.
                guard let rule = bucket.replication?.rule(id: entry.ruleID),
                    rule.destination.bucket == entry.destination
                else {
                    return .outcome(.unsendable(reason: "SrcBucketReplicationConfigMissing"))
                }
                return rule.isEnabled ? .deliver(version, in: bucket, by: rule) : .outcome(.ruleDisabled)
            case .gone: return .outcome(.gone)
            case .superseded: return .outcome(.superseded)
            }
        } catch {
            return .outcome(Self.unreadable("version", error))
        }
    }

    private func deliver(
        _ push: ReplicaPush, _ entry: OutboxEntry, of version: ObjectVersion, through link: any PeerLink
    ) async -> LinkMachine.Outcome {
        let size = version.object?.size ?? 0
        let body =
            size > 0
            ? ReplicaBody(store: store, version: version, throttle: throttle(link, size)) {
                if case .outcome(let outcome) = task(of: entry) { outcome } else { nil }
            } : nil
        return await withTaskGroup(of: LinkMachine.Outcome?.self) { group in
            group.addTask { await Self.apply(push, body: body, through: link, counters) }
            group.addTask {
                var seen = body?.progress
                while true {
                    do { try await time.sleep(milliseconds: PeerPatience.milliseconds) } catch { return nil }
                    guard let progress = body?.progress, progress != seen else { break }
                    seen = progress
                }
                return .unavailable(reason: "no answer from \(link.region) within \(PeerPatience.milliseconds) ms")
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first ?? .unavailable(reason: "stopped")
        }
    }

    private func throttle(_ link: any PeerLink, _ size: Int64) -> ReplicaBody.Throttle? {
        throttles[link.region].map { ReplicaBody.Throttle(link: $0, isSmall: size <= smallBytes) }
    }

    static func apply(
        _ push: ReplicaPush, body: ReplicaBody?, through link: any PeerLink, _ counters: ReplicationCounters
    ) async -> LinkMachine.Outcome {
        do {
            let outcome = try await link.apply(push, body: body)
            if outcome == .unchanged || outcome == .erased { counters.update(link.region) { $0.unchanged += 1 } }
            return outcome == .erased ? .erased : .delivered
        } catch {
            if let obstacle = body?.obstacle { return obstacle }
            // What the link says about a body that broke here is not about the link.
            if let failure = body?.failure { return unreadable("bytes", failure) }
            // Links say what is damaged at the other end as a refusal.
            if case StorageError.corrupt = error { return unreadable("bytes", error) }
            switch error as? PeerError {
            case .refused(let reason): return .refused(reason: reason)
            case .unavailable(let reason): return .unavailable(reason: reason)
            case nil: return .unavailable(reason: "\(error)")
            }
        }
    }

    /// Damage stays; anything else that a disk does may pass.
    private static func unreadable(_ what: String, _ error: any Error) -> LinkMachine.Outcome {
        let reason = "reading the \(what): \(error)"
        return if case StorageError.corrupt = error { .unsendable(reason: reason) } else { .trouble(reason: reason) }
    }
}

/// A version's bytes, opened when they are first pulled: most repeated pushes never pull them. They end without their last
/// piece when the version is removed, or its rule disabled or removed, while they are on their way: what was removed here
/// in the middle of a long transfer must not arrive at its end.
final class ReplicaBody: ResumableSource {
    private enum State {
        case unopened
        case open(any ByteSource)
        case failed(any Error)
        case stopped(LinkMachine.Outcome)
    }

    /// Thrown instead of the rest of the bytes.
    private struct Stopped: Error {}

    struct Throttle: Sendable {
        let link: LinkThrottle
        let isSmall: Bool
    }

    private let store: RegionStore
    private let version: ObjectVersion
    private let throttle: Throttle?
    private let look: @Sendable () -> LinkMachine.Outcome?
    private let size: Int64
    /// What has been given out, and where of that it was last looked whether the rest should go. One reader at a time.
    private let position = Mutex<(given: Int64, looked: Int64)>((0, 0))
    private let state = Mutex<State>(.unopened)
    private let steps = Atomic<UInt64>(0)
    private let start = Atomic<Int64>(0)
    /// What of a piece has not gone yet. Pulled by one reader at a time.
    private let rest = Mutex<ByteBuffer?>(nil)

    /// `look` says what has come in the way since the delivery began.
    init(
        store: RegionStore, version: ObjectVersion, throttle: Throttle?,
        look: @escaping @Sendable () -> LinkMachine.Outcome?
    ) {
        self.store = store
        self.version = version
        self.throttle = throttle
        self.look = look
        size = version.object?.size ?? 0
    }

    /// Bytes between two looks.
    private static let strideOfLooks: Int64 = 1 << 20

    /// Differs from an earlier value when since then bytes have gone through, or were held back here, or the peer was at
    /// work on those that it has.
    var progress: UInt64 { steps.load(ordering: .relaxed) }

    /// Why the bytes could not be read, if they could not.
    var failure: (any Error)? {
        state.withLock { if case .failed(let error) = $0 { error } else { nil } }
    }

    /// What came in the way, if that is why the bytes ended.
    var obstacle: LinkMachine.Outcome? {
        state.withLock { if case .stopped(let outcome) = $0 { outcome } else { nil } }
    }

    func resume(at offset: Int64) {
        start.store(offset, ordering: .relaxed)
        position.withLock { $0 = (offset, offset) }
        steps.add(1, ordering: .relaxed)
    }

    func noteProgress() { steps.add(1, ordering: .relaxed) }

    func next() async throws -> ByteBuffer? {
        do {
            guard let piece = try await nextPiece() else { return nil }
            steps.add(1, ordering: .relaxed)
            try await throttle?.link.pass(Int64(piece.readableBytes), isSmall: throttle?.isSmall ?? true) {
                steps.add(1, ordering: .relaxed)
            }
            try lookOut(before: Int64(piece.readableBytes))
            return piece
        } catch {
            if !(error is CancellationError), !(error is Stopped) { state.withLock { $0 = .failed(error) } }
            throw error
        }
    }

    /// Before the last piece of what took some time, and every so often on the way.
    private func lookOut(before length: Int64) throws {
        let isDue = position.withLock { position in
            position.given += length
            let isLast = position.given >= size && (size > Self.smallAtOnce || throttle != nil)
            guard isLast || position.given - position.looked >= Self.strideOfLooks else { return false }
            position.looked = position.given
            return true
        }
        guard isDue, let outcome = look() else { return }
        state.withLock { $0 = .stopped(outcome) }
        throw Stopped()
    }

    /// Bodies up to this size leave in one go, right after the first look.
    private static let smallAtOnce: Int64 = 64 << 10

    /// In pieces that suit the link's limit.
    private func nextPiece() async throws -> ByteBuffer? {
        var whole = rest.withLock { $0.take() }
        if whole == nil { whole = try await opened().next() }
        guard var piece = whole, let size = throttle?.link.pieceSize, piece.readableBytes > size,
            let first = piece.readSlice(length: size)
        else { return whole }
        rest.withLock { $0 = piece }
        return first
    }

    private func opened() throws -> any ByteSource {
        if case .open(let source) = state.withLock({ $0 }) { return source }
        let source: any ByteSource
        let size = version.object?.size ?? 0
        let offset = min(start.load(ordering: .relaxed), size)
        if let bytes = try store.inlineContent(of: version) {
            let buffer = BufferSource(bytes)
            buffer.resume(at: offset)
            source = buffer
        } else {
            source = try store.content(of: version, range: offset..<size)
        }
        state.withLock { $0 = .open(source) }
        return source
    }
}
