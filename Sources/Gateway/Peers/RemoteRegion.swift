package import Environment
import Replication
package import S3Model
package import Storage

/// A region in another process, so far as its buckets can be looked at and compared from here. Throws as
/// ``VerifiedRegion`` says.
package struct RemoteRegion: VerifiedRegion {
    /// A page of fingerprints may be read from a slow disk.
    private static let patience: Int64 = 30_000

    package let region: RegionName
    private let peer: any PeerCalling
    private let time: any TimeSource

    package init(_ region: RegionName, at peer: any PeerCalling, time: any TimeSource) {
        self.region = region
        self.peer = peer
        self.time = time
    }

    package func bucket(_ name: BucketName) async throws -> Bucket {
        try understood(VerificationAnswer.bucket(try await ask(.bucket, name), name: name))
    }

    package func digests(of bucket: BucketName) async throws -> DigestTable {
        try understood(VerificationAnswer.digests(try await ask(.digests, bucket)))
    }

    package func fingerprints(
        of bucket: BucketName, slots: Set<Int>, after: VersionPosition?, visiting limit: Int
    ) async throws -> FingerprintPage {
        let limit = min(max(limit, 1), VerificationCall.maximumVisited)
        let answer = try await ask(.fingerprints(slots: slots, after: after, limit: limit), bucket)
        return try understood(VerificationAnswer.fingerprints(answer))
    }

    package func standings(
        of positions: [VersionPosition], bucket: BucketName
    ) async throws -> [VersionStanding] {
        try understood(
            VerificationAnswer.standings(try await ask(.standings(positions), bucket), of: positions))
    }

    package func counterparts(
        of positions: [VersionPosition], bucket: BucketName
    ) async throws -> [VersionCounterpart] {
        try understood(
            VerificationAnswer.counterparts(try await ask(.counterparts(positions), bucket), of: positions))
    }

    package func requeue(
        _ position: VersionPosition, kind: OutboxEntry.Kind, from bucket: BucketName, to destination: BucketName,
        renews: Bool
    ) async throws -> Bool {
        let answer = try await ask(.requeue(position, kind, to: destination, renews: renews), bucket)
        return try understood(VerificationAnswer.wasRequeued(answer))
    }

    package func resend(
        _ position: VersionPosition, from bucket: BucketName, to destination: BucketName
    ) async throws -> Bool {
        let answer = try await ask(.resend(position, to: destination), bucket)
        return try understood(VerificationAnswer.wasRequeued(answer))
    }

    private func ask(_ question: VerificationCall.Question, _ bucket: BucketName) async throws -> [UInt8] {
        let call = VerificationCall(region: region, bucket: bucket, question)
        do {
            return try await peer.answer(VerificationService.call, call.encoded, patience: Self.patience, time: time)
        } catch let fault as PeerFault {
            throw S3Error(fault, from: region)
        }
    }

    private func understood<Value>(_ value: Value?) throws(S3Error) -> Value {
        guard let value else {
            throw S3Error(
                .serviceUnavailable,
                "The process of region \(region) (\(peer.place)) answers in a form that is not known here: "
                    + "is it another version of this program?")
        }
        return value
    }
}
