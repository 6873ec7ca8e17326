import Environment
import NIOCore
import S3Model
import Storage
import Synchronization
import Testing

@testable import Replication

@Suite struct ThresholdWatchTests {
    /// A wall clock that a test sets.
    private final class SetTime: TimeSource {
        private let minutes = Mutex<Int64>(0)

        func set(minute: Int64) { minutes.withLock { $0 = minute } }
        func wallMilliseconds() -> Int64 { 1_800_000_000_000 + minutes.withLock { $0 } * 60_000 }
        func monotonicNanoseconds() -> UInt64 { 0 }
        func sleep(nanoseconds: UInt64) async throws { try Task.checkCancellation() }
    }

    /// A region whose one rule watches the threshold, and a watch over it.
    private struct World {
        let time = SetTime()
        let store: RegionStore
        var watch = ThresholdWatch()
        private let bucket = Fixtures.bucketName("photos")

        init() async throws {
            store = try await RegionStore.open(
                region: Fixtures.origin, metadata: InMemoryMetadataStore(), blobs: InMemoryBlobStore(), time: time,
                random: SeededRandom(1), planner: RulePlanner(region: Fixtures.origin))
            try await store.createBucket(bucket, owner: Fixtures.owner)
            try await store.setVersioning(.enabled, bucket: bucket)
            var rule = Fixtures.rule("r", to: "copy", priority: 1)
            rule.destination.replicationTime = true
            try await store.setReplication(
                ReplicationConfiguration(role: "arn:aws:iam::111122223333:role/r", rules: [rule]), bucket: bucket)
        }

        func put(_ key: String, minute: Int64) async throws {
            time.set(minute: minute)
            let content = try await store.stage(BufferSource(ByteBuffer(string: key)), digests: DigestPlan())
            let put = ObjectPut(
                bucket: bucket, key: ObjectKey(stored: key), owner: Fixtures.owner, metadata: ObjectMetadata())
            _ = try await store.putObject(put, content: content)
        }

        /// The keys that are told of.
        mutating func look(minute: Int64) throws -> [String] {
            time.set(minute: minute)
            let now = Timestamp(milliseconds: time.wallMilliseconds())
            return try watch.look(at: store, now: now).flatMap(\.entries).map(\.key.rawValue)
        }
    }

    @Test func whatIsLateIsToldOnce() async throws {
        var world = try await World()
        try await world.put("a", minute: 0)
        try await world.put("b", minute: 5)
        #expect(try world.look(minute: 14) == [])
        #expect(try world.look(minute: 16) == ["a"])
        #expect(try world.look(minute: 30) == ["b"])
        #expect(try world.look(minute: 31) == [])
    }

    /// What is written after the clock was set back becomes late by the clock as it is then, and what was told before is
    /// not told again.
    @Test func nothingEscapesAClockThatIsSetBack() async throws {
        var world = try await World()
        try await world.put("a", minute: 100)
        try await world.put("b", minute: 101)
        try await world.put("c", minute: 119)
        #expect(try world.look(minute: 120) == ["a", "b"])
        // An hour back.
        #expect(try world.look(minute: 60) == [])
        try await world.put("d", minute: 61)
        try await world.put("e", minute: 62)
        #expect(try world.look(minute: 77) == ["d", "e"])
        // Once more, behind what was written since.
        #expect(try world.look(minute: 40) == [])
        try await world.put("f", minute: 41)
        #expect(try world.look(minute: 57) == ["f"])
        #expect(try world.look(minute: 80) == [])
        #expect(try world.look(minute: 200) == ["c"])
    }

    /// More than one page of what was told already.
    @Test func whatWasToldIsPassedOverAtOnce() async throws {
        var world = try await World()
        for number in 0..<(ThresholdWatch.batch + 20) { try await world.put("k\(number)", minute: 100) }
        #expect(try world.look(minute: 120).count == ThresholdWatch.batch)
        #expect(try world.look(minute: 120).count == 20)
        try await world.put("late", minute: 101)
        #expect(try world.look(minute: 50) == [])
        #expect(try world.look(minute: 150) == ["late"])
    }
}
