import NIOCore
import S3Model
import SQLite
import Synchronization
import Testing

@testable import Storage

/// Who asks what work there is on a version gets the whole answer, however much there is.
@Suite struct ReplicationWorkTests {
    /// Versions of one key, each waiting for `copy`, as a long cut leaves them.
    private func fill(_ region: TestRegion, versions count: Int) async throws -> [VersionReference] {
        let bucket = try region.store.bucket(Names.bucket).id
        try await region.metadata.write { transaction in
            for number in 1...count {
                var version = try Sample.object("k", number)
                version.replication = .pending
                try transaction.insert(version: version, bucket: bucket)
                var entry = try Sample.entry(bucket, "k", number)
                entry.destination = Names.copy
                entry.ruleID = "to-\(Names.copy)"
                try transaction.insert(outbox: entry)
            }
        }
        return try (1...count).map { VersionReference(key: try Sample.key("k"), stamp: Sample.stamp($0)) }
    }

    @Test(arguments: Backend.allCases)
    func aKeyMayHaveAnyNumberOfWaitingVersions(backend: Backend) async throws {
        try await withRegion(backend, versioning: .enabled) { region in
            let store = region.store
            try await store.replicate(to: [Names.copy])
            let all = try await fill(region, versions: 10_050)
            let newest = try #require(all.last)
            func promised(_ version: VersionID? = nil, limit: Int = .max) throws -> [VersionStamp] {
                try store.promised(newest.key, version: version, bucket: Names.bucket, to: Names.copy, limit: limit)
                    .map(\.version.stamp)
            }
            #expect(try promised(limit: 2) == [newest.stamp, all[10_048].stamp])
            #expect(try promised(.stamp(all[7].stamp)) == [all[7].stamp])
            #expect(try promised(.null) == [])
            #expect(try promised().count == 10_050)
            let position = VersionPosition(key: newest.key, stamp: newest.stamp)
            #expect(try store.standing(of: position, bucket: Names.bucket).waiting.map(\.stamp) == [newest.stamp])
            #expect(try store.existingOutcomes(of: [newest], bucket: Names.bucket) == [.waiting])
            let before = try store.outboxSummaries().map(\.pendingVersions)
            _ = try await store.enqueueExisting([newest], bucket: Names.bucket) { version, bucket in
                EveryRulePlanner().planForJob(version, in: bucket, at: Timestamp(milliseconds: 1))
            }
            #expect(try store.outboxSummaries().map(\.pendingVersions) == before, "it waits already")
        }
    }

    @Test(arguments: Backend.allCases)
    func promisesAreReadOnlyAsFarAsTheyAreWanted(backend: Backend) async throws {
        try await withRegion(backend, versioning: .enabled) { region in
            let store = region.store
            try await store.replicate(to: [Names.copy, Names.third])
            let first = try await store.put("k")
            let second = try await store.put("k")
            try await store.put("other")
            _ = try await store.setTags([], key: key("k"), version: first.versionID, bucket: Names.bucket)
            let third = try await store.put("k")
            let entries = try store.outbox(destination: Names.copy, after: 0, limit: 10)
            // What has failed stands among what waits.
            try await store.fail(try #require(entries.first { $0.stamp == second.stamp }), reason: "DstBucketNotFound")
            let bucket = try store.bucket(Names.bucket).id
            func visited(_ destination: BucketName, upTo limit: Int) throws -> [VersionStamp] {
                try region.metadata.read { reader in
                    var found: [VersionStamp] = []
                    try reader.scanPromises(bucket: bucket, key: key("k"), destination: destination) { stamp, _ in
                        found.append(stamp)
                        return found.count < limit
                    }
                    return found
                }
            }
            #expect(try visited(Names.copy, upTo: 1) == [third.stamp])
            #expect(try visited(Names.copy, upTo: 9) == [third, second, first].map(\.stamp))
            #expect(try visited(Names.bucket, upTo: 9) == [])
            let wanted = try store.promised(
                key("k"), version: nil, bucket: Names.bucket, to: Names.third, rules: { $0 == "to-\(Names.copy)" })
            #expect(wanted.isEmpty, "a rule that is not asked for")
        }
    }

    @Test func damagedWorkIsPassedOver() async throws {
        let folder = try TestFolder()
        let region = try await TestRegion(.sqlite, folder: folder)
        let store = region.store
        _ = try await store.createBucket(Names.bucket, owner: Names.owner)
        try await store.setVersioning(.enabled, bucket: Names.bucket)
        try await store.replicate(to: [Names.copy])
        let puts = [try await store.put("k"), try await store.put("k"), try await store.put("k")]
        let database = try Connection(path: "\(folder.path)/metadata-\(Names.region).sqlite", mode: .readWrite)
        try database.execute("UPDATE outbox SET kind = 77 WHERE id = 3; UPDATE outbox SET stamp = x'00' WHERE id = 2")
        let promised = try store.promised(key("k"), version: nil, bucket: Names.bucket, to: Names.copy)
        #expect(promised.map(\.version.stamp) == [puts[0].stamp])
        #expect(
            try puts.map { try store.replicationWork(on: $0.reference, bucket: Names.bucket).count } == [1, 0, 0])
        try await store.replicate(to: [])
        #expect(try store.failureSummaries().map(\.versions) == [1], "a change of rules passes over them, too")
        try await store.close()
    }

    // MARK: Rules that change

    /// What `setReplication` does not come to before its process ends.
    @Test func whatAnEndedProcessLeavesOfAChangeOfRulesIsDoneAtTheStart() async throws {
        let metadata = InMemoryMetadataStore()
        func open(_ metadata: InMemoryMetadataStore) async throws -> RegionStore {
            try await RegionStore.open(
                region: Names.region, metadata: metadata, blobs: InMemoryBlobStore(), time: SteppingTime(),
                random: SeededRandom(1), planner: EveryRulePlanner())
        }
        let first = try await open(metadata)
        _ = try await first.createBucket(Names.bucket, owner: Names.owner)
        try await first.setVersioning(.enabled, bucket: Names.bucket)
        try await first.replicate(to: [Names.copy])
        try await first.put("a")
        // The rules are committed; the first transaction after that is not.
        let steps = Mutex(0)
        let committed = metadata.reopened { _ in
            try steps.withLock { steps in
                steps += 1
                if steps > 2 { throw StorageError.closed }
            }
        }
        let second = try await open(committed)
        let rules = [(id: "to-\(Names.copy)", Names.third), (id: "new", Names.copy)].map {
            ReplicationRule(id: $0.id, schema: .v2, destination: .init(bucket: $0.1))
        }
        await #expect(throws: StorageError.closed) {
            try await second.setReplication(ReplicationConfiguration(role: "r", rules: rules), bucket: Names.bucket)
        }
        #expect(try second.outbox(destination: Names.copy, after: 0, limit: 9).map(\.ruleID) == ["to-\(Names.copy)"])
        let third = try await open(committed.reopened())
        #expect(try third.outbox(destination: Names.copy, after: 0, limit: 9).map(\.ruleID) == ["new"])
        #expect(try third.failureSummaries().isEmpty)
    }

    @Test func aChangeOfRulesReadsOnlyWhatItMoves() async throws {
        let folder = try TestFolder()
        let region = try await TestRegion(.sqlite, folder: folder)
        let store = region.store
        for name in [Names.bucket, Names.third] {
            _ = try await store.createBucket(name, owner: Names.owner)
            try await store.setVersioning(.enabled, bucket: name)
            try await store.replicate(name, to: [Names.copy])
            try await store.put("a", bucket: name)
        }
        let database = try Connection(path: "\(folder.path)/metadata-\(Names.region).sqlite", mode: .readWrite)
        let other = try store.bucket(Names.third).id
        try database.execute("UPDATE outbox_totals SET destination = 'NO NAME' WHERE bucket = \(other)")
        try await store.replicate(to: [])
        #expect(try store.failureSummaries().map(\.versions) == [1])
        try await store.replicate(Names.third, to: [])
        try await store.close()
    }

    // MARK: Jobs

    /// A job's work is known as that when it has failed, whatever the reason, and whatever fails later.
    @Test(arguments: Backend.allCases)
    func failedWorkOfAJobIsRetriedAsSuch(backend: Backend) async throws {
        try await withRegion(backend, versioning: .enabled) { region in
            let store = region.store
            let put = try await store.put("a")
            try await store.replicate(to: [Names.copy])
            _ = try await store.enqueueExisting([put.reference], bucket: Names.bucket) { version, bucket in
                EveryRulePlanner().planForJob(version, in: bucket, at: Timestamp(milliseconds: 1)).map {
                    var entry = $0
                    entry.isForJob = true
                    return entry
                }
            }
            _ = try await store.setTags([], key: key("a"), version: nil, bucket: Names.bucket)
            for entry in try store.outbox(destination: Names.copy, after: 0, limit: 9) {
                try await store.fail(entry, reason: "DstBucketNotFound")
            }
            let failure = try #require(try store.failures(of: Names.bucket, limit: 9).first)
            #expect(failure.entry.isForJob && failure.entry.kind == .object)
            #expect(try store.replicationWork(on: put.reference, bucket: Names.bucket).map(\.isFailed) == [true])
            #expect(try await store.retryFailures(of: Names.bucket).retried == 1)
            let again = try store.outbox(destination: Names.copy, after: 0, limit: 9)
            #expect(again.map(\.isForJob) == [true] && again.map(\.kind) == [.object])
        }
    }

    // MARK: Retries that something overtakes

    /// Lets something happen between the reading and the writing of the next call.
    private final class Overtaken: MetadataStore {
        private let base: any MetadataStore
        private let first = Mutex<(@Sendable () async throws -> Void)?>(nil)

        init(_ base: any MetadataStore) { self.base = base }

        func next(_ body: @escaping @Sendable () async throws -> Void) { first.withLock { $0 = body } }
        func read<Result>(_ body: (any MetadataReader) throws -> Result) throws -> Result { try base.read(body) }
        func write<Result: Sendable>(
            _ body: @escaping @Sendable (any MetadataTransaction) throws -> Result
        ) async throws -> Result {
            try await first.withLock { $0.take() }?()
            return try await base.write(body)
        }
        func close() async throws {}
    }

    private func withFailure(
        _ backend: Backend, _ body: (TestRegion, RegionStore, Overtaken, ObjectVersion) async throws -> Void
    ) async throws {
        try await withRegion(backend, versioning: .enabled) { region in
            try await region.store.replicate(to: [Names.copy])
            let put = try await region.store.put("a")
            let entry = try #require(try region.store.outbox(destination: Names.copy, after: 0, limit: 9).first)
            try await region.store.fail(entry, reason: "DstBucketNotFound")
            let metadata = Overtaken(region.metadata)
            let late = try await RegionStore.open(
                region: Names.region, metadata: metadata, blobs: region.blobs, time: SteppingTime(),
                random: SeededRandom(2), planner: EveryRulePlanner())
            try await body(region, late, metadata, put)
        }
    }

    @Test(arguments: Backend.allCases)
    func whatIsRemovedBeforeItIsRetriedLeavesNoFailure(backend: Backend) async throws {
        try await withFailure(backend) { region, late, metadata, put in
            let store = region.store
            metadata.next { try await store.delete("a", version: put.versionID) }
            let outcome = try await late.retryFailures(of: Names.bucket)
            #expect(outcome == .init())
            #expect(try store.failureSummaries().isEmpty)
            #expect(try store.oldestReplicationWork() == nil)
        }
    }

    @Test(arguments: Backend.allCases)
    func twoRetriesAtOncePutTheWorkInOnce(backend: Backend) async throws {
        try await withFailure(backend) { region, late, metadata, _ in
            let store = region.store
            metadata.next { _ = try await store.retryFailures(of: Names.bucket) }
            let outcome = try await late.retryFailures(of: Names.bucket)
            #expect(outcome == .init())
            #expect(try store.outbox(destination: Names.copy, after: 0, limit: 9).count == 1)
        }
    }

    /// What was delivered while a change of rules was reading it is not sent again.
    @Test(arguments: Backend.allCases)
    func whatIsDeliveredBeforeItIsMovedIsNotSentAgain(backend: Backend) async throws {
        try await withFailure(backend) { region, late, metadata, _ in
            let store = region.store
            _ = try await store.retryFailures(of: Names.bucket)
            let entry = try #require(try store.outbox(destination: Names.copy, after: 0, limit: 9).first)
            var bucket = try store.bucket(Names.bucket)
            bucket.replication?.rules[0].id = "new"
            let changed = bucket
            try await region.metadata.write { try $0.update(bucket: changed) }
            metadata.next { try await store.complete([entry]) }
            try await late.dropOutbox(of: changed)
            #expect(try store.outboxSummaries().isEmpty)
            #expect(try store.object(key("a"), version: nil, bucket: Names.bucket).replication == .completed)
        }
    }

    @Test(arguments: Backend.allCases)
    func aDeletedBucketLeavesNoWorkBehind(backend: Backend) async throws {
        try await withRegion(backend, versioning: .enabled) { region in
            let bucket = try region.store.bucket(Names.bucket).id
            let entry = try Sample.entry(bucket, "gone", 1)
            let failed = try Sample.entry(bucket, "gone", 2)
            try await region.metadata.write { transaction in
                try transaction.insert(outbox: entry)
                try transaction.insert(
                    failure: ReplicationFailure(entry: failed, failed: Timestamp(milliseconds: 1)))
            }
            #expect(try region.store.oldestReplicationWork() != nil)
            // A retry removes what it finds of versions that are gone.
            #expect(try await region.store.retryFailures(of: Names.bucket) == .init())
            #expect(try region.store.failureSummaries().isEmpty)
            try await region.metadata.write {
                try $0.insert(failure: ReplicationFailure(entry: failed, failed: Timestamp(milliseconds: 1)))
            }
            try await region.store.deleteBucket(Names.bucket)
            #expect(try region.store.oldestReplicationWork() == nil)
            #expect(try region.store.outboxSummaries().isEmpty)
            #expect(try region.store.failureSummaries().isEmpty)
        }
    }
}
