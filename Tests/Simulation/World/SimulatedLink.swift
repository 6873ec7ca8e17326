import Cluster
import NIOCore
import S3Model
import Storage
import Synchronization

/// Which one-way links are cut or slow now.
final class Network: Sendable {
    struct Way: Hashable {
        let from: RegionName
        let to: RegionName
    }

    private struct State {
        var cut: Set<Way> = []
        var slow: Set<Way> = []
        var late: [(push: ReplicaPush, body: ByteBuffer?)] = []
    }

    private let state = Mutex(State())

    func cut(_ way: Way) { state.withLock { _ = $0.cut.insert(way) } }
    func slow(_ way: Way) { state.withLock { _ = $0.slow.insert(way) } }
    func heal(_ way: Way) {
        state.withLock { state in
            state.cut.remove(way)
            state.slow.remove(way)
        }
    }
    func healAll() {
        state.withLock { state in
            state.cut = []
            state.slow = []
        }
    }
    func isCut(_ way: Way) -> Bool { state.withLock { $0.cut.contains(way) } }
    func isSlow(_ way: Way) -> Bool { state.withLock { $0.slow.contains(way) } }

    /// Keeps a delivery that will come once more, later.
    func duplicate(_ push: ReplicaPush, body: ByteBuffer?) { state.withLock { $0.late.append((push, body)) } }
    func nextLate(_ choice: UInt64) -> (push: ReplicaPush, body: ByteBuffer?)? {
        state.withLock { $0.late.isEmpty ? nil : $0.late.remove(at: Int(choice % UInt64($0.late.count))) }
    }
}

/// The link between two nodes: late, lossy, cut, duplicating, with bodies that break off.
final class SimulatedLink: PeerLink {
    let region: RegionName
    private let way: Network.Way
    private let node: Node
    private let world: World
    private let network: Network
    private let faults: Faults
    private let rules: RuleSet

    init(from: RegionName, to node: Node, world: World, network: Network, faults: Faults, rules: RuleSet) {
        self.rules = rules
        region = node.region
        way = Network.Way(from: from, to: node.region)
        self.node = node
        self.world = world
        self.network = network
        self.faults = faults
    }

    func apply(_ push: ReplicaPush, body: (any ByteSource)?) async throws -> ApplyOutcome {
        try await apply(push, body: body, isRepeated: false)
    }

    /// `isRepeated`: the network does it, not the sender.
    func apply(_ push: ReplicaPush, body: (any ByteSource)?, isRepeated: Bool) async throws -> ApplyOutcome {
        faults.count(\.sends)
        if !isRepeated { rules.check(ruleID: push.ruleID, to: push.destination, from: way.from) }
        try await pause(faults.latencyMilliseconds)
        if network.isSlow(way) { try await pause(3_000) }
        if network.isCut(way) {
            try await pause(500)
            throw PeerError.unavailable(reason: "cut")
        }
        if faults.areOn, world.random.chance(faults.lossPercent / 2) {
            faults.count(\.lostRequests)
            throw PeerError.unavailable(reason: "request lost")
        }
        guard let store = node.store else {
            faults.count(\.deliveriesWhileDown)
            throw PeerError.unavailable(reason: "down")
        }
        if faults.mutation == .acknowledgeUnstored, world.random.chance(5) { return .applied }
        let breaks = faults.areOn && world.random.chance(faults.lossPercent / 3)
        let source = body.map { WatchedBody($0, world: world, breaks: breaks) { [network, way] in network.isCut(way) } }
        let outcome: ApplyOutcome
        do {
            outcome = try await InProcessPeerLink(store).apply(mutated(push), body: source)
        } catch {
            if source?.isBroken == true { faults.count(\.brokenBodies) }
            throw error
        }
        if faults.mutation == .repeatDeliveries {
            for _ in 0..<60 {
                let again = try? await InProcessPeerLink(store).apply(push, body: nil)
                if again == .unchanged { faults.count(\.unchangedApplies) }
            }
        }
        if source?.isResumed == true { faults.count(\.resumed) }
        faults.count(outcome == .unchanged || outcome == .erased ? \.unchangedApplies : \.applies)
        world.note(
            "\(way.from)->\(way.to) \(push.kind) \(push.version.key) \(push.version.stamp.milliseconds % 10_000_000).\(push.version.stamp.counter) \(outcome)"
        )
        if faults.areOn, world.random.chance(faults.duplicatePercent) {
            network.duplicate(push, body: source?.whole)
        }
        try await pause(faults.latencyMilliseconds)
        if faults.areOn, world.random.chance(faults.lossPercent / 2) {
            faults.count(\.lostReplies)
            throw PeerError.unavailable(reason: "reply lost")
        }
        return outcome
    }

    private func mutated(_ push: ReplicaPush) -> ReplicaPush {
        guard faults.mutation == .restampReplicas else { return push }
        let old = push.version
        var version = ObjectVersion(
            key: old.key,
            stamp: VersionStamp(
                milliseconds: UInt64(node.clock.wallMilliseconds()), counter: old.stamp.counter,
                region: old.stamp.region),
            isNull: old.isNull, content: old.content, modified: old.modified, owner: old.owner)
        version.replication = .replica
        var changed = push
        changed.version = version
        return changed
    }

    private func pause(_ milliseconds: Int) async throws {
        try await world.sleep(nanoseconds: UInt64(world.random.below(milliseconds * 1_000)) * 1_000)
    }
}

/// A body on its way: in small pieces, may break off, and remembers what went through.
private final class WatchedBody: ResumableSource {
    private struct State {
        var seen = ByteBuffer()
        var rest = ByteBuffer()
        var offset: Int64 = 0
        var isWhole = false
        var isBroken = false
    }

    private static let pieceSize = 3_000

    private let base: any ByteSource
    private let world: World
    private let breaks: Bool
    private let isCut: @Sendable () -> Bool
    private let state = Mutex(State())

    init(_ base: any ByteSource, world: World, breaks: Bool, isCut: @escaping @Sendable () -> Bool) {
        self.base = base
        self.world = world
        self.breaks = breaks
        self.isCut = isCut
    }

    /// All bytes, when all have gone through now.
    var whole: ByteBuffer? { state.withLock { $0.isWhole && $0.offset == 0 ? $0.seen : nil } }
    var isBroken: Bool { state.withLock { $0.isBroken } }
    /// Whether some of the bytes had come with an earlier delivery.
    var isResumed: Bool { state.withLock { $0.offset > 0 } }

    func resume(at offset: Int64) {
        state.withLock { $0.offset = offset }
        (base as? any ResumableSource)?.resume(at: offset)
    }

    func next() async throws -> ByteBuffer? {
        try await world.sleep(nanoseconds: UInt64(world.random.below(2_000_000)))
        if isCut() || breaks && world.random.chance(30) {
            state.withLock { $0.isBroken = true }
            throw PeerError.unavailable(reason: "broke off")
        }
        if state.withLock({ $0.rest.readableBytes == 0 }), let piece = try await base.next() {
            state.withLock { $0.rest = piece }
        }
        return state.withLock { state in
            let length = min(Self.pieceSize, state.rest.readableBytes)
            guard length > 0, let piece = state.rest.readSlice(length: length) else {
                state.isWhole = true
                return nil
            }
            state.seen.writeImmutableBuffer(piece)
            return piece
        }
    }
}
