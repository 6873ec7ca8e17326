import S3Model
import Synchronization
import Testing

@testable import Storage

@Suite struct BucketSnapshotTests {
    /// Metadata in memory; within each read it first does something else.
    private final class InterruptedMetadataStore: MetadataStore {
        private let base = InMemoryMetadataStore()
        let interruption = Mutex<(@Sendable () -> Void)?>(nil)

        func read<Result>(_ body: (any MetadataReader) throws -> Result) throws -> Result {
            try base.read { reader in
                interruption.withLock { $0 }?()
                return try body(reader)
            }
        }

        func write<Result: Sendable>(
            _ body: @escaping @Sendable (any MetadataTransaction) throws -> Result
        ) async throws -> Result {
            try await base.write(body)
        }

        func close() async throws { try await base.close() }
    }

    /// Reading connections are few, and who has one asks for buckets: a refresh that waits for a connection must not keep
    /// them from that. With the snapshot's lock held, this test would end in a deadlock that the lock notices.
    @Test func bucketsAreThereWhileARefreshReads() async throws {
        let metadata = InterruptedMetadataStore()
        let store = try await RegionStore.open(
            region: Names.region, metadata: metadata, blobs: InMemoryBlobStore(), time: SteppingTime(),
            random: SeededRandom(1), planner: EveryRulePlanner())
        try await store.createBucket(Names.bucket, owner: Names.owner)
        let seen = Mutex<[Bool]>([])
        metadata.interruption.withLock {
            $0 = { [weak store] in seen.withLock { $0.append(store?.hasBucket(Names.bucket) == true) } }
        }
        try await store.createBucket(Names.copy, owner: Names.owner)
        #expect(seen.withLock { $0 } == [true])
        #expect(store.hasBucket(Names.copy))
    }
}
