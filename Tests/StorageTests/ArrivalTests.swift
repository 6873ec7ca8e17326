import Dispatch
import NIOCore
import S3Model
import Synchronization
import Testing

@testable import Storage

/// Large replicas arrive in parts, and a transfer goes on where an earlier one broke off.
@Suite struct ArrivalTests {
    private struct Broken: Error {}

    /// Ends with an error after `limit` bytes, and tells from where it was read.
    private final class BreakingSource: ResumableSource {
        private let bytes: ByteBuffer
        private let limit: Int
        private let place: Mutex<(start: Int, next: Int)>

        init(_ bytes: ByteBuffer, after limit: Int = .max) {
            self.bytes = bytes
            self.limit = limit
            place = Mutex((0, 0))
        }

        var start: Int { place.withLock { $0.start } }

        func resume(at offset: Int64) { place.withLock { $0 = (Int(offset), Int(offset)) } }

        func next() async throws -> ByteBuffer? {
            try place.withLock { place in
                guard place.next < bytes.readableBytes else { return nil }
                guard place.next < limit else { throw Broken() }
                let length = min(7_000, bytes.readableBytes - place.next, limit - place.next)
                defer { place.next += length }
                return bytes.getSlice(at: place.next, length: length)
            }
        }
    }

    private static let partSize = 40_000

    private func withPair(
        _ backend: Backend, _ body: (RegionStore, TestRegion) async throws -> Void
    ) async throws {
        let folder = try TestFolder()
        let source = try await TestRegion(backend, folder: folder)
        let target = try await TestRegion(backend, region: Names.otherRegion, folder: folder)
        _ = try await source.store.createBucket(Names.bucket, owner: Names.owner)
        try await source.store.setVersioning(.enabled, bucket: Names.bucket)
        let store = try await open(target)
        _ = try await store.createBucket(Names.bucket, owner: Names.owner)
        try await store.setVersioning(.enabled, bucket: Names.bucket)
        try await body(source.store, target)
        try await source.store.close()
        try await target.store.close()
    }

    private func open(_ target: TestRegion, hour: Int64 = 0) async throws -> RegionStore {
        try await RegionStore.open(
            region: Names.otherRegion, metadata: target.metadata, blobs: target.blobs,
            time: SteppingTime(1_800_000_000_000 + hour * 3_600_000), random: SeededRandom(2),
            planner: EveryRulePlanner(), partSize: Int64(Self.partSize))
    }

    @Test(arguments: Backend.allCases, [0, 39_999, 40_000, 150_000, 199_999, 200_000])
    func aTransferGoesOnAfterARestart(backend: Backend, breaksAfter: Int) async throws {
        try await withPair(backend) { source, target in
            let bytes = someBytes(200_000)
            let put = try await source.put("a", bytes)
            await #expect(throws: (any Error).self) {
                let first = BreakingSource(bytes, after: breaksAfter)
                let store = try await open(target)
                _ = try await store.applyReplica(put, bucket: Names.bucket, body: first)
                // Nothing breaks after the last byte.
                if breaksAfter == bytes.readableBytes { throw Broken() }
            }
            let kept = min(breaksAfter / Self.partSize, 4) * Self.partSize
            let again = try await open(target)
            let second = BreakingSource(bytes)
            let outcome = try await again.applyReplica(put, bucket: Names.bucket, body: second)
            if breaksAfter < bytes.readableBytes {
                #expect(outcome == .applied)
                #expect(second.start == kept)
            } else {
                #expect(outcome == .unchanged)
            }
            #expect(try await again.get("a") == bytes)
            #expect(target.blobs.committed.count == 5)

            // Nothing is left of the transfer but the version.
            try await again.delete("a", version: put.versionID)
            _ = try await again.collectGarbage()
            #expect(target.blobs.committed.isEmpty)
        }
    }

    /// What is in the page cache is read without waiting for anything. Whoever else is on the same thread has to get a turn
    /// all the same while gigabytes are counted.
    @Test func countingWhatIsHereLeavesTheThreadToOthers() async throws {
        let folder = try TestFolder()
        let blobs = try await FileBlobStore.open("\(folder.path)/data", threads: 2, random: SeededRandom(1))
        let store = try await RegionStore.open(
            region: Names.otherRegion, metadata: InMemoryMetadataStore(), blobs: blobs, time: SteppingTime(),
            random: SeededRandom(2), planner: EveryRulePlanner(), partSize: 4 << 20)
        _ = try await store.createBucket(Names.bucket, owner: Names.owner)
        try await store.setVersioning(.enabled, bucket: Names.bucket)
        let source = try await TestRegion()
        _ = try await source.store.createBucket(Names.bucket, owner: Names.owner)
        let bytes = ByteBuffer(repeating: 7, count: 17 << 20)
        let put = try await source.store.put("a", bytes)
        await #expect(throws: Broken.self) {
            _ = try await store.applyReplica(
                put, bucket: Names.bucket, body: BreakingSource(bytes, after: 16 << 20 | 1))
        }
        let executor = TurnCounter()
        _ = await withTaskExecutorPreference(executor) {
            // Breaks with the first byte that is not here.
            await #expect(throws: Broken.self) {
                _ = try await store.applyReplica(
                    put, bucket: Names.bucket, body: BreakingSource(bytes, after: 16 << 20))
            }
        }
        // A turn may be left out when the pool is done before the task waits for it.
        #expect(executor.turns >= 16 << 20 / FileBlobReader.pieceSize / 4)
        try await store.close()
        withExtendedLifetime(folder) {}
    }

    /// Counts how often the tasks that run on it begin or go on.
    private final class TurnCounter: TaskExecutor {
        private let count = Atomic<Int64>(0)
        private let queue = DispatchQueue(label: "turns")

        var turns: Int64 { count.load(ordering: .relaxed) }

        func enqueue(_ job: consuming ExecutorJob) {
            count.add(1, ordering: .relaxed)
            let job = UnownedJob(job)
            queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
        }
    }

    @Test(arguments: Backend.allCases)
    func wrongPartsAreGivenUpAndSentAgain(backend: Backend) async throws {
        try await withPair(backend) { source, target in
            let bytes = someBytes(100_000)
            let put = try await source.put("a", bytes)
            let store = try await open(target)
            await #expect(throws: Broken.self) {
                let wrong = BreakingSource(someBytes(100_000, seed: 9), after: 90_000)
                _ = try await store.applyReplica(put, bucket: Names.bucket, body: wrong)
            }
            await #expect(throws: StorageError.self) {
                _ = try await store.applyReplica(put, bucket: Names.bucket, body: BreakingSource(bytes))
            }
            let third = BreakingSource(bytes)
            #expect(try await store.applyReplica(put, bucket: Names.bucket, body: third) == .applied)
            #expect(third.start == 0)
            #expect(try await store.get("a") == bytes)
        }
    }

    @Test(arguments: Backend.allCases)
    func partsThatNobodyContinuesAreRemoved(backend: Backend) async throws {
        try await withPair(backend) { source, target in
            let bytes = someBytes(100_000)
            for name in ["a", "b"] {
                let put = try await source.put(name, bytes)
                let store = try await open(target)
                await #expect(throws: Broken.self) {
                    _ = try await store.applyReplica(
                        put, bucket: Names.bucket, body: BreakingSource(bytes, after: 90_000))
                }
            }
            #expect(target.blobs.committed.count == 4)
            let soon = try await open(target, hour: 6 * 24)
            #expect(try await soon.forgetArrivals() == 0)
            let late = try await open(target, hour: 7 * 24 + 1)
            #expect(target.blobs.committed.count == 4, "a start leaves them alone")
            #expect(try await late.forgetArrivals() == 2)
            _ = try await late.collectGarbage()
            #expect(target.blobs.committed.isEmpty)
        }
    }

    @Test(arguments: Backend.allCases)
    func partsGoWithTheirBucket(backend: Backend) async throws {
        try await withPair(backend) { source, target in
            let bytes = someBytes(100_000)
            let put = try await source.put("a", bytes)
            let store = try await open(target)
            await #expect(throws: Broken.self) {
                _ = try await store.applyReplica(put, bucket: Names.bucket, body: BreakingSource(bytes, after: 90_000))
            }
            try await store.deleteBucket(Names.bucket)
            _ = try await store.collectGarbage()
            #expect(target.blobs.committed.isEmpty)
        }
    }
}
