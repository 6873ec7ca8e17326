import AccessPoints
import S3Model
import Synchronization

/// One access point over all nodes, whose dials turn; writers go where production routing sends them.
final class AccessPointRoutes: Sendable {
    private let nodes: [Node]
    private let point: AccessPoint
    private let entry: Mutex<RoutingEntry>

    init?(_ nodes: [Node]) {
        guard let name = AccessPointName("simulated"), let alias = AccessPointAlias("abcdefghijklm.mrap"),
            let account = AccountID("111122223333")
        else { return nil }
        self.nodes = nodes
        point = AccessPoint(
            name: name, alias: alias, account: account, created: Timestamp(milliseconds: 0), status: .ready,
            regions: nodes.map { MemberBucket(bucket: $0.bucket, account: account, region: $0.region) },
            publicAccessBlock: PublicAccessBlock(), policy: AccessPointPolicy())
        entry = Mutex(Self.entry(point, dials: nodes.map { _ in 100 }))
    }

    private static func entry(_ point: AccessPoint, dials: [Int]) -> RoutingEntry {
        let dials = zip(point.regions, dials).map {
            Routes.Dial(bucket: $0.bucket, region: $0.region, percentage: $1)
        }
        return RoutingEntry(
            accessPoint: point, routes: Routes(version: 1, changed: Timestamp(milliseconds: 0), dials: dials))
    }

    func turnDials(_ random: SeededRandom) {
        var dials = nodes.map { _ in [0, 30, 70, 100, 100][random.below(5)] }
        if dials.allSatisfy({ $0 == 0 }) { dials[0] = 100 }
        let next = Self.entry(point, dials: dials)
        entry.withLock { $0 = next }
    }

    /// The node that serves a request of this home region now.
    func node(home: RegionName, random: SeededRandom) -> Node? {
        let current = entry.withLock { $0 }
        let choice = RouteChooser.choose(
            current, home: home, healthy: { region in self.nodes.contains { $0.region == region && $0.store != nil } },
            random: random.next(), distance: { $0 == $1 ? 0 : 1 })
        return nodes.first { $0.region == choice?.member.region }
    }
}
