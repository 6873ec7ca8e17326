import Cluster
import Environment
import Foundation
import S3Model
import Testing

@testable import AccessPoints

/// The registry over the SQLite control store, closed and opened again after every step.
@Suite struct DurabilityTests {
    private struct Process {
        let store: EmbeddedControlStore
        let buckets: BucketDirectory
        let table: RoutingTable
        let registry: AccessPointRegistry

        init(path: String, world: World) async throws {
            store = try await EmbeddedControlStore.open(path: path)
            buckets = BucketDirectory(store: store, time: world.time)
            table = RoutingTable(store: store, time: world.time)
            registry = AccessPointRegistry(
                store: store, buckets: buckets, regions: world.regions, table: table, time: world.time,
                random: world.random)
            try await buckets.refresh()
            try await table.refresh()
        }
    }

    @Test func everyStepSurvivesARestart() async throws {
        let world = try World()
        let folder = FileManager.default.temporaryDirectory.appending(path: "points-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appending(path: "control.sqlite").path

        func restarted<Value>(_ body: (Process) async throws -> Value) async throws -> Value {
            let process = try await Process(path: path, world: world)
            let value = try await body(process)
            try await process.store.close()
            return value
        }
        try await restarted { process in
            let owner = Owner(account: world.account, canonicalID: "c", displayName: "d")
            for (name, region) in [("b-east", world.east), ("b-ireland", world.ireland), ("b-tokyo", world.tokyo)] {
                let bucket = try #require(BucketName(name))
                try await process.buckets.create(name: bucket, region: region, owner: owner) {}
            }
        }
        let arn = try await restarted {
            try await $0.registry.create(world.request(), account: world.account, clientToken: "c")
        }
        for expected in [AsyncOperation.Status.inProgress, .succeeded] {
            try await restarted { process in
                _ = try await process.registry.advancePending()
                let operation = try await process.registry.describeOperation(arn, account: world.account)
                #expect(operation.status == expected)
            }
        }
        let again = try await restarted {
            try await $0.registry.create(world.request(), account: world.account, clientToken: "c")
        }
        #expect(again == arn)
        let routes = try await restarted {
            try await $0.registry.submitRoutes(
                "orders", account: world.account, updates: [.init(region: "us-east-1", percentage: 0)])
        }
        try await restarted { process in
            let entry = try #require(process.table.entries().first)
            #expect(entry.routes == routes)
            #expect(entry.members.map(\.dial) == [0, 100, 100])
        }
    }
}
