import Foundation
import NIOCore
import S3Model
import SQLite
import Testing

@testable import Storage

/// What is SQLite's own: files, formats, group commit, limits and threads.
@Suite struct SQLiteMetadataStoreTests {
    // MARK: Files and formats

    @Test func aClosedStoreOpensAgainWithEverything() async throws {
        try await withMetadataFolder { folder in
            let path = "\(folder)/m.db"
            let first = try SQLiteMetadataStore.open(path: path)
            let version = try Sample.object("k", 5)
            try await first.write { try $0.insert(version: version, bucket: 1) }
            try await first.close()
            #expect(!FileManager.default.fileExists(atPath: path + "-wal"), "a clean close leaves one file")
            await #expect(throws: StorageError.closed) {
                try await first.write { try $0.insert(version: version, bucket: 1) }
            }
            #expect(throws: StorageError.closed) { try first.read { try $0.clockHighWater() } }
            try await first.close()

            let second = try SQLiteMetadataStore.open(path: path)
            #expect(try currentKeys(second) == ["k@5"])
            #expect(try second.read { try $0.clockHighWater() } == Sample.stamp(5))
            try await second.close()
        }
    }

    @Test(arguments: [
        "CREATE TABLE someone_elses (x)", "PRAGMA application_id = 42; CREATE TABLE t (x)", "PRAGMA user_version = 3",
        "PRAGMA application_id = \(SQLiteSchema.applicationID); PRAGMA user_version = 1000000",
    ])
    func foreignAndNewerFilesAreRefusedAndLeftAlone(_ sql: String) async throws {
        try await withMetadataFolder { folder in
            let path = "\(folder)/m.db"
            try Connection(path: path, mode: .readWrite).execute(sql)
            let before = try Data(contentsOf: URL(fileURLWithPath: path))
            let error = #expect(throws: StorageError.self) { try SQLiteMetadataStore.open(path: path) }
            guard case .unusable(let detail)? = error else {
                Issue.record("\(String(describing: error)) is not unusable")
                return
            }
            #expect(detail.contains(path))
            #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == before)
        }
    }

    @Test func aFileThatIsNoDatabaseIsRefused() async throws {
        try await withMetadataFolder { folder in
            let path = "\(folder)/m.db"
            try Data("This is a letter, not a database. It only lies in the wrong place.".utf8)
                .write(to: URL(fileURLWithPath: path))
            #expect(throws: StorageError.unusable(detail: "\(path) is not a SQLite database")) {
                try SQLiteMetadataStore.open(path: path)
            }
        }
    }

    /// A file of format 1 as the first release wrote it. Later formats must read it, so this text never changes.
    @Test func aFileOfFormat1Opens() async throws {
        try await withMetadataFolder { folder in
            let path = "\(folder)/m.db"
            try Connection(path: path, mode: .readWrite).execute(SQLiteFormat1.dump)
            let store = try SQLiteMetadataStore.open(path: path)
            try store.read { reader in
                let bucket = try #require(try reader.bucket(named: Sample.name("photos")))
                #expect(bucket.versioning == .enabled)
                #expect(try reader.newestVersion(bucket: bucket.id, key: Sample.key("kept"))?.object?.size == 3)
                #expect(try reader.inlineData(id: 1) == ByteBuffer(string: "abc"))
                #expect(try reader.isReferenced(blob: BlobID("blob-1")))
                #expect(try reader.parts(upload: "r.1", after: 0, limit: 9).count == 1)
                #expect(try reader.outboxSummaries().map(\.pendingBytes) == [10])
                #expect(try reader.clockHighWater() == Sample.stamp(20))
                #expect(try reader.upload(id: "r.1")?.key.rawValue == "big")
            }
            #expect(try allVersions(store) == ["gone@20!", "gone@10", "kept@11"])
            try await store.close()
        }
    }

    @Test func damagedRecordsAreNamed() async throws {
        try await withMetadataFolder { folder in
            let path = "\(folder)/m.db"
            let store = try SQLiteMetadataStore.open(path: path)
            let version = try Sample.object("k", 5)
            try await store.write { try $0.insert(version: version, bucket: 1) }
            try Connection(path: path, mode: .readWrite).execute("UPDATE current_objects SET record = x'01FF'")
            let error = #expect(throws: StorageError.self) {
                try store.read { try $0.newestVersion(bucket: 1, key: version.key) }
            }
            guard case .corrupt(let detail)? = error else {
                Issue.record("\(String(describing: error)) is not corrupt")
                return
            }
            #expect(detail.contains("\"k\""))
            try await store.close()
        }
    }

    // MARK: Writing

    /// Requests that wait while the thread is busy share a commit; one that throws takes nothing of the others with it.
    @Test func aBatchIsOneTransactionAndFailuresStayAlone() async throws {
        try await withMetadataFolder { folder in
            let store = try SQLiteMetadataStore.open(path: "\(folder)/m.db")
            let versions = try (0..<100).map { try Sample.object("k\($0)", $0 + 1) }
            let gate = DispatchSemaphore(value: 0)
            let outcomes = try await withThrowingTaskGroup(of: Bool.self) { group in
                group.addTask {
                    try await store.write { _ in gate.wait() }
                    return true
                }
                for (number, version) in versions.enumerated() {
                    group.addTask {
                        do {
                            try await store.write { transaction in
                                try transaction.insert(version: version, bucket: 1)
                                if number % 3 == 0 { throw StorageError.io(operation: "test", detail: "\(number)") }
                            }
                            return true
                        } catch StorageError.io(_, let detail) {
                            #expect(detail == "\(number)")
                            return false
                        }
                    }
                }
                gate.signal()
                return try await group.reduce(into: [Bool]()) { $0.append($1) }
            }
            #expect(outcomes.count { !$0 } == 34)
            #expect(try currentKeys(store).count == 66)
            try await store.close()
        }
    }

    @Test func tooManyWaitingWritesAreToldToSlowDown() async throws {
        try await withMetadataFolder { folder in
            let store = try SQLiteMetadataStore.open(path: "\(folder)/m.db", queueLimit: 5)
            let started = DispatchSemaphore(value: 0)
            let gate = DispatchSemaphore(value: 0)
            let refusals = await withTaskGroup(of: S3ErrorCode?.self) { group in
                group.addTask {
                    try? await store.write { _ in
                        started.signal()
                        gate.wait()
                    }
                    return nil
                }
                await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
                    Thread.detachNewThread {
                        started.wait()
                        continuation.resume()
                    }
                }
                for _ in 0..<20 {
                    group.addTask {
                        do {
                            try await store.write { _ in }
                            return nil
                        } catch {
                            return (error as? S3Error)?.code
                        }
                    }
                }
                // Fifteen find the queue full, whatever their order; then the rest may go.
                var refused: [S3ErrorCode] = []
                while refused.count < 15, let outcome = await group.next() {
                    if let outcome { refused.append(outcome) }
                }
                gate.signal()
                for await outcome in group { if let outcome { refused.append(outcome) } }
                return refused
            }
            #expect(refusals == Array(repeating: .slowDown, count: 15))
            try await store.close()
        }
    }

    /// A full disk ends the transaction inside SQLite: everybody in it is told, nothing is stored, the store goes on.
    @Test func aFullDiskIsSaidAndSurvived() async throws {
        try await withMetadataFolder { folder in
            let store = try SQLiteMetadataStore.open(path: "\(folder)/m.db")
            let before = try Sample.object("before", 1)
            let during = try Sample.object("during", 2)
            try await store.write { try $0.insert(version: before, bucket: 1) }
            await #expect(throws: StorageError.diskFull) {
                try await store.write { transaction in
                    let session = try #require(transaction as? SQLiteSession)
                    try transaction.insert(version: during, bucket: 1)
                    let pages = try session.connection.pragma("page_count")
                    try session.connection.pragma("max_page_count = \(pages)")
                    defer { _ = try? session.connection.pragma("max_page_count = 1000000") }
                    _ = try transaction.insertInlineData(ByteBuffer(repeating: 1, count: 1_000_000))
                }
            }
            #expect(try currentKeys(store) == ["before@1"])
            try await store.write { try $0.insert(version: during, bucket: 1) }
            #expect(try currentKeys(store) == ["before@1", "during@2"])
            try await store.close()
        }
    }

    @Test func theLogStaysShort() async throws {
        try await withMetadataFolder { folder in
            let path = "\(folder)/m.db"
            let store = try SQLiteMetadataStore.open(path: path, checkpointPages: 50)
            for number in 0..<200 {
                let version = try Sample.object("k\(number)", number + 1)
                try await store.write { transaction in
                    _ = try transaction.insertInlineData(ByteBuffer(repeating: 1, count: 30_000))
                    try transaction.insert(version: version, bucket: 1)
                }
            }
            let size = try #require(try FileManager.default.attributesOfItem(atPath: path + "-wal")[.size] as? Int)
            #expect(size < 200 * 4096, "200 writes of 30 kB went through a log that never passed 800 kB")
            try await store.close()
        }
    }

    // MARK: Reading

    /// More threads than connections, each reading inside a read: nobody waits for himself.
    @Test func nestedReadsOfManyThreadsEnd() async throws {
        try await withMetadataFolder { folder in
            let store = try SQLiteMetadataStore.open(path: "\(folder)/m.db", readers: 1, maximumReaders: 2)
            let version = try Sample.object("k", 1)
            try await store.write { try $0.insert(version: version, bucket: 1) }
            let found = await withTaskGroup(of: Int.self) { group in
                for _ in 0..<16 {
                    group.addTask {
                        await withCheckedContinuation { (continuation: CheckedContinuation<Int, Never>) in
                            Thread.detachNewThread {
                                let all = (0..<50).map { _ in
                                    try? store.read { _ in try store.read { _ in try currentKeys(store) } }
                                }
                                continuation.resume(returning: all.count { $0 == ["k@1"] })
                            }
                        }
                    }
                }
                return await group.reduce(0, +)
            }
            #expect(found == 800)
            try await store.close()
        }
    }

    @Test func aReadSeesOneMoment() async throws {
        try await withMetadataFolder { folder in
            let store = try SQLiteMetadataStore.open(path: "\(folder)/m.db")
            let first = try Sample.object("a", 1)
            let second = try Sample.object("b", 2)
            try await store.write { try $0.insert(version: first, bucket: 1) }
            let written = DispatchSemaphore(value: 0)
            let begun = DispatchSemaphore(value: 0)
            async let seen: [[ObjectKey?]] = withCheckedThrowingContinuation { continuation in
                Thread.detachNewThread {
                    continuation.resume(
                        with: Result {
                            try store.read { reader in
                                func look() throws -> [ObjectKey?] {
                                    [
                                        try reader.newestVersion(bucket: 1, key: first.key)?.key,
                                        try reader.newestVersion(bucket: 1, key: second.key)?.key,
                                    ]
                                }
                                let before = try look()
                                begun.signal()
                                written.wait()
                                return [before, try look()]
                            }
                        })
                }
            }
            await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
                Thread.detachNewThread {
                    begun.wait()
                    continuation.resume()
                }
            }
            try await store.write { try $0.insert(version: second, bucket: 1) }
            written.signal()
            let looks = try await seen
            #expect(looks == [[first.key, nil], [first.key, nil]])
            #expect(try currentKeys(store) == ["a@1", "b@2"])
            try await store.close()
        }
    }
}
