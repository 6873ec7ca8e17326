import Foundation
import Storage
import Testing

/// Makes one kind of ``MetadataStore``; the contract suites run over every one in ``all``.
struct MetadataStoreFactory: Sendable, CustomTestStringConvertible {
    let name: String
    /// Makes an empty store. The folder is its own and is removed afterwards.
    let make: @Sendable (_ folder: String) throws -> any MetadataStore

    var testDescription: String { name }

    static let all: [MetadataStoreFactory] = [.sqlite]

    static let sqlite = MetadataStoreFactory(name: "SQLite") { folder in
        try SQLiteMetadataStore.open(path: "\(folder)/metadata.db")
    }

    /// Runs `body` with an empty store, which is closed afterwards.
    func withStore(_ body: (any MetadataStore) async throws -> Void) async throws {
        try await withMetadataFolder { folder in
            let store = try make(folder)
            do {
                try await body(store)
            } catch {
                try await store.close()
                throw error
            }
            try await store.close()
        }
    }
}

/// A folder that is gone after `body`.
func withMetadataFolder(_ body: (String) async throws -> Void) async throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("meridian-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try await body(folder.path)
}
