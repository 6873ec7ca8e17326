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

extension StorageError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .corrupt(let detail): "stored data is damaged: \(detail)"
        case .diskFull: "the disk is full"
        case .io(let operation, let detail): "\(operation) failed: \(detail)"
        case .closed: "the store is closed"
        case .unusable(let detail): detail
        }
    }
}
