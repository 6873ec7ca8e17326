import Cluster
import Environment
import S3Model
import Testing

@testable import AccessPoints

@Suite struct RoutesTests {
    private func submit(_ edge: Edge, _ world: World, _ updates: [RouteUpdate]) async -> S3ErrorCode? {
        await code { _ = try await edge.registry.submitRoutes("orders", account: world.account, updates: updates) }
    }

    @Test func aSubmitIsInForceWhenItReturns() async throws {
        let world = try World()
        try await world.makeBuckets()
        let edge = world.edge()
        let point = try await world.createReady(edge)
        for reference in [
            point.arn.description, "arn:aws:s3::111122223333:accesspoint:\(point.alias)", point.alias.rawValue,
            point.alias.label, "orders", "orders.mrap", "arn:aws:s3::111122223333:accesspoint/orders.mrap",
        ] {
            let dial = Int(world.random.uniform(below: 100)) + 1
            let before = try await edge.registry.routes(of: reference, account: world.account).routes
            let routes = try await edge.registry.submitRoutes(
                reference, account: world.account,
                updates: [.init(region: "eu-west-1", percentage: dial), .init(bucket: "b-east", percentage: 0)])
            #expect(routes.version == before.version + 1)
            #expect(routes.dials.map(\.percentage) == [0, dial, 100], "members that are not named keep their dial")
            let entry = try #require(edge.table.entry(alias: point.alias))
            #expect(entry.routes == routes)
            #expect(entry.members.map(\.dial) == [0, dial, 100])
        }
    }

    @Test func badSubmitsChangeNothing() async throws {
        let world = try World()
        try await world.makeBuckets()
        let edge = world.edge()
        try await world.createReady(edge)
        let invalid: [[RouteUpdate]] = [
            [], [.init(percentage: 100)], [.init(region: "us-west-1", percentage: 0)],
            [.init(bucket: "b-mars", percentage: 0)], [.init(bucket: "b-east", region: "eu-west-1", percentage: 0)],
            [.init(region: "us-east-1", percentage: 101)], [.init(region: "us-east-1", percentage: -1)],
            [.init(region: "us-east-1", percentage: 0), .init(bucket: "b-east", percentage: 100)],
            ["us-east-1", "eu-west-1", "ap-northeast-1"].map { .init(region: $0, percentage: 0) },
            (0..<18).map { _ in .init(region: "us-east-1", percentage: 0) }, [.init(region: "", percentage: 0)],
        ]
        for updates in invalid { #expect(await submit(edge, world, updates) == .invalidRequest) }
        #expect(try await edge.registry.routes(of: "orders", account: world.account).routes.version == 1)
        for reference in ["nothing", "", "mnothing.mrap", "arn:aws:s3::444455556666:accesspoint/orders.mrap"] {
            #expect(
                await code {
                    _ = try await edge.registry.submitRoutes(
                        reference, account: world.account, updates: [.init(region: "us-east-1", percentage: 0)])
                } == .noSuchMultiRegionAccessPoint)
        }
        for reference in ["arn:aws:s3:::x", "arn:aws:s3::111122223333:accesspoint/", "arn:"] {
            #expect(
                await code { _ = try await edge.registry.routes(of: reference, account: world.account) }
                    == .invalidRequest)
        }
    }

    @Test func aSingleRegionHasNothingToFailOverTo() async throws {
        let world = try World()
        try await world.makeBuckets()
        let edge = world.edge()
        _ = try await edge.registry.create(
            world.request("orders", ["b-east"]), account: world.account, clientToken: "c")
        try await world.settle(edge)
        #expect(await submit(edge, world, [.init(region: "us-east-1", percentage: 0)]) == .methodNotAllowed)
    }

    @Test func theExpectedVersionIsChecked() async throws {
        let world = try World()
        try await world.makeBuckets()
        let edge = world.edge()
        try await world.createReady(edge)
        let update = [RouteUpdate(region: "us-east-1", percentage: 0)]
        try await edge.registry.submitRoutes("orders", account: world.account, updates: update, expectedVersion: 1)
        #expect(
            await code {
                _ = try await edge.registry.submitRoutes(
                    "orders", account: world.account, updates: update, expectedVersion: 1)
            } == .preconditionFailed)
    }

    /// Two edges submit at once: every accepted one counts, none leaves all regions passive, both tables agree.
    @Test(arguments: [11, 12, 13] as [UInt64]) func concurrentSubmitsOnTwoEdgesAgree(_ seed: UInt64) async throws {
        let world = try World(seed: seed)
        try await world.makeBuckets()
        let edges = [world.edge(), world.edge()]
        let point = try await world.createReady(edges[0])
        let names = ["us-east-1", "eu-west-1", "ap-northeast-1"]
        let accepted = await withTaskGroup(of: Bool?.self) { group in
            for index in 0..<40 {
                group.addTask {
                    let region = names[Int(world.random.uniform(below: 3))]
                    let dial = world.random.uniform(below: 2) == 0 ? 0 : 100
                    do throws(S3Error) {
                        try await edges[index % 2].registry.submitRoutes(
                            point.alias.rawValue, account: world.account,
                            updates: [.init(region: region, percentage: dial)])
                        return true
                    } catch {
                        return error.code == .operationAborted || error.code == .invalidRequest ? false : nil
                    }
                }
            }
            var accepted = 0
            for await result in group {
                #expect(result != nil, "only conflicts and all-passive are refused")
                if result == true { accepted += 1 }
            }
            return accepted
        }
        for edge in edges { try await edge.table.refresh() }
        let routes = try edges.map { try #require($0.table.entry(alias: point.alias)).routes }
        #expect(routes[0] == routes[1])
        #expect(routes[0].version == Int64(accepted) + 1)
        #expect(routes[0].dials.contains { $0.percentage > 0 })
    }

    @Test func otherEdgesFollow() async throws {
        let world = try World()
        try await world.makeBuckets()
        let (here, there) = (world.edge(), world.edge())
        let point = try await world.createReady(here)
        let version = await withTaskGroup(of: Int64?.self) { group in
            group.addTask {
                await there.table.run()
                return nil
            }
            group.addTask {
                _ = try? await here.registry.submitRoutes(
                    "orders", account: world.account, updates: [.init(region: "us-east-1", percentage: 0)])
                while there.table.entry(alias: point.alias)?.routes.version != 2 { await Task.yield() }
                return 2
            }
            let first = await group.next()
            group.cancelAll()
            return first ?? nil
        }
        #expect(version == 2)
    }

    @Test func labelsOfEveryFormAreFound() async throws {
        let world = try World()
        try await world.makeBuckets()
        let edge = world.edge()
        let point = try await world.createReady(edge)
        let label = point.alias.label
        for text in [label, label + ".mrap", label.uppercased() + ".MRAP"] {
            #expect(edge.table.entry(label: text, account: nil)?.accessPoint == point)
        }
        for text in ["orders", "orders.mrap", "Orders.mrap"] {
            #expect(edge.table.entry(label: text, account: world.account)?.accessPoint == point)
            #expect(edge.table.entry(label: text, account: nil) == nil)
            #expect(edge.table.entry(label: text, account: world.other) == nil)
        }
        for text in ["", ".mrap", "orders.mrap.mrap", "b-east", "ö"] {
            #expect(edge.table.entry(label: text, account: world.account) == nil)
        }
    }

    @Test func unreadableRecordsLeaveTheRestInForce() async throws {
        let world = try World()
        try await world.makeBuckets()
        let edge = world.edge()
        let point = try await world.createReady(edge)
        var transaction = ControlTransaction()
        transaction.writes = [
            .put(key: "mrap/table/point/111122223333/orders", value: [200, 1, 2, 3]),
            .put(key: "mrap/table/point/111122223333/future", value: [200]),
            .put(key: "mrap/table/routes/mfuture", value: []),
        ]
        _ = try await world.store.commit(transaction)
        try await edge.table.refresh()
        #expect(edge.table.entry(alias: point.alias)?.accessPoint == point)
        #expect(edge.table.entries().count == 1)
    }
}
