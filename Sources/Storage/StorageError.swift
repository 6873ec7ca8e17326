/// What can go wrong below the semantics of S3. Semantic refusals (no such key, precondition failed …) are `S3Error`s.
package enum StorageError: Error, Sendable, Equatable {
    /// Bytes on disk are not what was written. `detail` names the file or row and what differs.
    case corrupt(detail: String)
    /// The disk (or the database file's limit) is full; nothing was stored.
    case diskFull
    /// An operating-system or database call failed.
    case io(operation: String, detail: String)
    /// The store is shut down or was never opened.
    case closed
    /// The data folder belongs to something else, or to a newer version.
    case unusable(detail: String)
}
