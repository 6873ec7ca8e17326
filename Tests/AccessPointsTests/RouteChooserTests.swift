import Cluster
import Environment
import S3Model
import Testing

@testable import AccessPoints

@Suite struct RouteChooserTests {
    private static let names = ["us-east-1", "eu-west-1", "ap-northeast-1", "sa-east-1", "eu-central-1"]
    private let home = RegionName(literal: "eu-west-1")
    private let directory = RegionDirectory(regions: names.compactMap { RegionName($0) })

    /// Members with these dials, in the order of `names`.
    private func entry(_ dials: [Int]) throws -> RoutingEntry {
        let account = try #require(AccountID("111122223333"))
        let members = try zip(Self.names, dials).map { name, dial in
            (try #require(RegionName(name)), try #require(BucketName("b-" + name)), dial)
        }
        let point = AccessPoint(
            name: try #require(AccessPointName("orders")), alias: try #require(AccessPointAlias("mabc.mrap")),
            account: account, created: Timestamp(milliseconds: 0), status: .ready,
            regions: members.map { MemberBucket(bucket: $0.1, account: account, region: $0.0) },
            publicAccessBlock: PublicAccessBlock(), policy: AccessPointPolicy())
        let routes = Routes(
            version: 1, changed: Timestamp(milliseconds: 0),
            dials: members.map { .init(bucket: $0.1, region: $0.0, percentage: $0.2) })
        return RoutingEntry(accessPoint: point, routes: routes)
    }

    private func choose(
        _ entry: RoutingEntry, from home: RegionName? = nil, down: Set<String> = [], pin: String? = nil,
        random: UInt64? = 0
    ) -> RouteChooser.Choice? {
        RouteChooser.choose(
            entry, home: home ?? self.home, healthy: { !down.contains($0.rawValue) }, pin: pin.flatMap(RegionName.init),
            random: random, distance: directory.distance)
    }

    private func check(
        _ choice: RouteChooser.Choice?, _ region: String, _ reason: RouteReason, lastResort: Bool = false,
        location: SourceLocation = #_sourceLocation
    ) {
        #expect(choice?.member.region.rawValue == region, sourceLocation: location)
        #expect(choice?.reason == reason, sourceLocation: location)
        #expect(choice?.isLastResort == lastResort, sourceLocation: location)
    }

    @Test func theNearestActiveRegionServes() throws {
        let all = try entry([100, 100, 100])
        check(choose(all), "eu-west-1", .nearest)
        check(choose(all, from: RegionName(literal: "sa-east-1")), "us-east-1", .nearest)
        check(choose(try entry([100, 0, 100])), "us-east-1", .nearest)
        check(choose(all, down: ["eu-west-1"]), "us-east-1", .fallback)
        check(choose(all, down: ["eu-west-1", "us-east-1"]), "ap-northeast-1", .fallback)
        check(choose(all, down: Set(Self.names)), "eu-west-1", .fallback, lastResort: true)
    }

    @Test func withoutADrawTheNearestOfThoseThatShareServes() throws {
        // us-east-1, eu-west-1 (home), ap-northeast-1: the standby at 100 is left out, however near.
        check(choose(try entry([70, 30, 0]), random: nil), "eu-west-1", .nearest)
        check(choose(try entry([70, 100, 30]), random: nil), "us-east-1", .nearest)
        check(choose(try entry([70, 0, 30]), down: ["us-east-1"], random: nil), "ap-northeast-1", .fallback)
        check(
            choose(try entry([70, 100, 30]), down: ["us-east-1", "ap-northeast-1"], random: nil), "eu-west-1", .standby)
        // Shares that do not add up to 100: each keeps its part of what is near to it.
        check(choose(try entry([10, 20, 30]), random: nil), "eu-west-1", .nearest)
        check(choose(try entry([10, 20, 30]), down: ["eu-west-1"], random: nil), "us-east-1", .fallback)
        check(choose(try entry([70, 30, 0]), pin: "us-east-1", random: nil), "us-east-1", .pinned)
    }

    @Test func passiveRegionsAreNeverPromotedByThemselves() throws {
        let passive = try entry([100, 0, 0])
        check(choose(passive, down: ["us-east-1"]), "us-east-1", .fallback, lastResort: true)
        #expect(choose(try entry([0, 0, 0])) == nil)
        #expect(choose(try entry([])) == nil)
    }

    @Test func pinnedRequestsStayWhereTheyBegan() throws {
        let passive = try entry([100, 0, 0])
        check(choose(passive, pin: "eu-west-1"), "eu-west-1", .pinned)
        check(choose(passive, down: ["eu-west-1"], pin: "eu-west-1"), "eu-west-1", .pinned, lastResort: true)
        check(choose(passive, pin: "mars-1"), "us-east-1", .nearest)
        check(choose(try entry([0, 0, 0]), pin: "eu-west-1"), "eu-west-1", .pinned)
    }

    @Test func equalDistancesGoByName() throws {
        let choice = RouteChooser.choose(
            try entry([100, 100, 100]), home: home, healthy: { _ in true }, random: 0, distance: { _, _ in 1 })
        check(choice, "ap-northeast-1", .nearest)
    }

    @Test func sharesStandByAndNearestSharesAreToldApart() throws {
        #expect(try entry([100, 100, 0]).mode == .nearest)
        #expect(try entry([70, 30, 0]).mode == .shares)
        #expect(try entry([70, 30, 100]).mode == .shares)
        #expect(try entry([70, 40, 100]).mode == .nearestShares)
        #expect(try entry([50, 0, 0]).mode == .nearestShares)
        let standby = try entry([70, 30, 100])
        check(choose(standby, down: ["us-east-1", "eu-west-1"]), "ap-northeast-1", .standby)
        check(choose(standby, down: ["us-east-1"]), "eu-west-1", .share)
        check(choose(try entry([50, 0, 0])), "us-east-1", .share)
    }

    /// What is drawn is what the effective split says, whatever the dials, the health and the home.
    @Test(arguments: 0..<16 as Range<UInt64>) func drawsFollowTheEffectiveSplit(_ seed: UInt64) throws {
        let random = SeededRandom(seed)
        var dials = (0..<5).map { _ in [0, 100, 10, 30, 70, 50, 1, 99][Int(random.uniform(below: 8))] }
        if seed % 4 == 0 { dials = [70, 30, 100, 0, 0] }
        if seed % 4 == 1 { dials = [50, 20, 100, 5, 25] }
        let entry = try entry(dials)
        let down = Set(Self.names.filter { _ in random.uniform(below: 5) == 0 })
        let home = directory.regions[Int(random.uniform(below: 5))]
        let split = RouteChooser.effectiveSplit(
            entry, home: home, healthy: { !down.contains($0.rawValue) }, distance: directory.distance)
        guard dials.contains(where: { $0 > 0 }) else {
            #expect(split.allSatisfy { $0.share == 0 })
            return
        }
        #expect(abs(split.reduce(0) { $0 + $1.share } - 1) < 1e-9)
        let draws = 20_000
        var counts: [RegionName: Int] = [:]
        for _ in 0..<draws {
            let choice = try #require(choose(entry, from: home, down: down, random: random.next()))
            counts[choice.member.region, default: 0] += 1
            #expect(choice.member.dial > 0, "a passive region got new traffic")
            let anyUp = entry.members.contains { $0.isActive && !down.contains($0.region.rawValue) }
            #expect(choice.isLastResort == !anyUp)
            #expect(!anyUp || !down.contains(choice.member.region.rawValue), "a region that is down was chosen")
        }
        for (region, share) in split {
            // Five standard deviations of a binomial of 20,000.
            #expect(abs(Double(counts[region] ?? 0) / Double(draws) - share) < 0.018, "\(region) of \(dials)")
        }
    }

    @Test func dialsBelowTheSumPassTheRestOn() throws {
        // From Ireland: itself 60 %, then us-east-1 100 % of the rest.
        let split = RouteChooser.effectiveSplit(
            try entry([100, 60, 100]), home: home, healthy: { _ in true }, distance: directory.distance)
        #expect(split.map(\.region.rawValue) == ["us-east-1", "eu-west-1", "ap-northeast-1"])
        #expect(zip(split.map(\.share), [0.4, 0.6, 0]).allSatisfy { abs($0 - $1) < 1e-12 })
        // Nobody at 100: what the last passes on starts again.
        let round = RouteChooser.effectiveSplit(
            try entry([30, 30, 0]), home: home, healthy: { _ in true }, distance: directory.distance)
        #expect(abs(round[1].share - 0.3 / 0.51) < 1e-12)
        #expect(abs(round[0].share - 0.21 / 0.51) < 1e-12)
    }

    @Test func theEndsOfTheRandomRangeAreMembers() throws {
        for dials in [[70, 30, 0], [1, 99, 0], [33, 33, 34], [10, 20, 0], [99, 99, 99]] {
            for random in [0, 1, UInt64.max, UInt64.max - 1, 1 << 63] {
                let choice = try #require(choose(try entry(dials), random: random))
                #expect(choice.member.dial > 0)
            }
        }
    }
}
