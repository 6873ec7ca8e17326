import Environment
import S3Model
import Synchronization
import Testing

@testable import Cluster

/// Calls and answers as bytes, without a network between.
struct DirectTransport: ControlTransport {
    let answers: ControlAnswers
    func answer(toControlCall call: [UInt8]) async throws -> [UInt8] { try await answers.answer(call) }
}

@Suite("Remote control store", .timeLimit(.minutes(1)))
struct RemoteControlStoreTests {
    /// Loses the answers to commits, or the commits themselves, in turn.
    private final class LosingTransport: ControlTransport {
        struct Lost: Error {}
        private let inner: DirectTransport
        private let commits = Mutex(0)
        let isLosing = Mutex(true)

        init(_ store: any ControlStore) {
            inner = DirectTransport(
                answers: ControlAnswers(store: store, time: ControlFeedTests.StandingTime()))
        }

        func answer(toControlCall call: [UInt8]) async throws -> [UInt8] {
            guard case .commit = try ControlCall.decode(call), isLosing.withLock({ $0 }) else {
                return try await inner.answer(toControlCall: call)
            }
            let number = commits.withLock { commits in
                commits += 1
                return commits
            }
            if number.isMultiple(of: 2) { throw Lost() }
            _ = try await inner.answer(toControlCall: call)
            throw Lost()
        }
    }

    private let east = RegionName(literal: "us-east-1")

    @Test func aLostAnswerIsAnOutageAndNothingIsRepeated() async throws {
        let store = InMemoryControlStore()
        let remote = RemoteControlStore(
            transport: LosingTransport(store), time: ControlFeedTests.StandingTime())
        await #expect(throws: ControlStoreError.self) { try await ControlFeedTests.put("a", [1], in: remote) }
        #expect(try await remote.record("a")?.value == [1], "the commit happened")
        await #expect(throws: ControlStoreError.self) { try await ControlFeedTests.put("b", [1], in: remote) }
        #expect(try await remote.record("b") == nil)
    }

    /// However often answers are lost, a creation that is repeated ends with the bucket, and so does a deletion.
    @Test func directoriesSurviveCommitsOfUnknownOutcome() async throws {
        let store = InMemoryControlStore()
        let transport = LosingTransport(store)
        let directory = BucketDirectory(
            store: RemoteControlStore(transport: transport, time: ControlFeedTests.StandingTime()), time: TestTime())
        let me = Owner(account: try #require(AccountID("111122223333")), canonicalID: "c", displayName: "d")
        let name = try #require(BucketName("photos"))
        let exists = Mutex(false)
        func create() async throws {
            try await directory.create(name: name, region: east, owner: me) {
                guard !exists.withLock({ $0 }) else { throw S3Error(.bucketAlreadyOwnedByYou) }
                exists.withLock { $0 = true }
            }
        }
        var tries = 0
        while tries < 10 {
            tries += 1
            do {
                try await create()
                break
            } catch let error as S3Error {
                // A confirmation had happened after all.
                #expect(error.code == .bucketAlreadyOwnedByYou)
                break
            } catch is ControlStoreError {
                // The client asks again, and meanwhile the network is whole for one commit in three.
                transport.isLosing.withLock { $0 = !tries.isMultiple(of: 3) }
            }
        }
        #expect(exists.withLock { $0 })
        try await directory.refresh()
        #expect(directory.location(of: name)?.region == east)

        transport.isLosing.withLock { $0 = true }
        exists.withLock { $0 = false }
        for _ in 0..<4 {
            _ = try? await directory.release(name, of: east) { exists.withLock { $0 } }
        }
        try await directory.refresh()
        #expect(directory.location(of: name) == nil)
    }

    @Test func anAnswerThatDoesNotComeIsAnOutage() async throws {
        struct Silent: ControlTransport {
            func answer(toControlCall call: [UInt8]) async throws -> [UInt8] {
                await AsyncSignal().wait()
                throw CancellationError()
            }
        }
        let time = TestTime()
        let start = time.wallMilliseconds()
        let remote = RemoteControlStore(transport: Silent(), time: time)
        await #expect(throws: ControlStoreError.self) { _ = try await remote.record("a") }
        #expect(time.wallMilliseconds() - start == RemoteControlStore.patienceMilliseconds)
    }

    @Test func whoWaitsHearsOfChangesAfterAnOutage() async throws {
        final class Flaky: ControlTransport {
            let inner: DirectTransport
            let failures = Mutex(3)
            init(_ inner: DirectTransport) { self.inner = inner }
            func answer(toControlCall call: [UInt8]) async throws -> [UInt8] {
                let fails = failures.withLock { left in
                    left -= 1
                    return left >= 0
                }
                if fails { throw ControlStoreError.unavailable(reason: "away") }
                return try await inner.answer(toControlCall: call)
            }
        }
        let store = InMemoryControlStore()
        let answers = ControlAnswers(store: store, time: ControlFeedTests.StandingTime())
        let remote = RemoteControlStore(transport: Flaky(DirectTransport(answers: answers)), time: TestTime())
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await remote.run() }
            try await ControlFeedTests.put("a", [1], in: store)
            #expect(try await remote.changed(after: 0) == 1)
            try await ControlFeedTests.put("a", [2], in: store)
            #expect(try await remote.changed(after: 1) == 2)
            group.cancelAll()
        }
    }

    @Test func aQuestionForChangesEndsWithItsPatienceAndWhenTheServerStops() async throws {
        let store = InMemoryControlStore()
        let patient = ControlAnswers(store: store, time: TestTime())
        let call = try ControlCall.changed(after: 7).encoded()
        #expect(try ControlAnswer.decode(try await patient.answer(call)) == .revision(7))
        let stopping = ControlAnswers(store: store, time: ControlFeedTests.StandingTime())
        async let waiting = stopping.answer(call)
        stopping.close()
        guard case .failed(.unavailable) = try ControlAnswer.decode(try await waiting) else {
            Issue.record("expected that the store is away")
            return
        }
    }
}

@Suite struct ControlCallTests {
    private static let calls: [ControlCall] = [
        .snapshot(prefix: ""), .record(key: "bucket/ü\u{1F600}\""), .changed(after: -1), .changed(after: .max),
        .commit(expectations: [], writes: []),
        .commit(
            expectations: [.absent(key: "a"), .unchanged(key: "b", revision: 3)],
            writes: [.put(key: "a", value: [0, 255]), .put(key: "c", value: []), .delete(key: "b")]),
    ]
    private static let answers: [ControlAnswer] = [
        .snapshot(ControlSnapshot(revision: 0, records: [])),
        .snapshot(ControlSnapshot(revision: 9, records: [ControlRecord(key: "a/é", value: [1], revision: 4)])),
        .record(nil), .record(ControlRecord(key: "k", value: [], revision: 1)), .revision(12), .failed(.conflict),
        .failed(.unavailable(reason: "the disk")),
    ]

    @Test func callsAndAnswersAreReadBack() throws {
        for call in Self.calls { #expect(try ControlCall.decode(try call.encoded()) == call) }
        for answer in Self.answers { #expect(try ControlAnswer.decode(try answer.encoded()) == answer) }
    }

    @Test func whatIsTooLargeIsRefused() throws {
        let key = String(repeating: "k", count: ControlCall.maximumKeyBytes + 1)
        let many = Array(repeating: ControlTransaction.Write.delete(key: "a"), count: ControlCall.maximumSteps + 1)
        let large = [UInt8](repeating: 0, count: ControlCall.maximumValueBytes + 1)
        let calls: [ControlCall] = [
            .record(key: key), .snapshot(prefix: key), .commit(expectations: [.absent(key: key)], writes: []),
            .commit(expectations: [], writes: many), .commit(expectations: [], writes: [.put(key: "a", value: large)]),
        ]
        for call in calls {
            #expect(throws: ControlValue.Unreadable.self) { _ = try ControlCall.decode(try call.encoded()) }
        }
    }

    /// Bytes changed, cut off and made up: read, or refused as unreadable.
    @Test func damagedBytesAreRefused() throws {
        var generator = SplitMix(state: 7)
        let whole = try Self.calls.map { try $0.encoded() } + Self.answers.map { try $0.encoded() }
        for round in 0..<4_000 {
            var bytes = whole[round % whole.count]
            for _ in 0...Int(generator.next() % 3) {
                switch generator.next() % 3 {
                case 0: bytes = Array(bytes.prefix(Int(generator.next() % UInt64(bytes.count + 1))))
                case 1: bytes.insert(UInt8(truncatingIfNeeded: generator.next()), at: 0)
                default:
                    guard !bytes.isEmpty else { continue }
                    bytes[Int(generator.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: generator.next())
                }
            }
            do { _ = try ControlCall.decode(bytes) } catch { #expect(error is ControlValue.Unreadable) }
            do { _ = try ControlAnswer.decode(bytes) } catch { #expect(error is ControlValue.Unreadable) }
        }
    }

    private struct SplitMix {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
    }
}
