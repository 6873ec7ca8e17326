import S3Model
import Synchronization

extension RegionStore {
    /// How many blobs one call of ``collectGarbage()`` removes at most.
    package static let garbageBatch = 256

    /// Removes the files of blobs whose last reference is gone, at most ``garbageBatch``, and returns how many it removed.
    /// To be called again and again in the background; a result of ``garbageBatch`` means that more is waiting.
    package func collectGarbage() async throws -> Int {
        try await collectDoubtful()
        let limit = Self.garbageBatch + leases.count
        let candidates = try metadata.read { try $0.garbage(limit: limit) }
        let removable = candidates.lazy.filter { !self.leases.isLeased($0) }.prefix(Self.garbageBatch)
        let batch = Array(removable)
        guard !batch.isEmpty else { return 0 }
        // Files first: after a crash in between, the rows are still there and removing again does no harm.
        try await blobs.remove(batch)
        try await metadata.write { try $0.delete(garbage: batch) }
        return batch.count
    }

    /// Tries again to give back the blobs of failed requests.
    func collectDoubtful() async throws {
        let ids = doubtful.withLock { $0.takeAll() }
        guard !ids.isEmpty else { return }
        do {
            try await removeUnreferenced(ids)
        } catch {
            doubtful.withLock { $0.add(ids) }
            throw error
        }
    }

    /// Removes those of `ids` that no version or part refers to. A commit whose outcome was unknown may have stored a
    /// reference; what it dropped again is in the garbage list and not removed here.
    func removeUnreferenced(_ ids: [BlobID]) async throws {
        let orphans = try metadata.read { reader in try ids.filter { try !reader.isReferenced(blob: $0) } }
        if !orphans.isEmpty { try await blobs.remove(orphans) }
    }

    /// At the start: removes all garbage and the blobs that an unclean end left without a version.
    func removeOrphans() async throws {
        while try await collectGarbage() > 0 {}
        let unconfirmed = try await blobs.unconfirmed()
        var start = 0
        while start < unconfirmed.count {
            let end = min(unconfirmed.count, start + Self.garbageBatch)
            try await removeUnreferenced(Array(unconfirmed[start..<end]))
            start = end
        }
        try await blobs.confirmAll()
    }
}
