import NIOCore
import S3Model
import Synchronization
import Testing

@testable import Storage

/// Objects in memory are never older than what has been committed.
@Suite struct NewestObjectsTests {
    private func key(_ text: String) throws -> ObjectKey { try #require(ObjectKey(text)) }

    private func object(_ key: String, _ stamp: Int) throws -> NewestObject {
        let version = try Sample.object(key, stamp)
        return try #require(try NewestObject(version) { _ in nil })
    }

    @Test func whatWasReadIsKeptUntilItsKeyIsWritten() async throws {
        try await withMetadataFolder { folder in
            let store = try SQLiteMetadataStore.open(path: "\(folder)/m.db")
            for name in ["a", "b"] {
                let version = try Sample.object(name, 5)
                try await store.write { try $0.insert(version: version, bucket: 1) }
                #expect(try store.newestObject(bucket: 1, key: key(name))?.version.stamp == Sample.stamp(5))
            }
            #expect(store.newest.count == 2)
            let newer = try Sample.object("a", 6)
            try await store.write { try $0.insert(version: newer, bucket: 1) }
            #expect(store.newest.count == 1, "only what was written is forgotten")
            #expect(try store.newestObject(bucket: 1, key: key("a"))?.version.stamp == Sample.stamp(6))
            #expect(try store.newestObject(bucket: 2, key: key("a")) == nil)
            try await store.close()
        }
    }

    @Test func everyKindOfWriteIsSeen() async throws {
        try await withMetadataFolder { folder in
            let store = try SQLiteMetadataStore.open(path: "\(folder)/m.db")
            let one = try Sample.object("k", 5)
            let two = try Sample.object("k", 6)
            func newest() throws -> NewestObject? { try store.newestObject(bucket: 1, key: key("k")) }
            for version in [one, two] { try await store.write { try $0.insert(version: version, bucket: 1) } }
            #expect(try newest()?.version.stamp == two.stamp)
            var tagged = two
            tagged.replication = .completed
            let changed = tagged
            try await store.write { try $0.update(version: changed, bucket: 1) }
            #expect(try newest()?.version.replication == .completed)
            try await store.write { try $0.delete(version: two, bucket: 1) }
            #expect(try newest()?.version.stamp == one.stamp, "the one below comes forth")
            let marker = try Sample.marker("k", 7)
            try await store.write { try $0.insert(version: marker, bucket: 1) }
            #expect(try newest() == nil)
            try await store.close()
        }
    }

    @Test func aReadWithinAnOlderSnapshotKeepsNothing() async throws {
        try await withMetadataFolder { folder in
            let store = try SQLiteMetadataStore.open(path: "\(folder)/m.db")
            let commits = CommitCount()
            let cache = NewestObjects()
            let place = NewestObjects.Key(bucket: 1, key: try key("k"))
            let before = try #require(commits.settled)
            commits.begin()
            cache.keep(try object("k", 5), place, settled: before, in: commits)
            #expect(cache.find(place) == nil, "a commit is running")
            commits.end()
            cache.keep(try object("k", 5), place, settled: before, in: commits)
            #expect(cache.find(place) == nil, "a commit has been since")
            cache.keep(try object("k", 5), place, settled: try #require(commits.settled), in: commits)
            #expect(cache.find(place) != nil)
            try await store.close()
        }
    }

    @Test func memoryIsBoundedAndWhatIsUsedStays() throws {
        let commits = CommitCount()
        let cache = NewestObjects(capacity: 64 * 1024)
        let settled = try #require(commits.settled)
        let used = NewestObjects.Key(bucket: 1, key: try key("used"))
        cache.keep(try object("used", 1), used, settled: settled, in: commits)
        for index in 0..<1000 {
            let place = NewestObjects.Key(bucket: 1, key: try key("k\(index)"))
            cache.keep(try object("k\(index)", 1), place, settled: settled, in: commits)
            #expect(cache.find(used) != nil)
            #expect(cache.count <= 64)
        }
    }

    private final class Progress: Sendable {
        let highest = Mutex(1)
        let isDone = Atomic<Bool>(false)
    }

    /// Readers never go back: once a stamp was seen, by whomever, nothing older is.
    @Test func readersBesideAWriterNeverSeeAnOlderVersionAgain() async throws {
        try await withMetadataFolder { folder in
            let store = try SQLiteMetadataStore.open(path: "\(folder)/m.db")
            let place = try key("k")
            let progress = Progress()
            let first = try Sample.object("k", 1)
            try await store.write { try $0.insert(version: first, bucket: 1) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<2 {
                    group.addTask {
                        while !progress.isDone.load(ordering: .relaxed) {
                            let floor = progress.highest.withLock { $0 }
                            let found = try #require(try store.newestObject(bucket: 1, key: place)).version.stamp
                            #expect(found >= Sample.stamp(floor))
                            let shown = (floor...(floor + 400)).last { Sample.stamp($0) <= found } ?? floor
                            progress.highest.withLock { $0 = max($0, shown) }
                            await Task.yield()
                        }
                    }
                }
                for number in 2...100 {
                    let version = try Sample.object("k", number)
                    try await store.write { try $0.insert(version: version, bucket: 1) }
                    // An answered write is seen by every read from now on.
                    progress.highest.withLock { $0 = max($0, number) }
                }
                progress.isDone.store(true, ordering: .relaxed)
                try await group.waitForAll()
            }
            try await store.close()
        }
    }
}
