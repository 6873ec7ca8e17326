import Foundation
import SQLite
import Storage
import Testing

@testable import Cluster

@Suite struct EmbeddedControlStoreTests {
    @Test func whatWasCommittedIsThereAfterReopening() async throws {
        try await withScratchFolder { folder in
            let path = folder + "/control.sqlite"
            let first = try await EmbeddedControlStore.open(path: path)
            var transaction = ControlTransaction()
            transaction.writes = [.put(key: "a", value: [7])]
            let revision = try await first.commit(transaction)
            try await first.close()
            await #expect(throws: ControlStoreError.self) { _ = try await first.record("a") }

            let second = try await EmbeddedControlStore.open(path: path)
            #expect(try await second.record("a") == ControlRecord(key: "a", value: [7], revision: revision))
            #expect(try await second.changed(after: revision - 1) == revision, "revisions go on where they were")
            #expect(try await second.commit(transaction) == revision + 1)
            try await second.close()
            try await second.close()
        }
    }

    @Test func aSecondProcessIsKeptOut() async throws {
        try await withScratchFolder { folder in
            let path = folder + "/control.sqlite"
            let first = try await EmbeddedControlStore.open(path: path)
            await #expect(throws: StorageError.unusable(detail: "\(path) is in use by another process")) {
                _ = try await EmbeddedControlStore.open(path: path)
            }
            try await first.close()
            try await EmbeddedControlStore.open(path: path).close()
        }
    }

    @Test func foreignNewerAndBrokenFilesAreRefused() async throws {
        try await withScratchFolder { folder in
            let foreign = folder + "/foreign.sqlite"
            try Connection(path: foreign, mode: .readWrite).execute("CREATE TABLE t (x)")
            let newer = folder + "/newer.sqlite"
            try Connection(path: newer, mode: .readWrite).execute(
                "PRAGMA application_id = \(ControlDatabase.applicationID); PRAGMA user_version = 99")
            let text = folder + "/text.sqlite"
            try Data(String(repeating: "not a database ", count: 100).utf8).write(to: URL(filePath: text))
            for path in [foreign, newer, text] {
                let error = await #expect(throws: StorageError.self) {
                    _ = try await EmbeddedControlStore.open(path: path)
                }
                guard case .unusable? = error else {
                    Issue.record("\(path): \(String(describing: error))")
                    continue
                }
            }
        }
    }

    @Test func aMissingFolderIsAnErrorNotACrash() async throws {
        await #expect(throws: StorageError.self) {
            _ = try await EmbeddedControlStore.open(path: "/nonexistent-folder/control.sqlite")
        }
    }
}
