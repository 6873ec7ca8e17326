import Foundation
import S3Model
import SQLite
import Synchronization
import Testing

@testable import Storage

/// SQLite's digests are gathered for a batch of transactions and written before its commit: whatever is kept, undone or
/// lost in it, they are those of the rows.
@Suite struct DigestBatchTests {
    private static func recomputed(_ reader: any MetadataReader, _ bucket: Int64) throws -> DigestTable {
        var table = DigestTable()
        try reader.scanVersions(bucket: bucket, from: ([], nil)) { version in
            table.insert(version)
            return .next
        }
        return table
    }

    /// Versions that come, change and go in one transaction; the digests inside it are right at every step.
    private static func act(_ transaction: any MetadataTransaction, _ random: SeededRandom) throws {
        let bucket = Int64(1 + random.below(3))
        for _ in 0...random.below(3) {
            let version = try Sample.object("k\(random.below(20))", 1 + random.below(4))
            switch random.below(5) {
            case 0: try transaction.delete(version: version, bucket: bucket)
            case 1:
                var changed = version
                changed.modified = Timestamp(milliseconds: Int64(random.below(5)))
                try transaction.update(version: changed, bucket: bucket)
            case 2:
                let marker = try Sample.marker(version.key.rawValue, 1 + random.below(4))
                try transaction.insert(version: marker, bucket: bucket)
            default: try transaction.insert(version: version, bucket: bucket)
            }
            guard random.below(4) == 0 else { continue }
            #expect(try transaction.digests(bucket: bucket) == recomputed(transaction, bucket))
        }
        if random.below(8) == 0 {
            // Its versions go first, as a bucket's must.
            for version in try versions(transaction, bucket) {
                try transaction.delete(version: version, bucket: bucket)
            }
            try (transaction as? SQLiteSession)?.deleteDigests(bucket: bucket)
            #expect(try transaction.digests(bucket: bucket) == DigestTable())
            // Ids never come again: what would be written to it later in the batch must not be, so this is undone.
            throw Undone()
        }
        if random.below(3) == 0 { throw Undone() }
    }

    private struct Undone: Error {}

    private static func versions(_ reader: any MetadataReader, _ bucket: Int64) throws -> [ObjectVersion] {
        var found: [ObjectVersion] = []
        try reader.scanVersions(bucket: bucket, from: ([], nil)) { version in
            found.append(version)
            return .next
        }
        return found
    }

    private final class Arrivals: Sendable {
        private let count = Atomic<Int>(0)

        func next() -> Int { count.add(1, ordering: .relaxed).newValue }
    }

    /// Runs `bodies` as one batch, or a few. Returns how many were undone.
    private static func runTogether(
        _ store: SQLiteMetadataStore, _ bodies: [@Sendable (any MetadataTransaction) throws -> Void]
    ) async -> Int {
        let gate = DispatchSemaphore(value: 0)
        let arrivals = Arrivals()
        return await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                // Holds the writing thread until the others are, or are about to be, in its queue.
                try? await store.write { _ in gate.wait() }
                return true
            }
            for body in bodies {
                group.addTask {
                    if arrivals.next() == bodies.count { gate.signal() }
                    do {
                        try await store.write(body)
                        return true
                    } catch {
                        return false
                    }
                }
            }
            return await group.reduce(into: 0) { if !$1 { $0 += 1 } }
        }
    }

    @Test(arguments: 0..<6) func digestsAreThoseOfWhatWasKept(seed: UInt64) async throws {
        try await withMetadataFolder { folder in
            let path = "\(folder)/m.db"
            var store = try SQLiteMetadataStore.open(path: path)
            let random = SeededRandom(seed)
            var undone = 0
            for round in 0..<12 {
                undone += await Self.runTogether(
                    store, (0..<30).map { _ in { try Self.act($0, random) } })
                for bucket in Int64(1)...3 {
                    let (kept, expected) = try store.read {
                        (try $0.digests(bucket: bucket), try Self.recomputed($0, bucket))
                    }
                    #expect(kept == expected, "bucket \(bucket) after round \(round)")
                }
                guard round % 5 == 4 else { continue }
                try await store.close()
                store = try SQLiteMetadataStore.open(path: path)
            }
            #expect(undone > 50)
            #expect(try store.read { try $0.digests(bucket: 1).root.versions } > 0)
            try await store.close()
        }
    }

    /// A transaction that ends the whole batch takes the digests of all of it along.
    @Test func aLostBatchLeavesNothing() async throws {
        try await withMetadataFolder { folder in
            let store = try SQLiteMetadataStore.open(path: "\(folder)/m.db")
            let first = try Sample.object("a", 1)
            let second = try Sample.object("b", 2)
            try await store.write { try $0.insert(version: first, bucket: 1) }
            let before = try store.read { try $0.digests(bucket: 1) }
            let lost = await Self.runTogether(
                store,
                [
                    { try $0.insert(version: second, bucket: 1) },
                    { transaction in
                        try transaction.delete(version: first, bucket: 1)
                        try (transaction as? SQLiteSession)?.connection.execute("ROLLBACK")
                    },
                ])
            #expect(lost >= 1)
            let after = try store.read { (try $0.digests(bucket: 1), try Self.recomputed($0, 1)) }
            #expect(after.0 == after.1 && after.0.root.versions >= before.root.versions)
            try await store.write { try $0.delete(version: first, bucket: 1) }
            let last = try store.read { (try $0.digests(bucket: 1), try Self.recomputed($0, 1)) }
            #expect(last.0 == last.1)
            try await store.close()
        }
    }

    /// A damaged record stops the writes to its bucket and nobody else's in the batch.
    @Test func aDamagedRecordStopsItsBucketOnly() async throws {
        try await withMetadataFolder { folder in
            let path = "\(folder)/m.db"
            let first = try SQLiteMetadataStore.open(path: path)
            let version = try Sample.object("a", 1)
            try await first.write { try $0.insert(version: version, bucket: 1) }
            try await first.close()
            try Connection(path: path, mode: .readWrite).execute("UPDATE bucket_digests SET record = x'0102'")
            let store = try SQLiteMetadataStore.open(path: path)
            let later = try Sample.object("a", 2)
            let refused = await Self.runTogether(
                store,
                [{ try $0.insert(version: later, bucket: 1) }, { try $0.insert(version: later, bucket: 2) }])
            #expect(refused == 1)
            #expect(try store.read { try $0.digests(bucket: 2).root.versions } == 1)
            #expect(throws: StorageError.self) { try store.read { try $0.digests(bucket: 1) } }
            try await store.close()
        }
    }

    @Test func recordsAreTheTreesTheyWereMadeOf() {
        let random = SeededRandom(3)
        for _ in 0..<50 {
            var table = DigestTable()
            for slot in 0..<DigestTable.slotCount where random.below(2) == 0 {
                let digest = Digest128(high: random.next(), low: random.next())
                table.set(DigestTable.Node(digest: digest, versions: Int64(random.below(1 << 40))), slot: slot)
            }
            let record = DigestRecord(table)
            #expect(record.table == table)
            #expect(record.bytes.withUnsafeBytes { DigestRecord($0) } == record)
            #expect(record.bytes.count < 4_061, "a row fits into one page of SQLite")
            for length in [0, 1, record.bytes.count - 1] {
                #expect(record.bytes.prefix(length).withUnsafeBytes { DigestRecord($0) } == nil)
            }
            var newer = record.bytes
            newer[0] = 2
            #expect(newer.withUnsafeBytes { DigestRecord($0) } == nil)
        }
    }
}
