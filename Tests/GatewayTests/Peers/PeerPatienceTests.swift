import Cluster
import Environment
import NIOCore
import NIOPosix
import S3Model
import Storage
import Synchronization
import Testing

@testable import Gateway

/// How long a region waits for another that takes no bytes: as long as that one is at work.
@Suite("Patience with a region in another process", .timeLimit(.minutes(1)))
struct PeerPatienceTests {
    private typealias Fixture = PeerFixture

    /// What is left does not fit into the buffers on the way.
    private static let size = 32 << 20
    /// What is in the other region before the call.
    private static let arrived = RegionStore.arrivalPartSize

    /// Brings a version of which most is there already to a region whose disk reads as `read` says.
    private func resume(
        patience: TimeAmount, lost: TimeAmount, tries: Int = 1,
        reading read: @escaping @Sendable () async throws -> Void,
        _ body: (_ result: Result<ApplyOutcome, any Error>, _ rest: WatchedSource) throws -> Void
    ) async throws {
        let here = try await Fixture.region(Fixture.here)
        let there = try await Fixture.region(Fixture.there, blobs: SlowBlobs(read))
        try await Fixture.createBucket(Fixture.photos, in: here)
        try await Fixture.createBucket(Fixture.copies, in: there)
        let bytes = Fixture.bytes(Self.size)
        let version = try await Fixture.put(bytes, at: "film", in: Fixture.photos, here)
        struct Cut: Error {}
        await #expect(throws: Cut.self) {
            let cut = WatchedSource(bytes) { if $0 >= Self.arrived { throw Cut() } }
            _ = try await there.applyReplica(version, bucket: Fixture.copies, body: cut)
        }
        #expect(try there.arrivedBytes(of: version, bucket: Fixture.copies) == Self.arrived)
        try await Fixture.withPeer([ApplyService.name: ApplyService(regions: [Fixture.there: there])]) { _, port in
            let client = PeerClient(
                to: ListenAddress(host: "127.0.0.1", port: port), on: MultiThreadedEventLoopGroup.singleton,
                key: try Fixture.key(), time: WallClock(), patience: patience, lost: lost)
            defer { client.close() }
            let link = HTTPPeerLink(Fixture.there, over: client, time: PatientTime())
            for left in (0..<tries).reversed() {
                let rest = WatchedSource(bytes)
                do {
                    let outcome = try await link.apply(Fixture.push(version), body: rest)
                    return try body(.success(outcome), rest)
                } catch {
                    if left == 0 { try body(.failure(error), rest) }
                }
            }
        }
    }

    /// Counting what is there takes longer than a silent region is waited for, and it takes no byte meanwhile: five
    /// seconds, with a sign of life every half. That may come late on a busy machine, so there are several tries.
    @Test func whoCountsWhatIsThereIsWaitedFor() async throws {
        try await resume(
            patience: .seconds(3), lost: .seconds(2), tries: 3,
            reading: { try await WallClock().sleep(milliseconds: 160) }
        ) { result, rest in
            #expect((try? result.get()) == .applied, "\(result)")
            #expect(rest.resumed == [Self.arrived])
            #expect(rest.noted.load(ordering: .relaxed) >= 8)
        }
    }

    /// Also when it says nothing, for as long as the patience lasts: its machine acknowledges that there is no room.
    @Test func aDiskThatStandsStillIsWaitedFor() async throws {
        let reads = Reads()
        try await resume(
            patience: .seconds(60), lost: .seconds(2),
            reading: {
                guard reads.count.add(1, ordering: .relaxed).oldValue == 0 else { return }
                try await WallClock().sleep(milliseconds: 4_000)
            }
        ) { result, _ in #expect((try? result.get()) == .applied, "\(result)") }
    }

    private final class Reads: Sendable { let count = Atomic<Int>(0) }

    @Test func whoHangsIsNotWaitedFor() async throws {
        let until = AsyncSignal()
        try await resume(patience: .milliseconds(300), lost: .seconds(30), reading: { await until.wait() }) {
            result, _ in
            until.notify()
            guard case .failure(PeerError.unavailable(let reason)) = result else {
                Issue.record("\(result)")
                return
            }
            #expect(reason.contains("did not answer in time"))
        }
    }

    @Test(arguments: [
        // Nothing under way; no room but answers; a first try that may have been lost; no answer for too short.
        (0, 0, 0, 60_000, false), (0, 0, 1, 60_000, false), (3, 1, 0, 60_000, false), (3, 0, 0, 60_000, false),
        (3, 4, 0, 2_999, false), (0, 0, 4, 2_999, false),
        // Cut off: while sending, and while there was no room.
        (1, 2, 0, 3_000, true), (0, 0, 2, 3_000, true),
    ])
    func onlyWhoDoesNotAcknowledgeIsLost(
        unacknowledged: UInt32, retransmissions: UInt32, probes: UInt32, milliseconds: Int64, isLost: Bool
    ) {
        let silence = LostConnections.Silence(
            unacknowledged: unacknowledged, retransmissions: retransmissions, unansweredProbes: probes,
            sinceAcknowledgement: .milliseconds(milliseconds))
        #expect(silence.meansLoss(after: .seconds(3)) == isLost)
    }
}

/// Blobs of which each piece takes its time to be read.
private final class SlowBlobs: BlobStore {
    private let store = InMemoryBlobStore()
    private let read: @Sendable () async throws -> Void

    init(_ read: @escaping @Sendable () async throws -> Void) { self.read = read }

    func create() async throws -> any BlobWriter { try await store.create() }
    func remove(_ blobs: [BlobID]) async throws { try await store.remove(blobs) }
    func unconfirmed() async throws -> [BlobID] { try await store.unconfirmed() }
    func confirmAll() async throws { try await store.confirmAll() }
    func close() async throws { try await store.close() }

    func reader(of blob: BlobID, range: Range<Int64>, waits: Bool) throws -> any ByteSource {
        SlowSource(try store.reader(of: blob, range: range, waits: waits), read)
    }

    private final class SlowSource: ByteSource {
        private let source: any ByteSource
        private let read: @Sendable () async throws -> Void
        private let rest = Mutex(ByteBuffer())

        init(_ source: any ByteSource, _ read: @escaping @Sendable () async throws -> Void) {
            self.source = source
            self.read = read
        }

        func next() async throws -> ByteBuffer? {
            if rest.withLock({ $0.readableBytes }) == 0 {
                guard let piece = try await source.next() else { return nil }
                rest.withLock { $0 = piece }
            }
            try await read()
            return rest.withLock { $0.readSlice(length: min(256 * 1024, $0.readableBytes)) }
        }
    }
}
