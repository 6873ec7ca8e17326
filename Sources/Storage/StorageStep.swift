/// A point at which a store is about to make something durable, or has just made it so. The in-memory stores announce
/// each to a hook that may throw, which is how the simulation ends a process between any two of them: what was durable
/// before the throw stays, the rest is lost.
package enum StorageStep: Sendable, Hashable {
    /// A metadata transaction is about to commit; a throw loses it.
    case commit
    /// A metadata transaction has committed; a throw loses only the answer.
    case committed
    /// A blob is about to become durable; a throw loses it.
    case commitBlob
    /// A blob is durable, and no version refers to it yet.
    case committedBlob
    /// One blob is about to be removed.
    case removeBlob
    /// One blob has been removed.
    case removedBlob
    /// The blobs without a reference have been looked at and are about to be confirmed.
    case confirmBlobs
}

/// Called before and after each durable step. To simulate the end of a process it must go on throwing once it has thrown.
package typealias StorageHook = @Sendable (StorageStep) throws -> Void
