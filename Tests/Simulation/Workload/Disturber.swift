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
            let change = rules.change(random, removes: faults.rulesAreRemoved)
            world.note("\(node.region) rules: \(change)")
            faults.count(\.ruleChanges)
            guard let store = node.store else { return }
            do {
                try await rules.apply(change, to: node, store)
            } catch {
                world.note("\(node.region) rules: \(error)")
            }
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
            _ = try? await link.apply(push, body: body.map { BufferSource($0) }, isRepeated: true)
        }
    }
}
