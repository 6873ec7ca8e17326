import Cluster
import Environment
import Replication
import S3Model
import Storage
import Synchronization

/// The end of a process, thrown out of every storage step from then on.
struct ProcessEnded: Error {}

/// One life of a region's process.
final class Life: Sendable {
    /// Notified when the life has ended.
    let ended = AsyncSignal()
    private let world: World
    private let faults: Faults
    private let isOver = Atomic(false)

    init(_ world: World, _ faults: Faults) {
        self.world = world
        self.faults = faults
    }

    var isRunning: Bool { !isOver.load(ordering: .acquiring) }

    func end() {
        isOver.store(true, ordering: .releasing)
        ended.notify()
    }

    func step(_ step: StorageStep) throws {
        if isRunning, faults.areOn, faults.crashesPerThousandSteps > world.random.below(1000) {
            world.note("ends at \(step)")
            faults.count(\.crashes)
            end()
        }
        if !isRunning { throw ProcessEnded() }
    }
}

/// A region: its durable state, and the process that runs over it, which ends and comes back.
final class Node: Sendable {
    private struct State {
        var metadata = InMemoryMetadataStore()
        var blobs = InMemoryBlobStore()
        var life: Life?
        var store: RegionStore?
        var lives = 0
    }

    let region: RegionName
    let bucket: BucketName
    let clock: RegionClock
    private let world: World
    private let faults: Faults
    private let planner: any OutboxPlanner
    private let state = Mutex(State())
    let counters = ReplicationCounters()

    init(_ region: RegionName, bucket: BucketName, clock: RegionClock, world: World, faults: Faults) {
        self.region = region
        self.bucket = bucket
        self.clock = clock
        self.world = world
        self.faults = faults
        planner = faults.mutation.planner(for: region)
    }

    /// `nil` while the process is down.
    var store: RegionStore? { state.withLock { $0.store } }

    /// How many processes there have been.
    var lives: Int { state.withLock { $0.lives } }

    func crash() {
        world.note("\(region) ends")
        faults.count(\.crashes)
        state.withLock { $0.life }?.end()
    }

    /// Process after process until the task is cancelled.
    func run(links: [RegionName: any PeerLink], locate: @escaping @Sendable (BucketName) -> BucketLocation?) async {
        while !Task.isCancelled {
            let life = Life(world, faults)
            do { try await live(life, links: links, locate: locate) } catch { world.note("\(region) open: \(error)") }
            state.withLock { $0.store = nil }
            world.note("\(region) is down")
            await world.delay(milliseconds: UInt64(faults.areOn ? world.random.below(400) : 1))
        }
    }

    private func live(
        _ life: Life, links: [RegionName: any PeerLink], locate: @escaping @Sendable (BucketName) -> BucketLocation?
    ) async throws {
        let (metadata, blobs) = state.withLock { state in
            state.metadata = state.metadata.reopened(hook: life.step)
            state.blobs = state.blobs.reopened(hook: life.step)
            state.life = life
            state.lives += 1
            return (state.metadata, state.blobs)
        }
        let store = try await RegionStore.open(
            region: region,
            metadata: SlowMetadataStore(
                metadata, world: world, life: life, mutation: faults.mutation), blobs: blobs,
            time: clock, random: world.random, planner: planner, partSize: 7_000)
        state.withLock { $0.store = store }
        world.note("\(region) is up")
        let service = ReplicationService(
            region: store, links: links, locate: locate, time: clock, random: world.random,
            hooks: ReplicationHooks(counters: counters) { [world, region] in world.note("\(region) \($0)") })
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await service.run() }
            group.addTask { [clock] in
                // Ends with the life: sleeping is cancelled.
                while (try? await clock.sleep(milliseconds: 300)) != nil { _ = try? await store.collectGarbage() }
            }
            await life.ended.wait()
            group.cancelAll()
        }
    }
}

/// Commits take a while, before and after they are durable, so that other work comes in between.
private final class SlowMetadataStore: MetadataStore {
    private let base: InMemoryMetadataStore
    private let world: World
    private let life: Life

    private let mutation: Mutation

    private struct Undone: Error {}

    init(_ base: InMemoryMetadataStore, world: World, life: Life, mutation: Mutation) {
        self.base = base
        self.world = world
        self.life = life
        self.mutation = mutation
    }

    func read<Result>(_ body: (any MetadataReader) throws -> Result) throws -> Result { try base.read(body) }

    func write<Result: Sendable>(
        _ body: @escaping @Sendable (any MetadataTransaction) throws -> Result
    ) async throws -> Result {
        await world.delay(milliseconds: UInt64(world.random.below(4)))
        let result = try await commit(body)
        await world.delay(milliseconds: UInt64(world.random.below(4)))
        // The answer of a process that has ended reaches nobody.
        if !life.isRunning { throw ProcessEnded() }
        return result
    }

    private func commit<Result: Sendable>(
        _ body: @escaping @Sendable (any MetadataTransaction) throws -> Result
    ) async throws -> Result {
        guard mutation != .undoCommits || !world.random.chance(2) else { return try await undo(body) }
        return try await base.write { [mutation] transaction in
            let result = try body(transaction)
            if mutation == .forgetErasures {
                _ = try transaction.deleteErasures(
                    until: Timestamp(milliseconds: .max), below: nil, limit: .max)
            }
            return result
        }
    }

    private func undo<Result: Sendable>(
        _ body: @escaping @Sendable (any MetadataTransaction) throws -> Result
    ) async throws -> Result {
        let done = ResultBox<Result>()
        do {
            try await base.write { transaction in
                let result = try body(transaction)
                done.result.withLock { $0 = result }
                throw Undone()
            }
        } catch is Undone {}
        guard let result = done.result.withLock({ $0 }) else { throw Undone() }
        return result
    }

    private final class ResultBox<Result: Sendable>: Sendable {
        let result = Mutex<Result?>(nil)
    }

    func close() async throws { try await base.close() }
}
