import Cluster
import Environment
import NIOCore
import NIOPosix
import Replication
import S3Model
import Storage
import Synchronization
import Testing

@testable import Gateway

/// Two regions, `here` and `there`, and what is needed to let one call the other through a real front.
struct PeerFixture {
    static let owner: Owner = {
        guard let account = AccountID("111122223333") else { preconditionFailure("an account has twelve digits") }
        return Owner(account: account, canonicalID: "c0ffee", displayName: "alice")
    }()
    static let photos = bucket("photos")
    static let copies = bucket("copies")
    static let there = RegionName(literal: "eu-west-1")
    static let here = RegionName(literal: "us-east-1")

    static func bucket(_ text: String) -> BucketName {
        guard let name = BucketName(text) else { preconditionFailure("not a bucket name: \(text)") }
        return name
    }

    static func key(_ byte: UInt8 = 7) throws -> EdgeKey {
        try #require(EdgeKey(bytes: Array(repeating: byte, count: EdgeKey.byteCount)))
    }

    static func region(_ name: RegionName, blobs: any BlobStore = InMemoryBlobStore()) async throws -> RegionStore {
        try await RegionStore.open(
            region: name, metadata: InMemoryMetadataStore(), blobs: blobs, time: WallClock(),
            random: SystemRandomSource(), planner: RulePlanner(region: name))
    }

    static func createBucket(_ name: BucketName, in store: RegionStore) async throws {
        _ = try await store.createBucket(name, owner: owner)
        try await store.setVersioning(.enabled, bucket: name)
    }

    /// `count` bytes that differ from place to place.
    static func bytes(_ count: Int) -> ByteBuffer {
        let block = ByteBuffer(bytes: (0..<4_096).map { UInt8(truncatingIfNeeded: $0 &* 31) })
        var buffer = ByteBufferAllocator().buffer(capacity: count + 8 + block.readableBytes)
        while buffer.readableBytes < count {
            buffer.writeInteger(buffer.readableBytes)
            buffer.writeImmutableBuffer(block)
        }
        return buffer.getSlice(at: buffer.readerIndex, length: count) ?? buffer
    }

    @discardableResult
    static func put(_ bytes: ByteBuffer, at key: String, in bucket: BucketName, _ store: RegionStore) async throws
        -> ObjectVersion
    {
        let content = try await store.stage(BufferSource(bytes), digests: DigestPlan())
        let put = ObjectPut(
            bucket: bucket, key: ObjectKey(stored: key), owner: owner, metadata: ObjectMetadata())
        return try await store.putObject(put, content: content)
    }

    static func push(_ version: ObjectVersion, kind: OutboxEntry.Kind = .object) -> ReplicaPush {
        ReplicaPush(
            source: here, sourceBucket: photos, destination: copies, ruleID: "rule", kind: kind, version: version)
    }

    /// A front that answers the calls of `services`.
    static func withPeer(
        port: Int = 0, _ services: [String: any PeerService],
        body: (_ front: HTTPFront, _ port: Int) async throws -> Void
    ) async throws {
        let responder = PeerResponder(services: services, key: try key(), time: WallClock(), otherwise: NoPages())
        try await withFront(
            configure: { $0.addresses = [ListenAddress(host: "127.0.0.1", port: port)] },
            respond: { await responder.respond(path: $0.target, to: $0) }, body: body)
    }

    static func client(_ port: Int, key: EdgeKey? = nil) throws -> PeerClient {
        PeerClient(
            to: ListenAddress(host: "127.0.0.1", port: port), on: MultiThreadedEventLoopGroup.singleton,
            key: try key ?? self.key(), time: WallClock())
    }
}

private struct NoPages: ConsoleResponding {
    func respond(path: String, to request: HTTPRequest) async -> HTTPResponse { HTTPResponse(status: 404) }
}

/// Nothing ever takes too long: a machine under load is no fault of the peer.
struct PatientTime: TimeSource {
    func wallMilliseconds() -> Int64 { WallClock().wallMilliseconds() }
    func monotonicNanoseconds() -> UInt64 { WallClock().monotonicNanoseconds() }
    func sleep(nanoseconds: UInt64) async throws {
        await AsyncSignal().wait()
        try Task.checkCancellation()
    }
}

/// Bytes that count how often they are pulled, note where they were taken up, and call `reached` before the piece that
/// begins at an offset.
final class WatchedSource: ResumableSource {
    private let bytes: ByteBuffer
    private let pieceSize: Int
    private let reached: @Sendable (Int) async throws -> Void
    private let offset = Mutex(0)
    private let starts = Mutex<[Int64]>([])
    let pulls = Atomic<Int>(0)
    /// How often the other end said that it is at work.
    let noted = Atomic<Int>(0)

    init(
        _ bytes: ByteBuffer, pieceSize: Int = 256 * 1024,
        reached: @escaping @Sendable (Int) async throws -> Void = { _ in }
    ) {
        self.bytes = bytes
        self.pieceSize = pieceSize
        self.reached = reached
    }

    /// The offsets that were asked for.
    var resumed: [Int64] { starts.withLock { $0 } }

    func resume(at start: Int64) {
        offset.withLock { $0 = Int(start) }
        starts.withLock { $0.append(start) }
    }

    func noteProgress() { noted.add(1, ordering: .relaxed) }

    func next() async throws -> ByteBuffer? {
        pulls.add(1, ordering: .relaxed)
        let start = offset.withLock { $0 }
        guard start < bytes.readableBytes else { return nil }
        try await reached(start)
        let length = min(pieceSize, bytes.readableBytes - start)
        offset.withLock { $0 = start + length }
        return bytes.getSlice(at: bytes.readerIndex + start, length: length)
    }
}

/// SplitMix64: the same numbers for the same seed.
struct SeededNumbers: RandomNumberGenerator {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
