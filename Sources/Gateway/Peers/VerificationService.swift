package import Replication
package import S3Model
import Storage

/// Answers what ``RemoteRegion`` asks of the regions of this process (call `verification`). Never asks another process.
package struct VerificationService: PeerService {
    package static let call = "verification"

    private let regions: [RegionName: any VerifiedRegion]

    package init(regions: [RegionName: any VerifiedRegion]) { self.regions = regions }

    package func answer(_ call: PeerMessage) async throws -> PeerMessage {
        guard let asked = VerificationCall(decoding: call.head) else {
            throw S3Error(.invalidRequest, "This is no question of 'verification' that this process understands.")
        }
        guard let region = regions[asked.region] else {
            throw S3Error(.serviceUnavailable, "The region \(asked.region) is not in this process.")
        }
        return PeerMessage(head: try await Self.answer(asked, region))
    }

    private static func answer(_ asked: VerificationCall, _ region: any VerifiedRegion) async throws -> [UInt8] {
        let bucket = asked.bucket
        return switch asked.question {
        case .bucket: VerificationAnswer.encode(try await region.bucket(bucket))
        case .digests: VerificationAnswer.encode(try await region.digests(of: bucket))
        case .fingerprints(let slots, let after, let limit):
            VerificationAnswer.encode(
                try await region.fingerprints(of: bucket, slots: slots, after: after, visiting: limit))
        case .standings(let positions):
            VerificationAnswer.encode(try await region.standings(of: positions, bucket: bucket))
        case .counterparts(let positions):
            VerificationAnswer.encode(try await region.counterparts(of: positions, bucket: bucket))
        case .requeue(let position, let kind, let destination, let renews):
            VerificationAnswer.encode(
                wasRequeued: try await region.requeue(
                    position, kind: kind, from: bucket, to: destination, renews: renews))
        case .resend(let position, let destination):
            VerificationAnswer.encode(
                wasRequeued: try await region.resend(position, from: bucket, to: destination))
        }
    }
}
