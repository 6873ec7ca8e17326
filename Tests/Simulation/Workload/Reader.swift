import Replication
import S3Model
import Storage
import Synchronization

/// A client that reads through the access point, as the gateway does it: what a region does not have is read where it
/// still is. Looks happen without anything in between, so each answer can be judged by the state it was made from.
struct Reader: Sendable {
    let home: RegionName
    let nodes: [Node]
    let world: World
    let ledger: Ledger
    let routes: AccessPointRoutes
    let faults: Faults

    private var random: SeededRandom { world.random }

    /// Until the task is cancelled.
    func run() async {
        while !Task.isCancelled {
            await world.delay(milliseconds: UInt64(10 + random.below(60)))
            guard let node = routes.node(home: home, random: random), let store = node.store else { continue }
            do {
                try read(ObjectKey(stored: "k\(random.below(6))"), at: node, store)
            } catch {
                world.note("\(node.region) reader: \(error)")
            }
        }
    }

    private func read(_ key: ObjectKey, at node: Node, _ store: RegionStore) throws {
        let mode: ReadThroughMode = random.chance(70) ? .readThrough : .freshest
        let here = try store.newestOrMarker(key, version: nil, bucket: node.bucket)
        guard ReadThrough.asks(mode, local: here) else { return }
        let owner = try store.bucket(node.bucket).owner
        let candidates = try nodes.filter { $0.region != node.region }.compactMap { member -> ReadThrough.Candidate? in
            guard let other = member.store else { return nil }
            let bucket = try other.bucket(member.bucket)
            guard ReadThrough.mayPromise(key, bucket.replication, to: node.bucket) else { return nil }
            let promised = ReadThrough.candidates(
                try work(key, other, bucket, node), bucket.replication, destinationOwner: owner)
            return promised.first.map { ReadThrough.Candidate(region: member.region, version: $0) }
        }
        faults.count(\.reads)
        switch ReadThrough.decide(mode, local: here, candidates: candidates) {
        case .remote(let found):
            faults.count(\.readsThrough)
            ledger.serve(found.version, at: node.region, from: found.region)
            world.note("\(node.region) reads \(key) from \(found.region)")
        case .local:
            guard here?.object == nil else { return }
            let markers = (candidates.map(\.version) + [here].compactMap(\.self)).filter(\.isDeleteMarker)
            ledger.missed(key, at: node.region, below: markers.map(\.stamp).max(), running: nodes)
        }
    }

    private func work(
        _ key: ObjectKey, _ store: RegionStore, _ bucket: Bucket, _ node: Node
    ) throws -> [(version: ObjectVersion, rule: String)] {
        guard faults.mutation == .promiseEverything else {
            return try store.promised(key, version: nil, bucket: bucket.name, to: node.bucket).filter {
                try node.store?.wasErased($0.version.stamp, bucket: node.bucket) == false
            }
        }
        return try store.versions(of: key, bucket: bucket.name, limit: 10).map { ($0, "to-\(node.region)") }
    }
}
