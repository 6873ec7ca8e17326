import NIOCore
import S3Model
import SQLite
import Testing

@testable import Storage

/// The outbox of the source and the applying of replicas.
@Suite struct ReplicaTests {
    /// Two regions with versioned buckets of the same name.
    private func withPair(_ backend: Backend, _ body: (RegionStore, TestRegion) async throws -> Void) async throws {
        try await withRegion(backend, versioning: .enabled) { source in
            let folder = try TestFolder()
            let target = try await TestRegion(backend, region: Names.otherRegion, folder: folder)
            _ = try await target.store.createBucket(Names.bucket, owner: Names.owner)
            try await target.store.setVersioning(.enabled, bucket: Names.bucket)
            try await body(source.store, target)
            try await target.store.close()
            withExtendedLifetime(folder) {}
        }
    }

    private func entries(_ store: RegionStore, _ destination: BucketName = Names.copy) throws -> [OutboxEntry] {
        try store.outbox(destination: destination, after: 0, limit: 100)
    }

    private func status(_ store: RegionStore, _ text: String = "a", _ id: VersionID? = nil) throws
        -> ReplicationStatus
    {
        try store.object(key(text), version: id, bucket: Names.bucket).replication
    }

    @Test(arguments: Backend.allCases)
    func outboxFollowsTheVersion(backend: Backend) async throws {
        try await withRegion(backend, versioning: .enabled) { region in
            let store = region.store
            let before = try await store.put("before")
            #expect(before.replication == .none)
            try await store.replicate(to: [Names.copy, Names.third])
            let put = try await store.put("a", someBytes(100))
            #expect(put.replication == .pending)
            let first = try #require(try entries(store).first)
            #expect(first.stamp == put.stamp)
            #expect(first.bytes == 100)
            guard case .version(let found, _) = try store.work(of: first) else { throw StorageError.closed }
            #expect(found.stamp == put.stamp)
            #expect(try store.outboxDestinations() == [Names.copy, Names.third])
            #expect(try store.outboxSummaries().map(\.pendingVersions) == [1, 1])

            try await store.complete([first])
            #expect(try status(store) == .pending, "another destination is outstanding")
            let second = try #require(try entries(store, Names.third).first)
            try await store.postpone(second, until: Timestamp(milliseconds: 5_000_000_000_000), reason: "away")
            let waiting = try #require(try entries(store, Names.third).first)
            #expect(waiting.attempts == 1)
            #expect(waiting.lastError == "away")
            #expect(waiting.notBefore.milliseconds == 5_000_000_000_000)
            try await store.complete([waiting])
            #expect(try status(store) == .completed)
            #expect(try store.outboxDestinations().isEmpty)

            // Removing a version for good makes no work, and takes its waiting work with it.
            let next = try await store.put("b")
            #expect(try entries(store).count == 1)
            try await store.delete("b", version: next.versionID)
            #expect(try entries(store).isEmpty)
            try await store.delete("a")
            #expect(try entries(store).map(\.kind) == [.deleteMarker])
        }
    }

    @Test(arguments: Backend.allCases)
    func failuresHaveAReasonAndCanBeRetried(backend: Backend) async throws {
        try await withRegion(backend, versioning: .enabled) { region in
            let store = region.store
            try await store.replicate(to: [Names.copy, Names.third])
            let put = try await store.put("a", someBytes(100))
            try await store.fail(try #require(try entries(store).first), reason: "DstBucketNotFound")
            let failure = try #require(try store.failures(of: Names.bucket, limit: 10).first)
            #expect(failure.reason == "DstBucketNotFound")
            #expect(failure.entry.attempts == 1)
            #expect(failure.entry.stamp == put.stamp)
            #expect(try store.failureSummaries().map(\.bytes) == [100])

            // Tags change while it is failed, and that fails as well: still one failure, which carries the whole version.
            _ = try await store.setTags([Tag(key: "k", value: "v")], key: key("a"), version: nil, bucket: Names.bucket)
            #expect(try status(store) == .failed)
            let long = String(repeating: "x", count: 100_000)
            try await store.fail(try #require(try entries(store).first), reason: long)
            let merged = try store.failures(of: Names.bucket, limit: 10)
            #expect(merged.map(\.entry.kind) == [.object])
            #expect(merged.allSatisfy { $0.reason.utf8.count <= 512 })
            try await store.complete(try entries(store, Names.third))

            #expect(try await store.retryFailures(of: Names.bucket) == .init(retried: 1, withoutRule: 0))
            #expect(try store.failures(of: Names.bucket, limit: 10).isEmpty)
            #expect(try status(store) == .pending)
            let again = try #require(try entries(store).first)
            #expect(again.attempts == 0 && again.kind == .object && !again.isForJob)
            try await store.fail(again, reason: RegionStore.erasedThere)
            #expect(try await store.retryFailures(of: Names.bucket).retried == 1)
            let refused = try #require(try entries(store).first)
            #expect(refused.isForJob, "retried as what it was, it is refused again instead of taken for done")
            try await store.complete([refused])
            #expect(try status(store) == .completed)
        }
    }

    @Test func workOnADamagedRecordFailsAndIsNotLost() async throws {
        let folder = try TestFolder()
        let region = try await TestRegion(.sqlite, folder: folder)
        let store = region.store
        _ = try await store.createBucket(Names.bucket, owner: Names.owner)
        try await store.setVersioning(.enabled, bucket: Names.bucket)
        try await store.replicate(to: [Names.copy])
        try await store.put("a")
        let database = try Connection(path: "\(folder.path)/metadata-\(Names.region).sqlite", mode: .readWrite)
        try database.execute("CREATE TABLE kept AS SELECT record FROM current_objects")
        try database.execute("UPDATE current_objects SET record = x'01FF'")
        let waiting = try #require(try entries(store).first)
        #expect(throws: StorageError.self) { try store.work(of: waiting) }
        // What claims that it arrived is not believed.
        await #expect(throws: StorageError.self) { try await store.complete([waiting]) }
        try await store.fail(waiting, reason: "damaged")
        #expect(try entries(store).isEmpty)
        #expect(try store.failures(of: Names.bucket, limit: 10).map(\.reason) == ["damaged"])
        #expect(try await store.retryFailures(of: Names.bucket) == .init(retried: 0, withoutRule: 0, damaged: 1))
        try database.execute("UPDATE current_objects SET record = (SELECT record FROM kept)")
        #expect(try await store.retryFailures(of: Names.bucket) == .init(retried: 1, withoutRule: 0))
        try await store.complete(try entries(store))
        #expect(try status(store) == .completed)
        try await store.close()
    }

    @Test(arguments: Backend.allCases)
    func whatNoRuleWantsStaysFailed(backend: Backend) async throws {
        try await withRegion(backend, versioning: .enabled) { region in
            let store = region.store
            try await store.replicate(to: [Names.copy])
            let put = try await store.put("a")
            let waiting = try #require(try entries(store).first)
            try await store.replicate(to: [])
            #expect(try status(store) == .failed)
            // Who has read the entry before must neither send it nor fail it any more.
            guard case .superseded = try store.work(of: waiting) else { throw StorageError.closed }
            try await store.fail(waiting, reason: "DstBucketNotFound")
            #expect(try await store.retryFailures(of: Names.bucket) == .init(retried: 0, withoutRule: 1))
            #expect(
                try store.failures(of: Names.bucket, limit: 10).map(\.reason) == ["SrcBucketReplicationConfigMissing"])
            try await store.replicate(to: [Names.copy])
            #expect(try await store.retryFailures(of: Names.bucket).retried == 1)
            #expect(try status(store) == .pending)
            try await store.fail(try #require(try entries(store).first), reason: "DstBucketNotFound")
            try await store.delete("a", version: put.versionID)
            #expect(try store.failures(of: Names.bucket, limit: 10).isEmpty)
            #expect(try store.failureSummaries().isEmpty)
        }
    }

    @Test(arguments: Backend.allCases)
    func writesThatCrossedAreRemembered(backend: Backend) async throws {
        try await withPair(backend) { source, target in
            let first = try await source.put("a")
            let second = try await source.put("b")
            let bytes = ByteBuffer(string: "hello")
            // "b" arrives before the other region writes it: no conflict. "a" arrives after: one.
            _ = try await target.store.applyReplica(second, bucket: Names.bucket, body: BufferSource(bytes))
            try await target.store.put("b")
            let older = try await target.store.put("a")
            #expect(older.stamp > first.stamp)
            try await target.store.put("a")
            _ = try await target.store.applyReplica(first, bucket: Names.bucket, body: BufferSource(bytes))
            _ = try await target.store.applyReplica(first, bucket: Names.bucket, body: nil)
            let found = try target.store.conflicts(in: Names.bucket, limit: 10)
            #expect(found.map(\.key.rawValue) == ["a"])
            #expect(found.map(\.loser) == [first.stamp])
            #expect(found.map(\.winner) == [older.stamp])
            try await target.store.delete("a", version: first.versionID)
            #expect(try target.store.conflicts(in: Names.bucket, limit: 10).isEmpty)
        }
    }

    /// Another rule for the same destination takes the waiting work over.
    @Test(arguments: Backend.allCases)
    func waitingWorkPassesToTheRuleOfItsDestination(backend: Backend) async throws {
        try await withRegion(backend, versioning: .enabled) { region in
            let store = region.store
            try await store.replicate(to: [Names.copy])
            try await store.put("a")
            let rule = ReplicationRule(id: "renamed", schema: .v2, destination: .init(bucket: Names.copy))
            try await store.setReplication(ReplicationConfiguration(role: "role", rules: [rule]), bucket: Names.bucket)
            #expect(try entries(store).map(\.ruleID) == ["renamed"])
            #expect(try status(store) == .pending)
            #expect(try store.outboxSummaries().map(\.pendingVersions) == [1])
        }
    }

    @Test(arguments: Backend.allCases)
    func changesAloneBringNoVersionAndNoStorageClass(backend: Backend) async throws {
        try await withPair(backend) { source, target in
            var version = try await source.put("a")
            let absent = try await target.store.applyReplica(
                version, bucket: Names.bucket, body: BufferSource(ByteBuffer(string: "hello")), creates: false)
            #expect(absent == .unchanged)
            _ = try await target.store.applyReplica(
                version, bucket: Names.bucket, body: BufferSource(ByteBuffer(string: "hello")))
            version = try await source.setTags(
                [Tag(key: "k", value: "v")], key: key("a"), version: nil, bucket: Names.bucket)
            if var object = version.object {
                object.metadata.storageClass = "STANDARD_IA"
                version.content = .object(object)
            }
            let outcome = try await target.store.applyReplica(
                version, bucket: Names.bucket, body: nil, creates: false)
            #expect(outcome == .updated)
            let replica = try target.store.object(key("a"), version: nil, bucket: Names.bucket)
            #expect(replica.object?.tags == [Tag(key: "k", value: "v")])
            #expect(replica.object?.metadata.storageClass == nil)
        }
    }

    @Test(arguments: Backend.allCases)
    func failureStays(backend: Backend) async throws {
        try await withRegion(backend, versioning: .enabled) { region in
            let store = region.store
            try await store.replicate(to: [Names.copy, Names.third])
            try await store.put("a")
            try await store.fail(try #require(try entries(store).first), reason: "DstBucketNotFound")
            #expect(try status(store) == .failed)
            try await store.complete(try entries(store, Names.third))
            #expect(try status(store) == .failed)
            #expect(try store.outboxDestinations().isEmpty)
        }
    }

    @Test(arguments: Backend.allCases)
    func removedRulesTakeTheirWorkAlong(backend: Backend) async throws {
        try await withRegion(backend, versioning: .enabled) { region in
            let store = region.store
            try await store.replicate(to: [Names.copy, Names.third])
            for index in 0..<20 { try await store.put("key-\(index)") }
            try await store.replicate(to: [Names.third])
            #expect(try store.outboxDestinations() == [Names.third])
            #expect(try entries(store, Names.third).count == 20)
            try await store.replicate(to: [])
            #expect(try store.outboxDestinations().isEmpty)
            #expect(try status(store, "key-7") == .failed)
        }
    }

    @Test(arguments: Backend.allCases, [0, 500, 100_000])
    func replicasAreVerbatimAndIdempotent(backend: Backend, size: Int) async throws {
        try await withPair(backend) { source, target in
            try await source.replicate(to: [Names.bucket])
            let bytes = someBytes(size)
            let put = try await source.put("a", bytes, tags: [Tag(key: "k", value: "v")])
            func apply(_ version: ObjectVersion, _ body: ByteBuffer?) async throws -> ApplyOutcome {
                try await target.store.applyReplica(
                    version, bucket: Names.bucket, body: body.map { PiecewiseSource($0, pieces: 9000) })
            }
            #expect(try await apply(put, bytes) == .applied)
            #expect(try await apply(put, nil) == .unchanged)
            #expect(try await target.store.get("a") == bytes)
            let replica = try target.store.object(key("a"), version: nil, bucket: Names.bucket)
            #expect(replica.stamp == put.stamp)
            #expect(replica.modified == put.modified)
            #expect(replica.object?.tags == put.object?.tags)
            #expect(replica.object?.etag == put.object?.etag)
            #expect(replica.replication == .replica)
            #expect(try target.store.outboxDestinations().isEmpty)
            // What is written here next is newer, whatever the clocks say.
            #expect(try await target.store.put("a").stamp > put.stamp)

            let changed = try await source.setTags([], key: key("a"), version: nil, bucket: Names.bucket)
            #expect(try await apply(changed, nil) == .updated)
            #expect(try await apply(put, nil) == .unchanged, "older attributes do not come back")
            let updated = try target.store.object(key("a"), version: put.versionID, bucket: Names.bucket)
            #expect(updated.object?.tags == [])
            #expect(updated.replication == .replica)
            #expect(target.blobs.committed.count == (size > RegionStore.inlineLimit ? 1 : 0))
        }
    }

    @Test(arguments: Backend.allCases)
    func laterStampsWinInAnyOrder(backend: Backend) async throws {
        try await withPair(backend) { source, target in
            let first = try await source.put("a", ByteBuffer(string: "1"))
            let second = try await source.put("a", ByteBuffer(string: "2"))
            _ = try await source.delete("a")
            let marker = try source.listVersions(ListQuery(), versionMarker: nil, bucket: Names.bucket).versions[0]
            func apply(_ version: ObjectVersion, _ text: String) async throws {
                _ = try await target.store.applyReplica(
                    version, bucket: Names.bucket, body: BufferSource(ByteBuffer(string: text)))
            }
            try await apply(second, "2")
            try await apply(first, "1")
            #expect(try await target.store.get("a") == ByteBuffer(string: "2"))
            _ = try await target.store.applyReplica(marker, bucket: Names.bucket, body: nil)
            #expect(try await refusal { _ = try await target.store.get("a") } == .noSuchKey)
        }
    }

    /// A key has one null version. One region's is never lost for another's; the same region's later one takes its place.
    @Test(arguments: Backend.allCases)
    func aNullVersionOfAnotherRegionStays(backend: Backend) async throws {
        try await withPair(backend) { source, target in
            func null(_ store: RegionStore, _ text: String) async throws -> ObjectVersion {
                try await store.setVersioning(.suspended, bucket: Names.bucket)
                let put = try await store.put("a", ByteBuffer(string: text))
                try await store.setVersioning(.enabled, bucket: Names.bucket)
                return put
            }
            func apply(_ version: ObjectVersion, _ text: String) async throws -> ApplyOutcome {
                try await target.store.applyReplica(
                    version, bucket: Names.bucket, body: BufferSource(ByteBuffer(string: text)))
            }
            let first = try await null(source, "1")
            let second = try await null(source, "22")
            #expect(try await apply(first, "1") == .applied)
            #expect(try await apply(second, "22") == .applied)
            #expect(try await apply(first, "1") == .erased)
            #expect(try await target.store.get("a") == ByteBuffer(string: "22"))
            _ = try await null(target.store, "own")
            let third = try await null(source, "333")
            for version in [second, third] {
                await #expect(throws: ReplicaRefusal.hasNullVersionOfItsOwn) { try await apply(version, "333") }
            }
            #expect(try await target.store.get("a", version: .null) == ByteBuffer(string: "own"))
        }
    }

    @Test func wrongBytesAreRefused() async throws {
        try await withPair(.memory) { source, target in
            let put = try await source.put("a", someBytes(50_000))
            for wrong in [someBytes(49_999), someBytes(50_000, seed: 1), ByteBuffer()] {
                await #expect(throws: StorageError.self) {
                    try await target.store.applyReplica(put, bucket: Names.bucket, body: BufferSource(wrong))
                }
            }
            #expect(
                try await refusal {
                    _ = try await target.store.applyReplica(put, bucket: Names.bucket, body: nil)
                } == .noSuchVersion)
            #expect(target.blobs.committed.isEmpty)
            try await target.store.setVersioning(.suspended, bucket: Names.bucket)
            #expect(
                try await refusal {
                    _ = try await target.store.applyReplica(
                        put, bucket: Names.bucket, body: BufferSource(someBytes(50_000)))
                } == .invalidRequest)
        }
    }

    @Test func multipartReplicasAreCheckedPartByPart() async throws {
        try await withPair(.memory) { source, target in
            let upload = try await source.createUpload(
                key("m"), bucket: Names.bucket, owner: Names.owner, metadata: ObjectMetadata(), tags: [],
                checksumAlgorithm: nil, checksumType: nil)
            var parts: [CompletedPart] = []
            let sizes = [Int(RegionStore.minimumPartSize), 1000]
            for (index, size) in sizes.enumerated() {
                let content = try await source.stage(BufferSource(someBytes(size)), digests: DigestPlan())
                let part = try await source.putPart(
                    index + 1, upload: upload.id, key: key("m"), bucket: Names.bucket, content: content, checksum: nil)
                parts.append(CompletedPart(number: index + 1, etag: part.etag, checksum: nil))
            }
            let version = try await source.completeUpload(
                MultipartCompletion(bucket: Names.bucket, key: key("m"), uploadID: upload.id, parts: parts))
            var bytes = try await source.get("m")
            let good = bytes
            bytes.setInteger(UInt8(0xEE), at: 5_000_000)
            let bad = bytes
            await #expect(throws: StorageError.self) {
                try await target.store.applyReplica(
                    version, bucket: Names.bucket, body: PiecewiseSource(bad, pieces: 70_001))
            }
            let outcome = try await target.store.applyReplica(
                version, bucket: Names.bucket, body: PiecewiseSource(good, pieces: 70_001))
            #expect(outcome == .applied)
            #expect(try await target.store.get("m") == good)
            let replica = try target.store.object(key("m"), version: nil, bucket: Names.bucket)
            #expect(replica.object?.parts == version.object?.parts)
        }
    }
}
