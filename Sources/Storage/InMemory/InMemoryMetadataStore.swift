import S3Model
import Synchronization

/// Metadata in memory, for the seeded simulation and tests: deterministic, one transaction after another, with a hook at
/// each commit so that a process can be made to end there.
package final class InMemoryMetadataStore: MetadataStore {
    private let committed: Mutex<InMemoryTables>
    private let hook: StorageHook

    package convenience init(hook: @escaping StorageHook = { _ in }) { self.init(InMemoryTables(), hook: hook) }

    private init(_ tables: InMemoryTables, hook: @escaping StorageHook) {
        committed = Mutex(tables)
        self.hook = hook
    }

    /// What a new process finds after this one has ended: everything that was committed, and nothing else.
    package func reopened(hook: @escaping StorageHook = { _ in }) -> InMemoryMetadataStore {
        InMemoryMetadataStore(committed.withLock { $0 }, hook: hook)
    }

    package func read<Result>(_ body: (any MetadataReader) throws -> Result) throws -> Result {
        try body(InMemorySnapshot(tables: committed.withLock { $0 }))
    }

    package func write<Result: Sendable>(
        _ body: @escaping @Sendable (any MetadataTransaction) throws -> Result
    ) async throws -> Result {
        let result = try committed.withLock { tables in
            let transaction = InMemoryTransaction(tables)
            let result = try body(transaction)
            try hook(.commit)
            tables = transaction.tables
            return result
        }
        try hook(.committed)
        return result
    }

    package func close() async throws {}
}
