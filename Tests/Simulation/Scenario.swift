import Cluster
import Environment
import Replication
import S3Model
import Storage
import Synchronization

/// One seeded run: regions that replicate to each other, clients, faults; then quiet, and the checkers.
struct Scenario {
    struct Report: Sendable {
        var violations: [String]
        var events: [String]
        var digest: UInt64
        var virtualMilliseconds: UInt64
        var faults: Faults.Counts
        var operations: Int
    }

    let seed: UInt64
    let mutation: Mutation

    private static let regions = ["eu-west-1", "us-east-1", "ap-south-1", "sa-east-1"].compactMap { RegionName($0) }
    private static let stepLimit = 3_000_000
    /// How long (virtual) the quiet phase may take: longer than the longest backoff and the recheck of rules together.
    private static let quietLimitMilliseconds: UInt64 = 600_000

    func run() -> Report {
        let world = World(seed: seed)
        let violations = Mutex<[String]>([])
        let operations = Mutex(0)
        let faults = Faults(world.random, mutation: mutation)
        let ending = world.run(stepLimit: Self.stepLimit) {
            do {
                let outcome = try await play(world, faults)
                operations.withLock { $0 = outcome.ledger.acknowledged.count }
                let found =
                    ConvergenceChecker.violations(outcome) + DurabilityChecker.violations(outcome)
                    + OutboxChecker.violations(outcome) + ReadChecker.violations(outcome)
                    + VerifyChecker.violations(outcome) + outcome.rules.violations
                violations.withLock { $0 = found.sorted() }
            } catch {
                violations.withLock { $0 = ["the run broke: \(error)"] }
            }
        }
        if ending != .finished { violations.withLock { $0.append("the run did not end: \(ending)") } }
        return Report(
            violations: violations.withLock { $0 }, events: world.events, digest: world.digest,
            virtualMilliseconds: world.milliseconds, faults: faults.counts,
            operations: operations.withLock { $0 })
    }

    private struct Broken: Error { let reason: String }

    private func play(_ world: World, _ faults: Faults) async throws -> Outcome {
        let random = world.random
        let owner = Owner(account: try account(), canonicalID: "c0ffee", displayName: "alice")
        let nodes = try Self.regions.prefix(2 + random.below(3)).map { region in
            guard let bucket = BucketName("data-\(region)") else { throw Broken(reason: "bucket name") }
            let clock = RegionClock(
                world, offset: Int64(random.below(20_000)) - 10_000, driftPerMillion: Int64(random.below(1000)) - 500)
            return Node(region, bucket: bucket, clock: clock, world: world, faults: faults)
        }
        let network = Network()
        let rules = RuleSet(
            nodes: nodes, schema: random.chance(50) ? .v1 : .v2, replicaModifications: random.chance(50), world: world)
        var links: [Network.Way: SimulatedLink] = [:]
        for from in nodes {
            for to in nodes where to.region != from.region {
                links[Network.Way(from: from.region, to: to.region)] = SimulatedLink(
                    from: from.region, to: to, world: world, network: network, faults: faults, rules: rules)
            }
        }
        guard let routes = AccessPointRoutes(nodes) else { throw Broken(reason: "access point") }
        let ledger = Ledger()
        let allLinks = links
        return try await withThrowingTaskGroup(of: Void.self) { group in
            for node in nodes {
                let own = Dictionary(
                    uniqueKeysWithValues: allLinks.filter { $0.key.from == node.region }.map { ($0.key.to, $0.value) })
                let locations = nodes.map { BucketLocation(name: $0.bucket, region: $0.region, owner: owner) }
                group.addTask {
                    await node.run(links: own) { name in locations.first { $0.name == name } }
                }
            }
            try await setUp(nodes, rules, owner: owner, world)
            faults.turn(on: true)
            let disturber = Disturber(
                nodes: nodes, world: world, network: network, faults: faults, routes: routes, rules: rules)
            await work(nodes, owner: owner, world, ledger, routes, faults, rules, disturber, allLinks)
            faults.turn(on: false)
            network.healAll()
            let outcome = try await settle(nodes, rules, world, ledger, faults)
            group.cancelAll()
            return outcome
        }
    }

    private func account() throws -> AccountID {
        guard let account = AccountID("111122223333") else { throw Broken(reason: "account") }
        return account
    }

    private func setUp(_ nodes: [Node], _ rules: RuleSet, owner: Owner, _ world: World) async throws {
        for node in nodes {
            let store = try await running(node, world)
            _ = try await store.createBucket(node.bucket, owner: owner)
            try await store.setVersioning(.enabled, bucket: node.bucket)
            try await rules.apply(.enable, to: node, store)
        }
    }

    private func running(_ node: Node, _ world: World) async throws -> RegionStore {
        for _ in 0..<10_000 {
            if let store = node.store { return store }
            await world.delay(milliseconds: 1)
        }
        throw Broken(reason: "\(node.region) does not come up")
    }

    private func work(
        _ nodes: [Node], owner: Owner, _ world: World, _ ledger: Ledger, _ routes: AccessPointRoutes, _ faults: Faults,
        _ rules: RuleSet, _ disturber: Disturber, _ links: [Network.Way: SimulatedLink]
    ) async {
        let erases = world.random.chance(40)
        let writers = 2 + world.random.below(4)
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await withTaskGroup(of: Void.self) { writing in
                    for index in 0..<writers {
                        let writer = Writer(
                            home: nodes[index % nodes.count].region, owner: owner, world: world, ledger: ledger,
                            routes: routes, faults: faults, changesReplicas: rules.replicaModifications, erases: erases)
                        writing.addTask { await writer.run(operations: 10 + world.random.below(60)) }
                    }
                }
            }
            // Cancelled when the writers are done.
            for node in nodes {
                let reader = Reader(
                    home: node.region, nodes: nodes, world: world, ledger: ledger, routes: routes, faults: faults)
                group.addTask { await reader.run() }
            }
            group.addTask { await disturber.run(links: links) }
            await group.next()
            group.cancelAll()
        }
    }

    /// A process that was about to end when the faults were turned off takes the attempt along.
    private func insist(
        _ what: String, _ node: Node, _ world: World, _ attempt: (RegionStore) async throws -> Void
    ) async throws {
        for _ in 0..<100 {
            do {
                return try await attempt(try await running(node, world))
            } catch {
                world.note("\(node.region) \(what): \(error)")
                await world.delay(milliseconds: 10)
            }
        }
        throw Broken(reason: "\(node.region) does not take: \(what)")
    }

    private func settle(
        _ nodes: [Node], _ rules: RuleSet, _ world: World, _ ledger: Ledger, _ faults: Faults
    ) async throws -> Outcome {
        let start = world.milliseconds
        world.note("quiet")
        if faults.rulesChange {
            // Rules that are there stay as they are: what a change of them has left undone nobody does for them.
            for node in nodes {
                try await insist("rules", node, world) { store in
                    guard try !rules.areComplete(at: node, store) else { return }
                    try await rules.apply(.enable, to: node, store)
                }
            }
            for node in nodes where faults.rulesAreRemoved {
                try await insist("retry", node, world) { store in
                    let outcome = try await store.retryFailures(of: node.bucket)
                    faults.count(\.retried, by: outcome.retried)
                }
            }
        }
        while world.milliseconds - start < Self.quietLimitMilliseconds {
            await world.delay(milliseconds: 500)
            let isDrained = try nodes.allSatisfy { try $0.store?.outboxSummaries().isEmpty ?? false }
            if isDrained { break }
        }
        var snapshots: [Snapshot] = []
        for node in nodes { snapshots.append(try await Snapshot(node, try await running(node, world))) }
        var members: [BucketVerifier.Member] = []
        for node in nodes { members.append(.init(store: try await running(node, world), bucket: node.bucket)) }
        return Outcome(
            snapshots: snapshots, ledger: ledger, faults: faults, rules: rules,
            findings: try await BucketVerifier.findings(members), virtualMilliseconds: world.milliseconds)
    }
}
