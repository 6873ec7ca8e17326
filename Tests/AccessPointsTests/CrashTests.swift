import Cluster
import Environment
import S3Model
import Testing

@testable import AccessPoints

/// A process that ends between two steps, and several that work at once.
@Suite struct CrashTests {
    @Test(arguments: 0..<3) func anotherProcessGoesOnFromAnyStep(_ stepsBefore: Int) async throws {
        let world = try World()
        try await world.makeBuckets()
        let first = world.edge()
        let create = try await first.registry.create(world.request(), account: world.account, clientToken: "c")
        for _ in 0..<stepsBefore { _ = try await first.registry.advancePending() }
        let second = world.edge()
        try await world.settle(second)
        #expect(try await second.registry.describeOperation(create, account: world.account).status == .succeeded)
        let policy = "{\"Version\":\"2012-10-17\",\"Statement\":[]}"
        let put = try await second.registry.putPolicy(
            name: "orders", policy: policy, account: world.account, clientToken: "p")
        for _ in 0..<stepsBefore { _ = try await second.registry.advancePending() }
        let third = world.edge()
        try await world.settle(third)
        #expect(try await third.registry.describeOperation(put, account: world.account).status == .succeeded)
        #expect(try await third.registry.policy(of: "orders", account: world.account).established == policy)
        let delete = try await third.registry.delete(name: "orders", account: world.account, clientToken: "d")
        for _ in 0..<stepsBefore { _ = try await third.registry.advancePending() }
        let fourth = world.edge()
        try await world.settle(fourth)
        #expect(try await fourth.registry.describeOperation(delete, account: world.account).status == .succeeded)
        #expect(fourth.table.entries().isEmpty)
    }

    @Test func anOutageBetweenStepsOnlyDelays() async throws {
        let world = try World()
        try await world.makeBuckets()
        let edge = world.edge()
        let arn = try await edge.registry.create(world.request(), account: world.account, clientToken: "c")
        _ = try await edge.registry.advancePending()
        world.store.setOutage("cable cut")
        #expect(await code { _ = try await edge.registry.advancePending() } == .serviceUnavailable)
        world.store.setOutage(nil)
        try await world.settle(edge)
        #expect(try await edge.registry.describeOperation(arn, account: world.account).status == .succeeded)
    }

    @Test(arguments: [1, 2, 3] as [UInt64]) func manyWorkersAgree(_ seed: UInt64) async throws {
        let world = try World(seed: seed)
        try await world.makeBuckets()
        let edges = (0..<3).map { _ in world.edge() }
        var arns: [String] = []
        for index in 0..<10 {
            arns.append(
                try await edges[index % 3].registry.create(
                    world.request("point-\(index % 6)"), account: world.account, clientToken: "t\(index)"))
        }
        let requests = arns
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for edge in edges {
                group.addTask {
                    await edge.run()
                    return false
                }
            }
            group.addTask {
                for arn in requests {
                    while try await !edges[0].registry.describeOperation(arn, account: world.account).status.isFinal {
                        try await world.time.sleep(milliseconds: 1)
                    }
                }
                while edges.contains(where: { $0.table.entries().count < 6 }) {
                    try await world.time.sleep(milliseconds: 1)
                }
                return true
            }
            while try await group.next() == false {}
            group.cancelAll()
        }
        var states: [AsyncOperation.Status: Int] = [:]
        for arn in arns {
            states[try await edges[1].registry.describeOperation(arn, account: world.account).status, default: 0] += 1
        }
        #expect(states == [.succeeded: 6, .failed: 4])
        let aliases = Set(edges.map { Set($0.table.entries().map(\.accessPoint.alias)) })
        #expect(aliases.count == 1 && aliases.first?.count == 6)
    }

    @Test func aMemberBucketMayVanishButNotWhileItIsChecked() async throws {
        let world = try World()
        try await world.makeBuckets()
        let edge = world.edge()
        let point = try await world.createReady(edge)
        try await edge.buckets.release(point.regions[1].bucket, of: point.regions[1].region) { false }
        try await edge.table.refresh()
        #expect(edge.table.entry(alias: point.alias)?.members.count == 3, "the member stays (spec/mrap.md §1)")
    }
}
