import S3Model
import Storage
import Synchronization

/// The rules of a run: every member to every other.
final class RuleSet: Sendable {
    enum Change: Equatable {
        case remove
        case disable
        case enable
        /// The rules keep their ids and lead to each other's destinations: still from every member to every other.
        case retarget(by: Int)
        /// Other rules do the same.
        case rename(Int)
    }

    private struct State {
        /// How many calls that change the rules of a region are under way.
        var underWay: [RegionName: Int] = [:]
        var changed: [RegionName: UInt64] = [:]
        var violations: [String] = []
    }

    let nodes: [Node]
    let schema: ReplicationRule.Schema
    let replicaModifications: Bool
    private let world: World
    private let state = Mutex(State())

    init(nodes: [Node], schema: ReplicationRule.Schema, replicaModifications: Bool, world: World) {
        self.nodes = nodes
        self.schema = schema
        self.replicaModifications = replicaModifications
        self.world = world
    }

    func change(_ random: SeededRandom, removes: Bool) -> Change {
        var all: [Change] = [
            .disable, .enable, .retarget(by: 1 + random.below(max(1, nodes.count - 2))), .rename(random.below(3)),
        ]
        if removes { all.append(.remove) }
        return all[random.below(all.count)]
    }

    func apply(_ change: Change, to node: Node, _ store: RegionStore) async throws {
        let current = try store.bucket(node.bucket).replication
        let wanted: ReplicationConfiguration? =
            switch change {
            case .remove: nil
            case .disable: turned(current ?? configuration(from: node), on: false)
            case .enable: turned(current ?? configuration(from: node), on: true)
            case .retarget(let distance): configuration(from: node, shift: distance)
            case .rename(let number): configuration(from: node, suffix: "-\(number)")
            }
        state.withLock { $0.underWay[node.region, default: 0] += 1 }
        defer {
            state.withLock { [now = world.milliseconds] state in
                state.underWay[node.region, default: 1] -= 1
                state.changed[node.region] = now
            }
        }
        try await store.setReplication(wanted, bucket: node.bucket)
    }

    /// Whether the rules that a region has lead to every other and are enabled, whichever they are.
    func areComplete(at node: Node, _ store: RegionStore) throws -> Bool {
        let rules = try store.bucket(node.bucket).replication?.rules.filter(\.isEnabled) ?? []
        let others = nodes.filter { $0.region != node.region }
        return others.allSatisfy { other in rules.contains { $0.destination.bucket == other.bucket } }
    }

    /// Notes a delivery by a rule that leads elsewhere. While rules change, and at that moment, both may be.
    func check(ruleID: String, to destination: BucketName, from region: RegionName) {
        guard let node = nodes.first(where: { $0.region == region }),
            let bucket = try? node.store?.bucket(node.bucket),
            bucket.replication?.rules.contains(where: { $0.id == ruleID && $0.destination.bucket == destination })
                != true
        else { return }
        state.withLock { [now = world.milliseconds] state in
            guard state.underWay[region, default: 0] == 0, state.changed[region] != now else { return }
            state.violations.append("\(region) sends to \(destination) by \(ruleID), which does not lead there")
        }
    }

    var violations: [String] { state.withLock { $0.violations } }

    private func turned(_ configuration: ReplicationConfiguration, on: Bool) -> ReplicationConfiguration {
        var turned = configuration
        for index in turned.rules.indices { turned.rules[index].isEnabled = on }
        return turned
    }

    private func configuration(from node: Node, shift: Int = 0, suffix: String = "") -> ReplicationConfiguration {
        let others = nodes.filter { $0.region != node.region }
        let rules = others.enumerated().map { index, other in
            var rule = ReplicationRule(
                id: "to-\(other.region)\(suffix)", schema: schema,
                destination: .init(bucket: others[(index + shift) % others.count].bucket))
            rule.replicaModifications = replicaModifications
            if schema == .v2 {
                rule.priority = index
                rule.deleteMarkerReplication = true
            }
            return rule
        }
        return ReplicationConfiguration(role: "arn:aws:iam::111122223333:role/simulated", rules: rules)
    }
}
