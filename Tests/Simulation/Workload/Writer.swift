import NIOCore
import S3Model
import Storage

/// A client near one region, doing random things to a few keys through the access point, one after another.
struct Writer: Sendable {
    let home: RegionName
    let owner: Owner
    let world: World
    let ledger: Ledger
    let routes: AccessPointRoutes
    let faults: Faults
    /// Whether tags of replicas are changed as well (the rules then carry such changes).
    let changesReplicas: Bool
    let erases: Bool

    private var random: SeededRandom { world.random }

    func run(operations: Int) async {
        for _ in 0..<operations {
            await world.delay(milliseconds: UInt64(random.below(60)))
            guard let node = routes.node(home: home, random: random), let store = node.store else { continue }
            do {
                try await operate(store, node)
            } catch {
                // The client does not know whether it happened; both are right.
                faults.count(\.refusedOperations)
                world.note("\(node.region) writer: \(error)")
            }
        }
    }

    private func operate(_ store: RegionStore, _ node: Node) async throws {
        let key = ObjectKey(stored: "k\(random.below(6))")
        switch random.below(100) {
        case 0..<55: try await put(key, store, node)
        case 55..<72:
            _ = try await store.deleteObject(key, version: nil, bucket: node.bucket, owner: owner)
            world.note("\(node.region) marker \(key)")
            if let marker = try newestMarker(key, store, node) { ledger.acknowledge(marker, by: node.region) }
        case 72..<92: try await changeTags(store, node)
        default:
            guard erases, let target = try victim(key, store, node) else { return }
            let there = try store.newestOrMarker(target.key, version: target.versionID, bucket: node.bucket)
            let erasure = ledger.erase(target.stamp, at: node.region, wasHere: there != nil)
            world.note("\(node.region) erases \(target.key)")
            _ = try await store.deleteObject(
                target.key, version: target.versionID, bucket: node.bucket, owner: owner)
            ledger.finishErasure(erasure)
        }
    }

    /// Half of the time the version that is current here, else any that a client was told of.
    private func victim(_ key: ObjectKey, _ store: RegionStore, _ node: Node) throws -> ObjectVersion? {
        let newest = try store.newestOrMarker(key, version: nil, bucket: node.bucket)
        return random.chance(50) ? newest : ledger.anyVersion(random.next())?.version
    }

    /// Another marker may have come since; any that is there is one that must stay.
    private func newestMarker(_ key: ObjectKey, _ store: RegionStore, _ node: Node) throws -> ObjectVersion? {
        let listing = try store.listVersions(
            ListQuery(prefix: key.rawValue, limit: 1), versionMarker: nil, bucket: node.bucket)
        guard let newest = listing.versions.first, newest.isDeleteMarker, newest.key == key,
            newest.stamp.region == node.region.stampID
        else { return nil }
        return newest
    }

    private func put(_ key: ObjectKey, _ store: RegionStore, _ node: Node) async throws {
        let size = [0, 10, 200, 3_000, 40_000][random.below(5)]
        let (name, body) = ledger.announce { number in
            let text = "body \(number) of \(key) by \(home). "
            return ByteBuffer(string: String(String(repeating: text, count: size / text.utf8.count + 1).prefix(size)))
        }
        var metadata = ObjectMetadata()
        metadata.user = [UserMetadata(name: "body", value: name)]
        var put = ObjectPut(bucket: node.bucket, key: key, owner: owner, metadata: metadata)
        if random.chance(40) { put.tags = [Tag(key: "made", value: name)] }
        let content = try await store.stage(PacedBody(body, world: world), digests: DigestPlan())
        let version = try await store.putObject(put, content: content)
        world.note("\(node.region) put \(key) \(version.stamp.milliseconds % 10_000_000).\(version.stamp.counter)")
        ledger.acknowledge(version, by: node.region)
    }

    private func changeTags(_ store: RegionStore, _ node: Node) async throws {
        guard let target = ledger.anyVersion(random.next()), target.version.object != nil else { return }
        guard changesReplicas || target.region == node.region else { return }
        ledger.countTagChange()
        world.note("\(node.region) tags \(target.version.key)")
        do {
            _ = try await store.setTags(
                [Tag(key: "changed", value: "\(random.below(1_000_000))")], key: target.version.key,
                version: target.version.versionID, bucket: node.bucket)
        } catch let refusal as S3Error where refusal.code == .noSuchVersion {
            return  // Erased, or not here yet.
        }
    }
}

/// A client's body: it comes in pieces, with pauses.
private final class PacedBody: ByteSource {
    private let base: BufferSource
    private let world: World

    init(_ buffer: ByteBuffer, world: World) {
        base = BufferSource(buffer)
        self.world = world
    }

    func next() async throws -> ByteBuffer? {
        await world.delay(milliseconds: UInt64(world.random.below(5)))
        return try await base.next()
    }
}
