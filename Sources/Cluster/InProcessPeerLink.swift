package import S3Model
package import Storage

/// A peer in the same process: its store is called directly. The sender's region does not matter here; the push carries
/// it.
package final class InProcessPeerLink: PeerLink {
    private let store: RegionStore
    package var region: RegionName { store.region }

    package init(_ store: RegionStore) { self.store = store }

    /// Throws ``PeerError`` and, when the task is cancelled, `CancellationError`.
    package func apply(_ push: ReplicaPush, body: (any ByteSource)?) async throws -> ApplyOutcome {
        do {
            return try await store.applyReplica(
                push.version, bucket: push.destination, body: body, creates: push.createsVersion)
        } catch let error as PeerError {
            // The body comes from the sender's side and may fail there.
            throw error
        } catch let error as CancellationError {
            throw error
        } catch {
            throw Self.peerError(for: error, at: store.region)
        }
    }

    /// Which refusals of the destination `region` are final (spec/mrap.md §15.13) and which may pass with time. Damage
    /// stays, and so do bytes that are not those of the version: sent again and again, they would hold up their key.
    package static func peerError(for error: any Error, at region: RegionName) -> PeerError {
        if case StorageError.corrupt(let detail) = error {
            return .refused(reason: "damaged in the destination region \(region): \(detail)")
        }
        if error as? ReplicaRefusal == .hasNullVersionOfItsOwn {
            return .refused(reason: "DstHasNullVersionOfItsOwn")
        }
        guard let refusal = error as? S3Error else { return .unavailable(reason: "\(error)") }
        switch refusal.code {
        case .noSuchBucket: return .refused(reason: "DstBucketNotFound")
        case .invalidRequest, .invalidBucketState: return .refused(reason: "DstBucketUnversioned")
        default: return .unavailable(reason: refusal.description)
        }
    }
}
