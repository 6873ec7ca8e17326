import Cluster
import NIOCore
package import S3Model
package import Storage
import Synchronization

/// Takes versions that other regions bring (call `apply`) into the regions of this process.
package struct ApplyService: PeerService {
    package static let name = ApplyCall.name
    private let regions: [RegionName: RegionStore]

    package init(regions: [RegionName: RegionStore]) { self.regions = regions }

    package func answer(_ call: PeerMessage) async throws -> PeerMessage {
        switch try ApplyCall(call.head) {
        case .probe: return PeerMessage(head: ApplyAnswer.awake.encoded())
        case .push(let push, let region, let body):
            let answer = try await apply(push, to: region, body, of: call)
            return PeerMessage(head: answer.encoded())
        }
    }

    private func apply(
        _ push: ReplicaPush, to region: RegionName, _ body: ApplyCall.Body,
        of call: PeerMessage
    ) async throws -> ApplyAnswer {
        guard let store = regions[region] else {
            return .unavailable(reason: "the region \(region) is not in this process")
        }
        let source: (any ByteSource)? =
            switch body {
            case .none: nil
            case .whole: call.content?.source
            case .from(let offset): AnnouncedSource(call, startingAt: offset)
            }
        do {
            return .done(
                try await store.applyReplica(
                    push.version, bucket: push.destination, body: source, creates: push.createsVersion))
        } catch let error as CancellationError {
            throw error
        } catch let missing as S3Error where missing.code == .noSuchVersion && source == nil {
            return .wantsBytes(from: try store.arrivedBytes(of: push.version, bucket: push.destination))
        } catch {
            switch (error as? PeerError) ?? InProcessPeerLink.peerError(for: error, at: region) {
            case .unavailable(let reason): return .unavailable(reason: reason)
            case .refused(let reason): return .refused(reason: reason)
            }
        }
    }
}

/// The bytes of a version from an offset on that was agreed upon before. When the store wants others by now, since another
/// delivery has brought some meanwhile, this delivery has to be made again.
private final class AnnouncedSource: ResumableSource {
    private let call: PeerMessage
    private let announced: Int64
    private let wanted = Atomic<Int64>(0)

    init(_ call: PeerMessage, startingAt offset: Int64) {
        self.call = call
        announced = offset
    }

    func resume(at offset: Int64) { wanted.store(offset, ordering: .relaxed) }

    func noteProgress() { call.noteProgress() }

    func next() async throws -> ByteBuffer? {
        let wanted = wanted.load(ordering: .relaxed)
        guard wanted == announced else {
            throw PeerError.unavailable(
                reason: "bytes from \(announced) on came, those from \(wanted) on are wanted now")
        }
        return try await call.content?.source.next()
    }
}
