import Cluster
import Environment
import S3Model
import Testing

@testable import AccessPoints

@Suite struct LifeCycleTests {
    @Test func createGoesThroughItsStates() async throws {
        let world = try World()
        try await world.makeBuckets()
        let edge = world.edge()
        try await edge.buckets.refresh()
        let arn = try await edge.registry.create(world.request(), account: world.account, clientToken: "t1")
        #expect(arn.hasPrefix("arn:aws:s3:us-west-2:111122223333:async-request/mrap/create/TT"))
        #expect(arn.utf8.count == "arn:aws:s3:us-west-2:111122223333:async-request/mrap/create/".utf8.count + 94)

        var operation = try await edge.registry.describeOperation(arn, account: world.account)
        #expect(operation.status == .new && operation.kind == .create && operation.regions.isEmpty)
        #expect(operation.parameters == .create(world.request()))
        let creating = try await edge.registry.get("orders", account: world.account)
        #expect(creating.status == .creating)
        #expect(edge.table.entry(alias: creating.alias) == nil, "not ready, not routed")
        #expect(
            await code { _ = try await edge.registry.routes(of: "orders", account: world.account) } == .operationAborted
        )

        _ = try await edge.registry.advancePending()
        operation = try await edge.registry.describeOperation(arn, account: world.account)
        #expect(operation.status == .inProgress && operation.regions.isEmpty && operation.failure == nil)
        _ = try await edge.registry.advancePending()
        operation = try await edge.registry.describeOperation(arn, account: world.account)
        #expect(operation.status == .succeeded)
        #expect(operation.regions.map(\.region) == [world.east, world.ireland, world.tokyo])
        #expect(operation.regions.allSatisfy { $0.status == .succeeded })

        let point = try await edge.registry.get("orders", account: world.account)
        #expect(point.status == .ready && point.created == creating.created && point.alias == creating.alias)
        #expect(point.regions.map(\.bucket.rawValue) == ["b-east", "b-ireland", "b-tokyo"])
        #expect(point.publicAccessBlock == PublicAccessBlock())
        let routes = try await edge.registry.routes(of: point.arn.description, account: world.account).routes
        #expect(routes.version == 1 && routes.dials.allSatisfy { $0.percentage == 100 })
        let entry = try #require(edge.table.entry(alias: point.alias))
        #expect(entry === edge.table.entry(name: point.name, account: world.account))
        #expect(try await world.store.snapshot(prefix: "mrap/pending/").records.isEmpty)
    }

    @Test func theWorkerFinishesWhatIsAccepted() async throws {
        let world = try World()
        try await world.makeBuckets()
        let edge = world.edge()
        let status = try await withThrowingTaskGroup(of: AsyncOperation.Status?.self) { group in
            group.addTask {
                await edge.run()
                return nil
            }
            group.addTask {
                let arn = try await edge.registry.create(world.request(), account: world.account, clientToken: "t")
                while true {
                    let status = try await edge.registry.describeOperation(arn, account: world.account).status
                    if status.isFinal { return status }
                    try await world.time.sleep(milliseconds: 1)
                }
            }
            let first = try await group.next()
            group.cancelAll()
            return first ?? nil
        }
        #expect(status == .succeeded)
    }

    @Test func badBucketsFailTheOperationAndFreeTheName() async throws {
        let world = try World()
        try await world.makeBuckets()
        try await world.makeBucket("b-east-2", in: world.east)
        try await world.makeBucket("b-mars", in: RegionName(literal: "mars-1"))
        try await world.makeBucket("b-theirs", in: world.east, of: world.other)
        let edge = world.edge()
        let cases: [([String], AsyncOperation.Failure.Code, String)] = [
            (["b-east", "missing"], .noSuchBucket, "missing"),
            (["b-east", "Not_A_Bucket"], .noSuchBucket, "Not_A_Bucket"),
            (["b-east", "b-east-2"], .sameBucketRegion, "b-east-2"),
            (["b-east", "b-east"], .sameBucketRegion, "b-east"),
            (["b-mars"], .unsupportedRegion, "b-mars"),
            (["b-theirs"], .noSuchBucket, "b-theirs"),
        ]
        for (index, (buckets, expected, resource)) in cases.enumerated() {
            let arn = try await edge.registry.create(
                world.request("orders", buckets), account: world.account, clientToken: "t\(index)")
            let alias = try await edge.registry.get("orders", account: world.account).alias
            try await world.settle(edge)
            let operation = try await edge.registry.describeOperation(arn, account: world.account)
            #expect(operation.status == .failed)
            #expect(operation.failure?.code == expected)
            #expect(operation.failure?.resource == resource)
            #expect(
                await code { _ = try await edge.registry.get("orders", account: world.account) }
                    == .noSuchMultiRegionAccessPoint)
            #expect(try await world.store.record("mrap/alias/\(alias.label)") != nil, "an alias is never used twice")
        }
        let member = CreateAccessPoint.Member(bucket: "b-theirs", account: world.other.rawValue)
        _ = try await edge.registry.create(
            CreateAccessPoint(name: "orders", regions: [member]), account: world.account, clientToken: "t-cross")
        try await world.settle(edge)
        #expect(try await edge.registry.get("orders", account: world.account).regions.first?.account == world.other)
    }

    @Test func whatCanBeSeenAtOnceIsRefusedAtOnce() async throws {
        let world = try World()
        let edge = world.edge()
        func create(_ name: String, _ members: [CreateAccessPoint.Member], token: String? = nil) async -> S3ErrorCode? {
            await code {
                _ = try await edge.registry.create(
                    CreateAccessPoint(name: name, regions: members), account: world.account, clientToken: token)
            }
        }
        let good = [CreateAccessPoint.Member(bucket: "bucket")]
        for name in ["", "ab", "-ab", "ab-", "Abc", "a_b", "a.b", String(repeating: "a", count: 51), "äää"] {
            #expect(await create(name, good) == .invalidRequest, "\(name)")
        }
        #expect(await create("abc", []) == .invalidRequest)
        #expect(await create("abc", [.init(bucket: "ab")]) == .invalidRequest)
        #expect(await create("abc", [.init(bucket: String(repeating: "a", count: 256))]) == .invalidRequest)
        #expect(await create("abc", [.init(bucket: "bucket", account: "12")]) == .invalidRequest)
        #expect(await create("abc", good, token: "") == .invalidRequest)
        #expect(await create("abc", good, token: "a b") == .invalidRequest)
        #expect(await create("abc", good, token: String(repeating: "x", count: 65)) == .invalidRequest)
        let many = (0..<18).map { CreateAccessPoint.Member(bucket: "bucket-\($0)") }
        #expect(await create("abc", many) == .tooManyRegionsInMultiRegionAccessPoint)
        #expect(try await world.store.snapshot(prefix: "").records.isEmpty, "a refused request leaves nothing behind")
        #expect(await create("abc", good, token: "/ü\u{301}%") == nil, "any visible character will do")
    }

    @Test func clientTokensMakeRequestsIdempotent() async throws {
        let world = try World()
        try await world.makeBuckets()
        let edge = world.edge()
        let first = try await edge.registry.create(world.request(), account: world.account, clientToken: "t1")
        #expect(try await edge.registry.create(world.request(), account: world.account, clientToken: "t1") == first)
        try await world.settle(edge)
        #expect(
            try await world.edge().registry.create(world.request(), account: world.account, clientToken: "t1") == first)
        let conflict = await code {
            _ = try await edge.registry.create(
                world.request("orders", ["b-east"]), account: world.account, clientToken: "t1")
        }
        #expect(conflict == .clientTokenConflict)
        #expect(
            await code {
                _ = try await edge.registry.delete(name: "orders", account: world.account, clientToken: "t1")
            } == .clientTokenConflict)
        // Another account's tokens are its own.
        _ = try await edge.registry.create(world.request(), account: world.other, clientToken: "t1")
        // The name is taken: accepted, and failed.
        let again = try await edge.registry.create(world.request(), account: world.account, clientToken: "t2")
        let failed = try await edge.registry.describeOperation(again, account: world.account)
        #expect(failed.failure?.code == .alreadyOwnedByYou)
        #expect(
            await code { _ = try await edge.registry.describeOperation(first, account: world.other) }
                == .noSuchAsyncRequest)
    }

    @Test func deletingRetiresTheAliasAndFreesTheName() async throws {
        let world = try World()
        try await world.makeBuckets()
        let edge = world.edge()
        let first = try await world.createReady(edge)
        #expect(edge.table.accessPoints(using: first.regions[0].bucket).map(\.name) == [first.name])
        let arn = try await edge.registry.delete(name: "orders", account: world.account, clientToken: "d1")
        #expect(try await edge.registry.get("orders", account: world.account).status == .deleting)
        #expect(edge.table.entry(alias: first.alias) == nil, "no new traffic from the moment it is accepted")
        try await world.settle(edge)
        #expect(try await edge.registry.describeOperation(arn, account: world.account).status == .succeeded)
        for reference in ["orders", first.alias.rawValue, first.alias.label, first.arn.description] {
            #expect(
                await code { _ = try await edge.registry.get(reference, account: world.account) }
                    == .noSuchMultiRegionAccessPoint)
        }
        #expect(edge.table.accessPoints(using: first.regions[0].bucket).isEmpty)
        #expect(
            await code {
                _ = try await edge.registry.delete(name: "orders", account: world.account, clientToken: "d2")
            } == .noSuchMultiRegionAccessPoint)
        _ = try await edge.registry.create(world.request(), account: world.account, clientToken: "c2")
        try await world.settle(edge)
        let second = try await edge.registry.get("orders", account: world.account)
        #expect(second.alias != first.alias)
        #expect(
            await code {
                _ = try await edge.registry.create(
                    world.request(first.alias.label), account: world.account, clientToken: "c3")
            } == .invalidRequest, "a name never reads like an alias, not even a retired one")
    }

    @Test func oneMutationAtATime() async throws {
        let world = try World()
        try await world.makeBuckets()
        let edge = world.edge()
        _ = try await edge.registry.create(world.request(), account: world.account, clientToken: "c")
        func failure(_ arn: String) async throws -> AsyncOperation.Failure.Code? {
            try await edge.registry.describeOperation(arn, account: world.account).failure?.code
        }
        let policy = "{\"Version\":\"2012-10-17\",\"Statement\":[]}"
        let early = try await edge.registry.putPolicy(
            name: "orders", policy: policy, account: world.account, clientToken: "p1")
        #expect(try await failure(early) == .notReady)
        try await world.settle(edge)
        let put = try await edge.registry.putPolicy(
            name: "orders", policy: policy, account: world.account, clientToken: "p2")
        let late = try await edge.registry.delete(name: "orders", account: world.account, clientToken: "d")
        #expect(try await failure(late) == .modifiedByAnotherRequest)
        try await world.settle(edge)
        #expect(try await edge.registry.describeOperation(put, account: world.account).status == .succeeded)
        #expect(try await edge.registry.get("orders", account: world.account).status == .ready)
    }

    @Test func theAccountLimitHoldsUnderConcurrency() async throws {
        let world = try World()
        try await world.makeBuckets()
        var settings = AccessPointRegistry.Settings()
        settings.pointsPerAccount = 5
        let edges = [world.edge(settings), world.edge(settings)]
        let accepted = await withTaskGroup(of: Bool.self) { group in
            for index in 0..<12 {
                group.addTask {
                    (try? await edges[index % 2].registry.create(
                        world.request("point-\(index)"), account: world.account, clientToken: "t\(index)")) != nil
                }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(accepted == 5)
        #expect(
            await code {
                _ = try await edges[0].registry.create(world.request("more"), account: world.account, clientToken: nil)
            } == .tooManyMultiRegionAccessPoints)
    }

    @Test func listsArePagedByName() async throws {
        let world = try World()
        try await world.makeBuckets()
        let edge = world.edge()
        for index in 0..<5 { try await world.createReady(edge, "point-\(index)") }
        let all = try await edge.registry.list(account: world.account, maxResults: nil, nextToken: nil)
        #expect(all.accessPoints.count == 5 && all.nextToken == nil)
        var names: [String] = []
        var token: String?
        repeat {
            let page = try await edge.registry.list(account: world.account, maxResults: 2, nextToken: token)
            #expect(page.accessPoints.count <= 2)
            names += page.accessPoints.map(\.name.rawValue)
            token = page.nextToken
        } while token != nil
        #expect(names == (0..<5).map { "point-\($0)" })
        #expect(try await edge.registry.list(account: world.other, maxResults: 0, nextToken: nil).accessPoints.isEmpty)
        for (limit, token) in [(1001, nil), (-1, nil), (1, "x"), (1, "1.A"), (1, "")] as [(Int, String?)] {
            #expect(
                await code {
                    _ = try await edge.registry.list(account: world.account, maxResults: limit, nextToken: token)
                } == .invalidRequest)
        }
    }

    @Test func tokensThatWereNotGivenOutAreUnknown() async throws {
        let world = try World()
        let edge = world.edge()
        let prefix = "arn:aws:s3:us-west-2:111122223333:async-request/mrap/create/"
        for arn in [
            "", "TT", prefix, prefix + "TTx", prefix + "../orders", prefix + "a b", prefix + "TT/x",
            "arn:aws:s3:us-west-2:111122223333:async-request/mrap/other/TTx", String(repeating: "a", count: 2000),
        ] {
            #expect(
                await code { _ = try await edge.registry.describeOperation(arn, account: world.account) }
                    == .noSuchAsyncRequest)
        }
    }

    @Test func oldRequestsAreForgotten() async throws {
        let world = try World()
        try await world.makeBuckets()
        let edge = world.edge()
        let arn = try await edge.registry.create(world.request(), account: world.account, clientToken: "t")
        try await world.settle(edge)
        world.time.advance(milliseconds: 31 * 24 * 3_600_000)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await edge.registry.run() }
            group.addTask {
                while await code({ _ = try await edge.registry.describeOperation(arn, account: world.account) }) == nil
                {
                    await Task.yield()
                }
            }
            _ = await group.next()
            group.cancelAll()
        }
        #expect(try await world.store.snapshot(prefix: "mrap/token/").records.isEmpty)
        #expect(try await edge.registry.get("orders", account: world.account).status == .ready)
    }

    @Test func anUnavailableStoreIsAServiceThatIsAway() async throws {
        let world = try World()
        try await world.makeBuckets()
        let edge = world.edge()
        let point = try await world.createReady(edge)
        world.store.setOutage("cable cut")
        #expect(await code { _ = try await edge.registry.get("orders", account: world.account) } == .serviceUnavailable)
        #expect(
            await code {
                _ = try await edge.registry.create(world.request("other"), account: world.account, clientToken: "o")
            } == .serviceUnavailable)
        #expect(edge.table.entry(alias: point.alias) != nil, "traffic goes on with what is known")
    }
}
