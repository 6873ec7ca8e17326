package import S3Model

/// What a request needs to know of a ready access point. Immutable, and a class so that handing it out costs one
/// reference count on the hot path.
package final class RoutingEntry: Sendable {
    /// A member and its dial.
    package struct Member: Sendable, Hashable {
        package let region: RegionName
        package let bucket: BucketName
        package let account: AccountID
        /// 0...100.
        package let dial: Int

        package init(region: RegionName, bucket: BucketName, account: AccountID, dial: Int) {
            self.region = region
            self.bucket = bucket
            self.account = account
            self.dial = dial
        }

        /// Takes new traffic.
        package var isActive: Bool { dial > 0 }
    }

    /// What the dials mean together (DESIGN §5.5).
    package enum DialMode: String, Sendable, Hashable {
        /// Every active dial is 100: the nearest active region.
        case nearest
        /// The partial dials add up to 100: shares of all traffic; regions left at 100 stand by.
        case shares
        /// Other partial dials: each region keeps its share of the traffic nearest to it, the rest goes on.
        case nearestShares
    }

    package let accessPoint: AccessPoint
    package let routes: Routes
    package let members: [Member]
    package let mode: DialMode
    /// How reads treat what is still on its way to the region that serves them.
    package let reads: ReadThroughMode

    package init(accessPoint: AccessPoint, routes: Routes, reads: ReadThroughMode = .readThrough) {
        self.reads = reads
        self.accessPoint = accessPoint
        self.routes = routes
        members = accessPoint.regions.map { member in
            let dial = routes.dials.first { $0.region == member.region }?.percentage ?? 0
            return Member(region: member.region, bucket: member.bucket, account: member.account, dial: dial)
        }
        let partial = members.map(\.dial).filter { (1..<100).contains($0) }
        mode = partial.isEmpty ? .nearest : partial.reduce(0, +) == 100 ? .shares : .nearestShares
    }

    package func member(in region: RegionName) -> Member? { members.first { $0.region == region } }
}
