import NIOCore
import S3Model
import Testing

@testable import Storage

/// What a client removed for good stays removed, whoever sends it again.
@Suite struct ErasureTests {
    private func withPair(
        _ backend: Backend, _ body: (RegionStore, TestRegion, TestFolder) async throws -> Void
    ) async throws {
        let folder = try TestFolder()
        let source = try await TestRegion(backend, folder: folder)
        let target = try await TestRegion(backend, region: Names.otherRegion, folder: folder)
        for store in [source.store, target.store] {
            _ = try await store.createBucket(Names.bucket, owner: Names.owner)
            try await store.setVersioning(.enabled, bucket: Names.bucket)
        }
        try await body(source.store, target, folder)
        try await source.store.close()
        try await target.store.close()
    }

    private func deliver(_ version: ObjectVersion, _ bytes: ByteBuffer?, to store: RegionStore) async throws
        -> ApplyOutcome
    {
        try await store.applyReplica(version, bucket: Names.bucket, body: bytes.map { BufferSource($0) })
    }

    @Test(arguments: Backend.allCases)
    func aRemovedReplicaStaysAwayAfterARestartToo(backend: Backend) async throws {
        try await withPair(backend) { source, target, _ in
            let bytes = ByteBuffer(string: "hello")
            let put = try await source.put("a", bytes)
            #expect(try await deliver(put, bytes, to: target.store) == .applied)
            try await target.store.delete("a", version: put.versionID)
            #expect(try target.store.wasErased(put.stamp, bucket: Names.bucket))

            let again = try await RegionStore.open(
                region: Names.otherRegion, metadata: target.metadata, blobs: target.blobs, time: SteppingTime(),
                random: SeededRandom(2), planner: EveryRulePlanner())
            #expect(try await deliver(put, bytes, to: again) == .erased)
            let changed = try await source.setTags(
                [Tag(key: "k", value: "v")], key: key("a"), version: nil, bucket: Names.bucket)
            #expect(try await deliver(changed, bytes, to: again) == .erased)
            #expect(try again.versions(of: key("a"), bucket: Names.bucket, limit: 9).isEmpty)
        }
    }

    /// A region that carries changes of replicas back must not bring back what was removed where it was made.
    @Test(arguments: Backend.allCases)
    func onlyWhatCanComeBackIsRemembered(backend: Backend) async throws {
        try await withPair(backend) { source, target, _ in
            let alone = try await source.put("a")
            try await source.delete("a", version: alone.versionID)
            #expect(try !source.wasErased(alone.stamp, bucket: Names.bucket))

            try await source.replicate(to: [Names.copy])
            let sent = try await source.put("a")
            try await source.delete("a", version: sent.versionID)
            #expect(try await deliver(sent, ByteBuffer(string: "hello"), to: source) == .erased)
            #expect(try !target.store.wasErased(sent.stamp, bucket: Names.bucket))

            let marker = try await source.delete("a")
            try await source.delete("a", version: marker.versionID)
            let removed: VersionStamp? = if case .stamp(let stamp) = marker.versionID { stamp } else { nil }
            #expect(try source.wasErased(try #require(removed), bucket: Names.bucket))
        }
    }

    @Test(arguments: Backend.allCases)
    func removalsAreForgottenWhenOldAndNobodyHasWorkLeft(backend: Backend) async throws {
        try await withPair(backend) { source, target, _ in
            try await source.replicate(to: [Names.copy])
            var stamps: [VersionStamp] = []
            for name in ["a", "b", "c"] {
                let put = try await source.put(name)
                stamps.append(put.stamp)
                _ = try await deliver(put, ByteBuffer(string: "hello"), to: target.store)
                try await target.store.delete(name, version: put.versionID)
            }
            var asked = 0
            func forget() async throws -> Int {
                try await target.store.forgetErasures {
                    asked += 1
                    return try source.oldestReplicationWork()
                }
            }
            #expect(try await forget() == 0)
            #expect(asked == 0, "nothing is old enough")

            // The same removals, made long ago.
            let bucket = try target.store.bucket(Names.bucket).id
            try await target.metadata.write { [stamps] transaction in
                for stamp in stamps {
                    try transaction.insert(erasure: stamp, bucket: bucket, at: Timestamp(milliseconds: 0))
                }
            }
            #expect(try await forget() == 0, "the sender still has work on all of them")
            let entries = try source.outbox(destination: Names.copy, after: 0, limit: 10)
            try await source.complete([entries[0]])
            try await source.fail(entries[1], reason: "DstBucketNotFound")
            #expect(try source.oldestReplicationWork() == stamps[1], "failed work may be retried")
            #expect(try await forget() == 1)
            #expect(try stamps.map { try target.store.wasErased($0, bucket: Names.bucket) } == [false, true, true])
            try await source.delete("b", version: .stamp(stamps[1]))
            try await source.complete([entries[2]])
            #expect(try source.oldestReplicationWork() == nil)
            #expect(try await forget() == 2)
        }
    }

    @Test(arguments: Backend.allCases)
    func removalsGoWithTheirBucket(backend: Backend) async throws {
        try await withPair(backend) { source, target, _ in
            let put = try await source.put("a")
            _ = try await deliver(put, ByteBuffer(string: "hello"), to: target.store)
            try await target.store.delete("a", version: put.versionID)
            try await target.store.deleteBucket(Names.bucket)
            _ = try await target.store.createBucket(Names.bucket, owner: Names.owner)
            try await target.store.setVersioning(.enabled, bucket: Names.bucket)
            #expect(try await deliver(put, ByteBuffer(string: "hello"), to: target.store) == .applied)
        }
    }
}
