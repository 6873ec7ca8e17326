import Environment
import Gateway
import Logging
import NIOCore
import NIOPosix
import S3Model
import Storage
import Testing

@testable import Console

/// `meridian verify` when a region is in another process.
@Suite struct VerifyOverProcessesTests {
    private func verify(_ world: TwoProcesses, repairs: Bool = false) async throws -> VerifyReport {
        try await world.ask(VerifyReport.self, repairs ? "POST" : "GET", "verify", "buckets=here,there")
    }

    @Test func equalBucketsCostKilobytes() async throws {
        let (world, peer) = try await TwoProcesses.withFakePeer()
        try await world.addRules()
        for number in 0..<2_000 { try await world.put("k\(number)", in: world.nearStore) }
        try await world.deliver(from: world.nearStore)
        _ = peer.exchanged()
        let report = try await verify(world)
        #expect(report.isEqual && report.members.map(\.versions) == [2_000, 2_000])
        #expect(!report.isWithoutRules)
        #expect(peer.exchanged() < 8_192)
    }

    @Test func differencesAreFoundAndRepairedOnBothSides() async throws {
        let (world, peer) = try await TwoProcesses.withFakePeer()
        // Written before there were rules, so that nothing is on its way.
        for number in 0..<40 {
            try await world.put("near\(number)", in: world.nearStore)
            try await world.put("far\(number)", in: world.farStore)
        }
        try await world.addRules()
        let found = try await verify(world)
        #expect(found.findings.count == 80)
        #expect(found.findings.allSatisfy { $0.verdict == "missing" && $0.isDifference && !$0.isRepaired })
        _ = peer.exchanged()
        let repaired = try await verify(world, repairs: true)
        #expect(repaired.findings.allSatisfy { $0.isRepaired })
        let waiting = try await verify(world)
        #expect(waiting.findings.allSatisfy { $0.verdict == "in-flight" })
        try await world.deliver(from: world.nearStore)
        try await world.deliver(from: world.farStore)
        #expect(try await verify(world).isEqual)
    }

    @Test func aBucketAloneIsComparedWithThoseOfItsRules() async throws {
        let (world, _) = try await TwoProcesses.withFakePeer()
        try await world.addRules()
        let report = try await world.ask(VerifyReport.self, "GET", "verify", "buckets=here")
        #expect(report.members.map(\.region) == ["us-east-1", "eu-west-1"])
    }

    /// Over sockets, with signed heads.
    @Test func overTheWireItIsTheSame() async throws {
        let key = try #require(EdgeKey(bytes: Array(repeating: 7, count: EdgeKey.byteCount)))
        let group = MultiThreadedEventLoopGroup.singleton
        let front = Front()
        let time = MachineTime()
        var client: PeerClient?
        let world = try await TwoProcesses(time: time) { services in
            let address = try await front.start(
                PeerResponder(services: services, key: key, time: time, otherwise: NoPages()), on: group)
            let peer = PeerClient(to: address, on: group, key: key, time: time)
            client = peer
            return peer
        }
        try await world.put("before", in: world.nearStore)
        try await world.addRules()
        #expect(try await verify(world).findings.map(\.key) == ["before"])
        #expect(try await verify(world, repairs: true).findings.map(\.isRepaired) == [true])
        try await world.put("k", in: world.farStore)
        try await world.deliver(from: world.farStore)
        try await world.deliver(from: world.nearStore)
        #expect(try await verify(world).isEqual)
        let report = try await world.ask(ReplicationReport.self, "GET", "replication/status")
        #expect(report.rules.map(\.sourceBucket) == ["there", "here"] && report.unreachable == nil)
        let object = try await world.ask(ObjectReport.self, "GET", "replication/object", "object=there/k")
        #expect(object.isSame && object.regions.count == 2)
        await #expect(throws: S3Error.self) {
            _ = try await world.ask(VerifyReport.self, "GET", "verify", "buckets=here,nowhere")
        }
        await front.stop()
        let alone = try await world.ask(ReplicationReport.self, "GET", "replication/status")
        #expect(alone.rules.map(\.sourceBucket) == ["here"])
        #expect(alone.unreachable?.map(\.region) == ["eu-west-1"])
        client?.close()
    }
}

private struct NoPages: ConsoleResponding {
    func respond(path: String, to request: HTTPRequest) async -> HTTPResponse { HTTPResponse(status: 404) }
}

private struct MachineTime: TimeSource {
    func wallMilliseconds() -> Int64 { 1_700_000_000_000 }
    func monotonicNanoseconds() -> UInt64 { NIODeadline.now().uptimeNanoseconds }
    func sleep(nanoseconds: UInt64) async throws { try await Silence.wait() }
}

/// A server of nothing but private pages.
private final class Front: Sendable {
    private struct Pages: HTTPResponder {
        var pages: PeerResponder

        func respond(to request: HTTPRequest) async -> HTTPResponse {
            await pages.respond(path: request.target, to: request)
        }
        func refuse(status: Int, reason: String) -> HTTPResponse { HTTPResponse(status: status) }
    }

    private let running = Running()

    private actor Running {
        var front: HTTPFront?
        func set(_ front: HTTPFront?) { self.front = front }
    }

    func start(_ pages: PeerResponder, on group: MultiThreadedEventLoopGroup) async throws -> ListenAddress {
        let front = HTTPFront(
            configuration: HTTPFrontConfiguration(addresses: [.ephemeral]), group: group,
            responder: Pages(pages: pages), tls: nil, isProxied: { _ in false }, time: MachineTime(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        try await front.start()
        await running.set(front)
        return ListenAddress(host: "127.0.0.1", port: try #require(front.boundAddresses.first?.port))
    }

    func stop() async { await running.front?.shutdown(grace: .zero) }
}
