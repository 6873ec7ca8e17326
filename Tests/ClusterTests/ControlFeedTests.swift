import Environment
import Synchronization
import Testing

@testable import Cluster

@Suite("Control feed: the store as other processes see it", .timeLimit(.minutes(1)))
struct ControlFeedTests {
    /// A time that only cancellation ends.
    struct StandingTime: TimeSource {
        func wallMilliseconds() -> Int64 { 0 }
        func monotonicNanoseconds() -> UInt64 { 0 }
        func sleep(nanoseconds: UInt64) async throws {
            await AsyncSignal().wait()
            try Task.checkCancellation()
        }
    }

    /// A feed without a network between.
    struct Direct: ControlFeedSource {
        let feed: ControlFeed
        func fetch(after revision: Int64) async throws -> [UInt8]? {
            await feed.document(after: revision, patience: 1000)
        }
    }

    static func put(_ key: String, _ value: [UInt8], in store: any ControlStore) async throws {
        var transaction = ControlTransaction()
        transaction.writes = [.put(key: key, value: value)]
        _ = try await store.commit(transaction)
    }

    @Test func aDocumentIsReadBack() throws {
        let records = [
            ControlRecord(key: "p/a", value: [0, 255, 1], revision: 3),
            ControlRecord(key: "p/ü/\u{1F600}\"", value: [], revision: 9),
        ]
        let document = ControlFeedDocument(prefix: "p/", snapshot: ControlSnapshot(revision: 12, records: records))
        let bytes = try document.encoded()
        #expect(bytes.first == 1)
        #expect(try ControlFeedDocument.decode(bytes) == document)
        let damaged: [[UInt8]] = [[], [2] + bytes.dropFirst(), Array(bytes.dropLast()), [1], Array("HTTP".utf8)]
        for bad in damaged {
            #expect(throws: ControlValue.Unreadable.self) { _ = try ControlFeedDocument.decode(bad) }
        }
    }

    @Test func aFollowerSeesEveryChangeBelowThePrefix() async throws {
        let store = InMemoryControlStore()
        try await Self.put("p/a", [1], in: store)
        let feed = ControlFeed(prefix: "p/", store: store, time: StandingTime())
        let followed = FollowedControlStore(prefix: "p/", source: Direct(feed: feed))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await feed.run() }
            let first = try await followed.snapshot(prefix: "p/")
            #expect(first.records.map(\.value) == [[1]])
            try await Self.put("elsewhere", [5], in: store)
            try await Self.put("p/b", [2], in: store)
            let revision = try await followed.changed(after: first.revision)
            let second = try await followed.snapshot(prefix: "p/")
            #expect(second.revision == revision)
            #expect(second.records.map(\.key) == ["p/a", "p/b"])
            #expect(try await followed.record("p/b")?.value == [2])
            #expect(try await followed.record("p/c") == nil)
            group.cancelAll()
        }
    }

    @Test func changesElsewhereWakeNobody() async throws {
        let store = InMemoryControlStore()
        try await Self.put("p/a", [1], in: store)
        let feed = ControlFeed(prefix: "p/", store: store, time: TestTime())
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await feed.run() }
            var known: [UInt8]?
            while known == nil { known = await feed.document(after: -1, patience: 10) }
            try? await Self.put("elsewhere", [5], in: store)
            #expect(await feed.document(after: 1, patience: 10) == nil)
            group.cancelAll()
        }
    }

    @Test func aClosedFeedLetsItsReadersGo() async throws {
        let feed = ControlFeed(prefix: "p/", store: InMemoryControlStore(), time: StandingTime())
        async let waiting = feed.document(after: 0, patience: 1000)
        feed.close()
        #expect(await waiting == nil)
        #expect(await feed.document(after: 0, patience: 1000) == nil)
    }

    @Test func aFollowerChangesNothing() async throws {
        let feed = ControlFeed(prefix: "p/", store: InMemoryControlStore(), time: TestTime())
        let followed = FollowedControlStore(prefix: "p/", source: Direct(feed: feed))
        await #expect(throws: ControlStoreError.self) { try await Self.put("p/a", [1], in: followed) }
        await #expect(throws: ControlStoreError.self) { try await followed.snapshot(prefix: "q/") }
        // The feed has read nothing yet.
        await #expect(throws: ControlStoreError.self) { try await followed.snapshot(prefix: "p/") }
    }

    struct Scripted: ControlFeedSource {
        let answer: [UInt8]
        func fetch(after revision: Int64) async throws -> [UInt8]? { answer }
    }

    @Test func answersThatMakeNoSenseAreAnOutage() async throws {
        let other = try ControlFeedDocument(prefix: "q/", snapshot: ControlSnapshot(revision: 1, records: [])).encoded()
        let old = try ControlFeedDocument(prefix: "p/", snapshot: ControlSnapshot(revision: 1, records: [])).encoded()
        for answer in [other, Array("<html>".utf8), []] {
            let followed = FollowedControlStore(prefix: "p/", source: Scripted(answer: answer))
            await #expect(throws: ControlStoreError.self) { try await followed.snapshot(prefix: "p/") }
        }
        let stuck = FollowedControlStore(prefix: "p/", source: Scripted(answer: old))
        await #expect(throws: ControlStoreError.self) { try await stuck.changed(after: 1) }
    }
}
