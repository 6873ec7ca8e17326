package import Environment
import S3Model

/// Blobs as plain files, durable when committed and checked block by block when read. ``BlobFolder`` has the layout,
/// ``BlobFooter`` the format of a file.
package final class FileBlobStore: BlobStore {
    private let folder: BlobFolder
    private let pool: BlockingPool
    private let random: any RandomSource

    /// Opens or makes the folder at `path`. Throws `StorageError.unusable` when it belongs to something else, to a newer
    /// version or to a running process. `threads` is how many blocking calls may run at once.
    package static func open(_ path: String, threads: Int, random: any RandomSource) async throws -> FileBlobStore {
        let pool = BlockingPool(threads: threads)
        do {
            let folder = try await pool.run { try BlobFolder(path) }
            return FileBlobStore(folder, pool, random)
        } catch {
            try? await pool.shutDown()
            throw error
        }
    }

    private init(_ folder: BlobFolder, _ pool: BlockingPool, _ random: any RandomSource) {
        self.folder = folder
        self.pool = pool
        self.random = random
    }

    package func create() async throws -> any BlobWriter {
        FileBlobWriter(id: Hex.encode(random.bytes(16)), folder: folder, pool: pool)
    }

    package func reader(of blob: BlobID, range: Range<Int64>, waits: Bool) throws -> any ByteSource {
        FileBlobReader(path: try folder.place(of: blob).file, range: range, pool: pool, waits: waits)
    }

    package func remove(_ blobs: [BlobID]) async throws {
        guard !blobs.isEmpty else { return }
        try await pool.run { [folder] in try folder.remove(blobs) }
    }

    package func unconfirmed() async throws -> [BlobID] {
        try await pool.run { [folder] in try folder.unconfirmed() }
    }

    package func confirmAll() async throws { try await pool.run { [folder] in try folder.confirmEarlier() } }

    /// Marks this process's blobs as confirmed and ends the threads. Without it the next start looks at them.
    package func close() async throws {
        try await pool.run { [folder] in try folder.confirmCurrent() }
        try await pool.shutDown()
        folder.release()
    }

    /// Ends the threads and marks nothing, as a crash does; for tests.
    func abandon() async {
        try? await pool.shutDown()
        folder.release()
    }
}
