import Cluster
import Environment
import NIOCore
import NIOPosix
import S3Model
import Testing

@testable import Gateway

@Suite("Control store of another process, over HTTP", .timeLimit(.minutes(1)))
struct ControlServiceTests {
    private struct NoConsole: ConsoleResponding {
        func respond(path: String, to request: HTTPRequest) async -> HTTPResponse { HTTPResponse(status: 404) }
    }

    private static func key(_ byte: UInt8 = 1) throws -> EdgeKey {
        try #require(EdgeKey(bytes: [UInt8](repeating: byte, count: EdgeKey.byteCount)))
    }

    /// A server with a store, and the store as another process with `key` sees it.
    private static func withRemote(
        key: EdgeKey, _ body: (RemoteControlStore, InMemoryControlStore, ControlAnswers) async throws -> Void
    ) async throws {
        let store = InMemoryControlStore()
        let answers = ControlAnswers(store: store, time: WallClock())
        let pages = PeerResponder(
            services: [ControlService.name: ControlService(answers)], key: try Self.key(), time: WallClock(),
            otherwise: NoConsole())
        try await withFront(respond: { request in
            await pages.respond(path: String(request.target.prefix { $0 != "?" }), to: request)
        }) { _, port in
            let client = PeerClient(
                to: ListenAddress(host: "127.0.0.1", port: port), on: MultiThreadedEventLoopGroup.singleton, key: key,
                time: WallClock())
            try await body(RemoteControlStore(transport: client, time: WallClock()), store, answers)
            answers.close()
            client.close()
        }
    }

    private static func transaction(
        _ key: String, _ value: [UInt8], expecting: [ControlTransaction.Expectation] = []
    ) -> ControlTransaction {
        var transaction = ControlTransaction()
        transaction.expectations = expecting
        transaction.writes = [.put(key: key, value: value)]
        return transaction
    }

    @Test func commitsReadsConflictsAndChangesGoThrough() async throws {
        try await Self.withRemote(key: Self.key()) { remote, store, _ in
            try await withThrowingTaskGroup(of: Void.self) { group in
                defer { group.cancelAll() }
                group.addTask { await remote.run() }
                let large = [UInt8](repeating: 7, count: 300_000)
                let first = try await remote.commit(Self.transaction("a/1", large, expecting: [.absent(key: "a/1")]))
                #expect(try await store.record("a/1")?.value == large)
                await #expect(throws: ControlStoreError.conflict) {
                    _ = try await remote.commit(Self.transaction("a/1", [1], expecting: [.absent(key: "a/1")]))
                }
                let second = try await store.commit(Self.transaction("a/2", [2]))
                #expect(try await remote.changed(after: first) == second)
                let snapshot = try await remote.snapshot(prefix: "a/")
                #expect(snapshot.records.map(\.key) == ["a/1", "a/2"] && snapshot.revision == second)
                #expect(try await remote.record("a/1")?.value == large)
                #expect(try await remote.record("b") == nil)
            }
        }
    }

    @Test func anotherKeyGetsNothing() async throws {
        try await Self.withRemote(key: Self.key(2)) { remote, store, _ in
            await #expect(throws: ControlStoreError.self) { _ = try await remote.commit(Self.transaction("a", [1])) }
            let record = try await store.record("a")
            #expect(record == nil)
        }
    }

    @Test func aProcessThatIsNotThereIsAnOutage() async throws {
        let client = PeerClient(
            to: ListenAddress(host: "127.0.0.1", port: 1), on: MultiThreadedEventLoopGroup.singleton,
            key: try Self.key(), time: WallClock())
        let remote = RemoteControlStore(transport: client, time: WallClock())
        await #expect(throws: ControlStoreError.self) { _ = try await remote.snapshot(prefix: "") }
        client.close()
    }
}
