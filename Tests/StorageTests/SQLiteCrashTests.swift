import Foundation
import NIOCore
import S3Model
import SQLite
import Synchronization
import Testing

@testable import Storage

/// A process that ends at any moment leaves its files as they are; here they are copied as they are. What was
/// acknowledged before the copy is in it.
@Suite struct SQLiteCrashTests {
    private final class Numbers: Sendable {
        let all = Mutex<Set<Int>>([])
    }

    private func copy(_ path: String, to target: String) throws {
        for suffix in ["", "-wal"] {
            let data = try Data(contentsOf: URL(fileURLWithPath: path + suffix))
            try data.write(to: URL(fileURLWithPath: target + suffix))
        }
    }

    private func integrity(_ store: SQLiteMetadataStore) throws -> String {
        try store.read { reader in
            try #require(reader as? SQLiteSession).connection.pragma("integrity_check")
        }
    }

    @Test func whatWasAcknowledgedIsThereAfterAnUncleanEnd() async throws {
        try await withMetadataFolder { folder in
            let path = "\(folder)/m.db"
            // No checkpoints meanwhile: the copy of the two files is not one moment.
            let store = try SQLiteMetadataStore.open(path: path, checkpointPages: 1_000_000)
            let acknowledged = Numbers()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in 0..<8 {
                    group.addTask {
                        for round in 0..<40 {
                            let number = writer * 1000 + round
                            let version = try Sample.object("k\(number)", number + 1, data: Sample.blobs("b\(number)"))
                            try await store.write { try $0.insert(version: version, bucket: 1) }
                            _ = acknowledged.all.withLock { $0.insert(number) }
                        }
                    }
                }
                for moment in 0..<6 {
                    // Some time passes: as long as it takes to acknowledge some more.
                    while acknowledged.all.withLock({ $0.count }) < moment * 50 { await Task.yield() }
                    let before = acknowledged.all.withLock { $0 }
                    let target = "\(folder)/copy\(moment).db"
                    try copy(path, to: target)
                    let survivor = try SQLiteMetadataStore.open(path: target)
                    let found = Set(try currentKeys(survivor))
                    #expect(before.allSatisfy { found.contains("k\($0)@\($0 + 1)") })
                    for number in before {
                        #expect(try survivor.read { try $0.isReferenced(blob: BlobID("b\(number)")) })
                    }
                    #expect(try integrity(survivor) == "ok")
                    try await survivor.close()
                }
                try await group.waitForAll()
            }
            try await store.close()
        }
    }

    /// Also across checkpoints, when nothing is being written during the copy.
    @Test func whatWasCheckpointedIsThereAfterAnUncleanEnd() async throws {
        try await withMetadataFolder { folder in
            let path = "\(folder)/m.db"
            let store = try SQLiteMetadataStore.open(path: path, checkpointPages: 20)
            var expected: [String] = []
            for number in 0..<120 {
                let version = try Sample.object("k\(1000 + number)", number + 1)
                try await store.write { try $0.insert(version: version, bucket: 1) }
                expected.append("k\(1000 + number)@\(number + 1)")
                guard number % 13 == 0 else { continue }
                // A second write returns only after the checkpoint that the first may have started.
                try await store.write { _ in }
                let target = "\(folder)/copy\(number).db"
                try copy(path, to: target)
                let survivor = try SQLiteMetadataStore.open(path: target)
                #expect(try currentKeys(survivor) == expected)
                try await survivor.close()
            }
            try await store.close()
        }
    }

    /// A log torn anywhere holds a prefix of the commits: whole ones, in order.
    @Test func aTornLogHoldsAPrefixOfTheCommits() async throws {
        try await withMetadataFolder { folder in
            let path = "\(folder)/m.db"
            let store = try SQLiteMetadataStore.open(path: path, checkpointPages: 1_000_000)
            var logAfter: [Int] = []
            for number in 0..<30 {
                let pair = [
                    try Sample.object("a\(1000 + number)", number + 1), try Sample.object("b\(1000 + number)", 1),
                ]
                try await store.write { transaction in
                    for version in pair { try transaction.insert(version: version, bucket: 1) }
                }
                logAfter.append(try Data(contentsOf: URL(fileURLWithPath: path + "-wal")).count)
            }
            let log = try Data(contentsOf: URL(fileURLWithPath: path + "-wal"))
            var random = SampleRandom(seed: 11)
            for round in 0..<25 {
                let target = "\(folder)/torn\(round).db"
                try FileManager.default.copyItem(atPath: path, toPath: target)
                let length = Int.random(in: (logAfter.first ?? 0)...log.count, using: &random)
                try log.prefix(length).write(to: URL(fileURLWithPath: target + "-wal"))
                let survivor = try SQLiteMetadataStore.open(path: target)
                let found = try currentKeys(survivor)
                let commits = logAfter.count { $0 <= length }
                #expect(found.count == 2 * commits)
                #expect(found.prefix(commits).last == "a\(999 + commits)@\(commits)")
                try await survivor.close()
            }
            try await store.close()
        }
    }
}
