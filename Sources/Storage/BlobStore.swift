package import NIOCore

/// The bytes of objects too large to live in the metadata store. Files in production, memory in the simulation.
package protocol BlobStore: Sendable {
    /// Starts a blob that no reader can see until ``BlobWriter/commit()``.
    func create() async throws -> any BlobWriter
    /// The bytes in `range`, each piece checked against the checksums written with it before it is handed out.
    /// With `waits`, every piece comes from another thread: for consumers that wait for nothing else, who would keep the
    /// event loop that they run on from all others for as long as the pieces are in memory.
    func reader(of blob: BlobID, range: Range<Int64>, waits: Bool) throws -> any ByteSource
    /// Removes blobs; those that are not there are passed over.
    func remove(_ blobs: [BlobID]) async throws
    /// After an unclean stop: blobs that may have been committed without a version that refers to them.
    func unconfirmed() async throws -> [BlobID]
    /// The unconfirmed ones have been looked at; from here on a clean stop leaves none.
    func confirmAll() async throws
    func close() async throws
}

extension BlobStore {
    /// For consumers that are held back by a socket or a disk.
    package func reader(of blob: BlobID, range: Range<Int64>) throws -> any ByteSource {
        try reader(of: blob, range: range, waits: false)
    }
}

/// One blob being written by one task.
package protocol BlobWriter: AnyObject, Sendable {
    /// Appends and lets `digest` see the bytes where they are hot (on the thread that writes them).
    func append(_ bytes: ByteBuffer, digest: ContentDigest?) async throws
    /// Makes the blob durable (file and folder synced) and visible. Throws `StorageError.diskFull` when that would take
    /// the last of the disk, which removals need.
    func commit() async throws -> BlobID
    func discard() async
}
