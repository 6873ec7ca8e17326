import Environment
import NIOCore
import S3Model
import Synchronization

@testable import Storage

/// Not the tag of a test.
typealias Tag = S3Model.Tag

/// A clock that moves one millisecond each time it is read.
final class SteppingTime: TimeSource {
    private let milliseconds: Mutex<Int64>
    init(_ start: Int64 = 1_800_000_000_000) { milliseconds = Mutex(start) }
    func wallMilliseconds() -> Int64 {
        milliseconds.withLock {
            $0 += 1
            return $0
        }
    }
    func monotonicNanoseconds() -> UInt64 { UInt64(milliseconds.withLock { $0 }) * 1_000_000 }
    func sleep(nanoseconds: UInt64) async throws {}
}

/// SplitMix64: the same numbers for the same seed.
final class SeededRandom: RandomSource {
    private let state: Mutex<UInt64>
    init(_ seed: UInt64) { state = Mutex(seed) }
    func next() -> UInt64 {
        state.withLock { state in
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
    }
    func below(_ bound: Int) -> Int { Int(uniform(below: UInt64(bound))) }
}

/// One entry per rule of the bucket, whatever the key.
struct EveryRulePlanner: OutboxPlanner {
    func plan(_ version: ObjectVersion, kind: OutboxEntry.Kind, in bucket: Bucket, at time: Timestamp)
        -> [OutboxEntry]
    {
        (bucket.replication?.rules ?? []).map { rule in
            OutboxEntry(
                bucket: bucket.id, key: version.key, stamp: version.stamp, kind: kind,
                destination: rule.destination.bucket, ruleID: rule.id, bytes: version.object?.size ?? 0,
                enqueued: time)
        }
    }

    func planForJob(_ version: ObjectVersion, in bucket: Bucket, at time: Timestamp) -> [OutboxEntry] {
        plan(version, kind: version.isDeleteMarker ? .deleteMarker : .object, in: bucket, at: time)
    }
}

enum Names {
    static let bucket = name("photos")
    static let copy = name("photos-copy")
    static let third = name("photos-third")
    static let region = RegionName(literal: "eu-west-1")
    static let otherRegion = RegionName(literal: "us-east-1")

    static func name(_ text: String) -> BucketName {
        guard let name = BucketName(text) else { preconditionFailure("\(text) is no bucket name") }
        return name
    }

    static let owner: Owner = {
        guard let account = AccountID("123456789012") else { preconditionFailure("an account has twelve digits") }
        return Owner(account: account, canonicalID: "canonical", displayName: "owner")
    }()
}

func key(_ text: String) -> ObjectKey { ObjectKey(stored: text) }

/// `count` bytes that are not all the same.
func someBytes(_ count: Int, seed: UInt8 = 7) -> ByteBuffer {
    var buffer = ByteBuffer()
    buffer.reserveCapacity(count)
    for index in 0..<count { buffer.writeInteger(UInt8(truncatingIfNeeded: index &* 31 &+ index >> 8) ^ seed) }
    return buffer
}

/// A body in pieces of a given size.
final class PiecewiseSource: ByteSource {
    private let rest: Mutex<ByteBuffer>
    private let size: Int
    init(_ bytes: ByteBuffer, pieces size: Int) {
        rest = Mutex(bytes)
        self.size = size
    }
    func next() async throws -> ByteBuffer? {
        rest.withLock { rest in
            rest.readableBytes == 0 ? nil : rest.readSlice(length: min(size, rest.readableBytes))
        }
    }
}

/// Which metadata store a test runs over.
enum Backend: String, CaseIterable, Sendable, CustomStringConvertible {
    case memory
    case sqlite
    var description: String { rawValue }
}

/// A region over fresh stores, in a folder of its own where it needs one.
struct TestRegion: Sendable {
    let store: RegionStore
    let blobs: InMemoryBlobStore
    let metadata: any MetadataStore

    init(_ backend: Backend = .memory, region: RegionName = Names.region, folder: TestFolder? = nil) async throws {
        blobs = InMemoryBlobStore()
        switch backend {
        case .memory: metadata = InMemoryMetadataStore()
        case .sqlite:
            guard let folder else { throw StorageError.io(operation: "test", detail: "SQLite needs a folder") }
            metadata = try SQLiteMetadataStore.open(path: "\(folder.path)/metadata-\(region).sqlite")
        }
        store = try await RegionStore.open(
            region: region, metadata: metadata, blobs: blobs, time: SteppingTime(), random: SeededRandom(1),
            planner: EveryRulePlanner())
    }
}

/// Runs a test over a region and closes it.
func withRegion(
    _ backend: Backend, versioning: VersioningState = .unversioned,
    _ body: (TestRegion) async throws -> Void
) async throws {
    let folder = try TestFolder()
    let region = try await TestRegion(backend, folder: folder)
    _ = try await region.store.createBucket(Names.bucket, owner: Names.owner)
    if versioning != .unversioned { try await region.store.setVersioning(versioning, bucket: Names.bucket) }
    do {
        try await body(region)
    } catch {
        try? await region.store.close()
        throw error
    }
    try await region.store.close()
    withExtendedLifetime(folder) {}
}

extension RegionStore {
    @discardableResult
    func put(
        _ text: String, _ bytes: ByteBuffer = ByteBuffer(string: "hello"), conditions: WriteConditions = .none,
        tags: [Tag] = [], bucket: BucketName = Names.bucket
    ) async throws -> ObjectVersion {
        let content = try await stage(PiecewiseSource(bytes, pieces: 20_000), digests: DigestPlan())
        var put = ObjectPut(bucket: bucket, key: key(text), owner: Names.owner, metadata: ObjectMetadata())
        put.conditions = conditions
        put.tags = tags
        return try await putObject(put, content: content)
    }

    func get(_ text: String, version: VersionID? = nil, bucket: BucketName = Names.bucket) async throws -> ByteBuffer {
        let found = try object(key(text), version: version, bucket: bucket)
        return try await content(of: found, range: 0..<(found.object?.size ?? 0)).collect(upTo: Int.max)
    }

    @discardableResult
    func delete(_ text: String, version: VersionID? = nil, bucket: BucketName = Names.bucket) async throws
        -> DeleteOutcome
    {
        try await deleteObject(key(text), version: version, bucket: bucket, owner: Names.owner)
    }

    /// Replicates everything in `bucket` to the given buckets.
    func replicate(_ bucket: BucketName = Names.bucket, to destinations: [BucketName]) async throws {
        let rules = destinations.map {
            ReplicationRule(id: "to-\($0)", schema: .v2, destination: ReplicationRule.Destination(bucket: $0))
        }
        let configuration = rules.isEmpty ? nil : ReplicationConfiguration(role: "role", rules: rules)
        try await setReplication(configuration, bucket: bucket)
    }
}

/// The code of the S3 error that `body` throws; `nil` when it throws none.
func refusal(_ body: () async throws -> Void) async throws -> S3ErrorCode? {
    do {
        try await body()
        return nil
    } catch let error as S3Error {
        return error.code
    }
}
