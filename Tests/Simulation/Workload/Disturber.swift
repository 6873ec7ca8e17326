import Cluster
import S3Model
import Storage

/// What happens to regions and links while clients write: ends of processes, cuts, slow links, clock steps, turned dials,
/// changed rules, deliveries that come again.
struct Disturber: Sendable {
    let nodes: [Node]
    let world: World
    let network: Network
    let faults: Faults
    let routes: AccessPointRoutes
    let rules: RuleSet

    private var random: SeededRandom { world.random }

    /// Until the task is cancelled.
    func run(links: [Network.Way: SimulatedLink]) async {
        await withDiscardingTaskGroup { group in
            group.addTask { await repeatDeliveries(links) }
            while !Task.isCancelled {
                await world.delay(milliseconds: UInt64(50 + random.below(400)))
                if Task.isCancelled { break }
                await disturb()
            }
        }
    }

    private func disturb() async {
        let node = nodes[random.below(nodes.count)]
        let way = Network.Way(from: node.region, to: nodes[random.below(nodes.count)].region)
        switch random.below(100) {
        case 0..<8: if faults.crashesPerThousandSteps > 0 { node.crash() }
        case 8..<25:
            world.note("cut \(way.from)->\(way.to)")
            faults.count(\.cuts)
            network.cut(way)
        case 25..<35: network.slow(way)
        case 35..<65: network.heal(way)
        case 65..<75:
            guard faults.clocksStep else { return }
            let step = Int64(random.below(7_200_000)) - 3_600_000
            world.note("\(node.region) clock steps \(step) ms")
            faults.count(\.clockSteps)
            node.clock.step(by: step)
        case 75..<85: routes.turnDials(random)
        default:
            guard faults.rulesChange else { return }
            let change = RuleSet.Change.allCases[random.below(RuleSet.Change.allCases.count)]
            world.note("\(node.region) rules: \(change)")
            faults.count(\.ruleChanges)
            do { try await rules.apply(change, to: node) } catch { world.note("\(node.region) rules: \(error)") }
        }
    }

    private func repeatDeliveries(_ links: [Network.Way: SimulatedLink]) async {
        while !Task.isCancelled {
            await world.delay(milliseconds: UInt64(100 + random.below(500)))
            guard let (push, body) = network.nextLate(random.next()),
                let node = nodes.first(where: { $0.bucket == push.destination }),
                let link = links[Network.Way(from: push.source, to: node.region)]
            else { continue }
            faults.count(\.duplicates)
            world.note("again \(push.version.key) to \(node.region)")
            // Nobody waits for the answer of a repeated packet.
            _ = try? await link.apply(push, body: body.map { BufferSource($0) })
        }
    }
}

/// The rules of a run: every member to every other.
struct RuleSet: Sendable {
    enum Change: CaseIterable { case remove, disable, enable }

    let nodes: [Node]
    let schema: ReplicationRule.Schema
    let replicaModifications: Bool

    func apply(_ change: Change, to node: Node) async throws {
        guard let store = node.store else { return }
        switch change {
        case .remove: try await store.setReplication(nil, bucket: node.bucket)
        case .disable: try await store.setReplication(configuration(from: node, isEnabled: false), bucket: node.bucket)
        case .enable: try await store.setReplication(configuration(from: node), bucket: node.bucket)
        }
    }

    private func configuration(from node: Node, isEnabled: Bool = true) -> ReplicationConfiguration {
        let rules = nodes.filter { $0.region != node.region }.enumerated().map { index, destination in
            var rule = ReplicationRule(
                id: "to-\(destination.region)", schema: schema, destination: .init(bucket: destination.bucket))
            rule.isEnabled = isEnabled
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
