import NIOCore
import S3Model
import Synchronization
import Testing

@testable import Storage

/// The process ended at the `limit`-th durable step, and from there on does nothing.
private struct ProcessEnded: Error {}

private final class CrashPoint: Sendable {
    private let left: Mutex<Int>
    init(after limit: Int) { left = Mutex(limit) }
    var hook: StorageHook {
        { _ in
            try self.left.withLock {
                if $0 == 0 { throw ProcessEnded() }
                $0 -= 1
            }
        }
    }
    var wasReached: Bool { left.withLock { $0 == 0 } }
}

/// What a client was told.
private struct Acknowledged {
    /// Version ids that were answered, with their bytes.
    var versions: [(key: String, id: VersionID, bytes: ByteBuffer)] = []
    var deleted: [(key: String, id: VersionID)] = []
}

@Suite struct CrashTests {
    private static let big = someBytes(40_000)

    /// Puts, overwrites, deletes, a multipart upload, replication work and a refused write.
    private func scenario(_ store: RegionStore, _ told: inout Acknowledged) async throws {
        for (text, bytes) in [
            ("a", ByteBuffer(string: "1")), ("a", Self.big), ("b", Self.big), ("c", ByteBuffer(string: "3")),
        ] {
            let version = try await store.put(text, bytes)
            told.versions.append((text, version.versionID, bytes))
        }
        if try await refusal({
            try await store.put("a", Self.big, conditions: WriteConditions(ifNoneMatchAny: true))
        }) != .preconditionFailed {
            Issue.record("a precondition that does not hold was not refused")
        }
        let marker = try await store.delete("b")
        #expect(marker.isDeleteMarker)
        let second = told.versions[1]
        told.versions.remove(at: 1)
        try await store.delete("a", version: second.id)
        told.deleted.append((second.key, second.id))
        _ = try await store.collectGarbage()

        let upload = try await store.createUpload(
            key("m"), bucket: Names.bucket, owner: Names.owner, metadata: ObjectMetadata(), tags: [],
            checksumAlgorithm: nil, checksumType: nil)
        var parts: [CompletedPart] = []
        for number in [1, 1, 2] {
            let content = try await store.stage(BufferSource(Self.big), digests: DigestPlan())
            let part = try await store.putPart(
                number, upload: upload.id, key: key("m"), bucket: Names.bucket, content: content, checksum: nil)
            parts = [CompletedPart(number: number, etag: part.etag, checksum: nil)]
        }
        let joined = try await store.completeUpload(
            MultipartCompletion(bucket: Names.bucket, key: key("m"), uploadID: upload.id, parts: parts))
        told.versions.append(("m", joined.versionID, Self.big))
        for entry in try store.outbox(destination: Names.copy, after: 0, limit: 2) { try await store.complete([entry]) }
        _ = try await store.setTags([Tag(key: "k", value: "v")], key: key("c"), version: nil, bucket: Names.bucket)
        _ = try await store.collectGarbage()
    }

    private func open(_ metadata: InMemoryMetadataStore, _ blobs: InMemoryBlobStore, seed: UInt64) async throws
        -> RegionStore
    {
        try await RegionStore.open(
            region: Names.region, metadata: metadata, blobs: blobs, time: SteppingTime(), random: SeededRandom(seed),
            planner: EveryRulePlanner())
    }

    private func check(
        _ store: RegionStore, _ metadata: InMemoryMetadataStore, _ blobs: InMemoryBlobStore, _ told: Acknowledged
    )
        async throws
    {
        for version in told.versions {
            let bytes = try await store.get(version.key, version: version.id)
            #expect(bytes == version.bytes, "an acknowledged version is there")
        }
        for gone in told.deleted {
            #expect(
                try await refusal { _ = try await store.get(gone.key, version: gone.id) } == .noSuchVersion,
                "an acknowledged delete stays done")
        }
        let bucket = try store.bucket(Names.bucket)
        let all = try store.listVersions(ListQuery(), versionMarker: nil, bucket: Names.bucket).versions
        for version in all {
            let rows = try metadata.read {
                try $0.outboxCount(bucket: bucket.id, key: version.key, stamp: version.stamp)
            }
            #expect((rows > 0) == (version.replication == .pending), "pending means that there is work")
            if let object = version.object {
                #expect(
                    try await store.content(of: version, range: 0..<object.size).collect(upTo: Int.max).readableBytes
                        == Int(object.size))
            }
        }
        for blob in blobs.committed {
            #expect(try metadata.read { try $0.isReferenced(blob: blob) }, "no blob without a reference stays")
        }
        #expect(try metadata.read { try $0.garbage(limit: 10) }.isEmpty)
        #expect(try await blobs.unconfirmed().isEmpty)
        let highWater = try metadata.read { try $0.clockHighWater() }
        #expect(all.allSatisfy { $0.stamp <= highWater })
    }

    /// Ends the process after each number of steps in turn, also while it starts again after that.
    @Test func everyStepCanBeTheLast() async throws {
        var steps = 0
        while true {
            let isComplete = try await crash(after: steps)
            if isComplete { break }
            steps += 1
        }
        #expect(steps > 40, "the scenario has that many durable steps")
    }

    /// Whether the scenario ended before the crash did.
    private func crash(after steps: Int) async throws -> Bool {
        let setUpMetadata = InMemoryMetadataStore()
        let setUpBlobs = InMemoryBlobStore()
        let setUp = try await open(setUpMetadata, setUpBlobs, seed: 1)
        _ = try await setUp.createBucket(Names.bucket, owner: Names.owner)
        try await setUp.setVersioning(.enabled, bucket: Names.bucket)
        try await setUp.replicate(to: [Names.copy])

        let point = CrashPoint(after: steps)
        var metadata = setUpMetadata.reopened(hook: point.hook)
        var blobs = setUpBlobs.reopened(hook: point.hook)
        var told = Acknowledged()
        do {
            let store = try await open(metadata, blobs, seed: 2)
            try await scenario(store, &told)
        } catch is ProcessEnded {
        }
        let isComplete = !point.wasReached
        // The next starts may end as well, at each of their first steps.
        for early in 0..<4 {
            let second = CrashPoint(after: early)
            metadata = metadata.reopened(hook: second.hook)
            blobs = blobs.reopened(hook: second.hook)
            do {
                _ = try await open(metadata, blobs, seed: 3)
            } catch is ProcessEnded {
            }
        }
        metadata = metadata.reopened()
        blobs = blobs.reopened()
        let store = try await open(metadata, blobs, seed: 4)
        // What was in flight may be done or not; an upload that is open keeps its parts.
        for upload in try store.listUploads(ListQuery(), uploadMarker: nil, bucket: Names.bucket).uploads {
            try await store.abortUpload(upload.id, key: upload.key, bucket: Names.bucket)
        }
        _ = try await store.collectGarbage()
        try await check(store, metadata, blobs, told)
        return isComplete
    }

    @Test func closingCleanlyLeavesNothingToLookAt() async throws {
        let metadata = InMemoryMetadataStore()
        let blobs = InMemoryBlobStore()
        let store = try await open(metadata, blobs, seed: 1)
        _ = try await store.createBucket(Names.bucket, owner: Names.owner)
        try await store.put("a", Self.big)
        try await store.close()
        #expect(try await blobs.unconfirmed().isEmpty)
    }
}
