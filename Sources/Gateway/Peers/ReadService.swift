package import S3Model
package import Storage

/// Tells other processes what is on its way to them from the regions of this one, and gives the bytes (call `read`). It
/// answers from what is here, and never asks on.
package struct ReadService: PeerService {
    package static let name = ReadCall.name
    private let regions: [RegionName: RegionStore]

    package init(regions: [RegionName: RegionStore]) { self.regions = regions }

    package func answer(_ call: PeerMessage) async throws -> PeerMessage {
        switch try ReadCall(call.head) {
        case .promises(let question, let bucket, let region):
            let promised = regions[region].map { question.answer(from: $0, bucket: bucket) }
            return PeerMessage(head: ReadCall.Promises(promised ?? []).encoded())
        case .find(let key, let id, let bucket, let region):
            guard let store = regions[region] else {
                throw S3Error(.serviceUnavailable, "The region \(region) is not in this process.")
            }
            let version = try store.object(key, version: id, bucket: bucket)
            return PeerMessage(head: ReadCall.Promises([version]).encoded())
        case .oldestWork(let region):
            guard let store = regions[region] else {
                throw S3Error(.invalidRequest, "The region \(region) is not in this process.")
            }
            return PeerMessage(head: ReadCall.OldestWork(try store.oldestReplicationWork()).encoded())
        case .content(let key, let stamp, let isNull, let range, let bucket, let region):
            let id: VersionID = isNull ? .null : .stamp(stamp)
            guard let store = regions[region],
                let version = try store.newestOrMarker(key, version: id, bucket: bucket), version.stamp == stamp
            else {
                throw S3Error(.noSuchVersion, "The version is not here any more.")
            }
            return PeerMessage(
                head: ReadCall.Promises([]).encoded(),
                content: (try store.content(of: version, range: range), Int64(range.count)))
        }
    }
}
