import Cluster
import Gateway
import Replication
import S3Model
import Storage
import Testing

@testable import Console

/// The replication commands when a region is in another process.
@Suite struct ReplicationOverProcessesTests {
    @Test func statusIsThatOfAllProcesses() async throws {
        let (world, _) = try await TwoProcesses.withFakePeer()
        try await world.addRules()
        try await world.put("a", in: world.nearStore)
        try await world.put("b", in: world.farStore)
        try await world.put("c", in: world.farStore)
        let report = try await world.ask(ReplicationReport.self, "GET", "replication/status")
        #expect(report.rules.map(\.sourceBucket) == ["there", "here"])
        #expect(report.rules.map(\.pendingVersions) == [2, 1])
        #expect(report.rules.map(\.destinationRegion) == ["us-east-1", "eu-west-1"])
        #expect(report.links.map(\.from) == ["eu-west-1", "us-east-1"])
        #expect(report.unreachable == nil)
    }

    @Test(arguments: [FakePeer.Mood.away, .garbled]) func whoDoesNotAnswerIsNamed(mood: FakePeer.Mood) async throws {
        let (world, peer) = try await TwoProcesses.withFakePeer()
        try await world.addRules()
        try await world.put("a", in: world.nearStore)
        peer.feels(mood)
        let report = try await world.ask(ReplicationReport.self, "GET", "replication/status")
        #expect(report.rules.map(\.pendingVersions) == [1])
        let missing = try #require(report.unreachable?.first)
        #expect(report.unreachable?.count == 1)
        #expect(missing.region == "eu-west-1" && missing.address == "127.0.0.1:9001")
        #expect(!missing.reason.isEmpty)
        #expect(
            try await world.ask(RetryReport.self, "POST", "replication/retry").unreachable?.map(\.region)
                == ["eu-west-1"])
        #expect(
            try await world.ask(ConflictReport.self, "GET", "replication/conflicts").unreachable?.map(\.region)
                == ["eu-west-1"])
        // What is about the other region alone cannot be answered.
        for (method, path, query) in [
            ("GET", "replication/failures", "bucket=there"), ("POST", "replication/retry", "bucket=there"),
            ("GET", "verify", "buckets=here,there"), ("GET", "verify", "buckets=here"),
            ("POST", "resync", "bucket=there"),
        ] {
            let error = await #expect(throws: S3Error.self) {
                _ = try await world.admin.perform(
                    method: method, path: path, query: try QueryItems(parsing: query[...]))
            }
            #expect(error?.code == .serviceUnavailable, "\(path)")
        }
    }

    @Test func silenceEndsWithPatience() async throws {
        let (world, peer) = try await TwoProcesses.withFakePeer(time: ImpatientTime())
        peer.feels(.silent)
        let report = try await world.ask(ReplicationReport.self, "GET", "replication/status")
        #expect(report.unreachable?.map(\.region) == ["eu-west-1"])
    }

    @Test func oneObjectIsShownFromAllRegions() async throws {
        let (world, peer) = try await TwoProcesses.withFakePeer()
        try await world.addRules()
        try await world.put("k", in: world.nearStore)
        func report() async throws -> ObjectReport {
            try await world.ask(ObjectReport.self, "GET", "replication/object", "object=here/k")
        }
        let before = try await report()
        #expect(!before.isSame)
        #expect(before.regions.map(\.region) == ["us-east-1", "eu-west-1"])
        #expect(before.regions.map(\.versions.count) == [1, 0])
        try await world.deliver(from: world.nearStore)
        let after = try await report()
        #expect(after.isSame)
        #expect(after.regions[1].versions.first?.origin == "us-east-1")
        peer.feels(.away)
        let alone = try await report()
        #expect(!alone.isSame, "what cannot be seen is not the same")
        #expect(alone.regions.map(\.bucket) == ["here", "there"])
        #expect(alone.regions[0].trouble == nil && alone.regions[1].trouble != nil)
        #expect(alone.unreachable?.map(\.region) == ["eu-west-1"])
    }

    @Test func failuresAreShownAndRetriedWhereTheyAre() async throws {
        let (world, _) = try await TwoProcesses.withFakePeer()
        try await world.addRules()
        for (store, other) in [(world.nearStore, world.there), (world.farStore, world.here)] {
            try await world.put("lost", in: store)
            let entry = try #require(try store.outbox(destination: other, after: 0, limit: 1).first)
            try await store.fail(entry, reason: "DstBucketNotFound")
        }
        let failures = try await world.ask(FailureReport.self, "GET", "replication/failures", "bucket=there")
        #expect(failures.failures.map(\.reason) == ["DstBucketNotFound"])
        let retried = try await world.ask(RetryReport.self, "POST", "replication/retry")
        #expect(Set(retried.buckets.map(\.bucket)) == ["here", "there"])
        #expect(retried.buckets.allSatisfy { $0.retried == 1 })
        #expect(try world.farStore.failures(of: world.there, limit: 10).isEmpty)
        #expect(try await world.ask(RetryReport.self, "POST", "replication/retry", "bucket=there").buckets.isEmpty)
    }

    @Test func limitsAreSetForLinksThatStartElsewhere() async throws {
        let (world, _) = try await TwoProcesses.withFakePeer()
        let report = try await world.ask(
            LimitReport.self, "POST", "replication/limit", "from=eu-west-1&to=us-east-1&rate=4096")
        #expect(report.bytesPerSecond == 4_096)
        let records = try await world.control.snapshot(prefix: "replication/limit/").records
        #expect(records.map(\.key) == ["replication/limit/eu-west-1/us-east-1"])
        await #expect(throws: S3Error.self) {
            _ = try await world.ask(LimitReport.self, "POST", "replication/limit", "from=mars&to=us-east-1&rate=4096")
        }
    }

    @Test func whatFailedForARuleThatIsGoneIsCounted() async throws {
        let (world, _) = try await TwoProcesses.withFakePeer()
        try await world.addRules()
        try await world.put("a", in: world.nearStore)
        try await world.nearStore.setReplication(nil, bucket: world.here)
        let found = try RuleBacklog.read(world.nearStore, at: Timestamp(milliseconds: 1))
        #expect(found.map(\.failedVersions) == [1])
        #expect(found.first?.isEnabled == nil && found.first?.waiting.pendingVersions == 0)
        #expect(found.first?.waiting.destination == world.there)
        let report = try await world.ask(ReplicationReport.self, "GET", "replication/status")
        #expect(report.rules.first { $0.sourceBucket == "here" }?.failedVersions == 1)
        try await world.addRules()
        _ = try await world.nearStore.retryFailures(of: world.here)
        let retried = try RuleBacklog.read(world.nearStore, at: Timestamp(milliseconds: 1))
        #expect(retried.map(\.failedVersions) == [0] && retried.first?.waiting.pendingVersions == 1)
        #expect(retried.first?.isEnabled == true)
    }

    /// Bytes that wait, the measured rate, the limit, the age of the work in seconds, and when it will be done.
    @Test(
        arguments: [
            (195 << 10, 500, 20 << 10, 5, 9.75), (195 << 10, 0, 20 << 10, 5, nil), (100, 10, nil, 5, 10),
            (100, 10, 1_000, 31, 10), (100, 10_000, 50, 31, 2), (0, 0, 20, 5, 4),
        ] as [(Int64, Double, Int64?, Int64, Double?)])
    func theLimitCountsInTheTimeLeft(bytes: Int64, rate: Double, limit: Int64?, age: Int64, seconds: Double?) {
        var link = ReplicationReport.Link(
            from: "a", to: "b", isPaused: false, inFlight: 1, limitBytesPerSecond: limit, pendingVersions: 4,
            pendingBytes: bytes, oldestAgeMilliseconds: age * 1_000, failedVersions: 0,
            versionsPerSecond: bytes == 0 ? 1 : 0, bytesPerSecond: rate, replicated: 0, retries: 0)
        #expect(RegionAdmin.eta(link) == seconds)
        link.pendingVersions = 0
        #expect(RegionAdmin.eta(link) == 0)
    }

    @Test func aMeshIsWrittenInEveryProcess() async throws {
        let (world, peer) = try await TwoProcesses.withFakePeer()
        try await world.farStore.setVersioning(.suspended, bucket: world.there)
        try await world.addAccessPoint()
        let plan = try await world.ask(MeshReport.self, "GET", "replication/mesh", "name=points")
        #expect(plan.members.map(\.bucket) == ["here", "there"])
        #expect(!plan.isComplete)
        let done = try await world.ask(
            MeshReport.self, "POST", "replication/mesh", "name=points&token=\(plan.token)")
        #expect(done.isDone && done.isComplete && !done.carriesLess, "what is done is not left to do")
        let far = try world.farStore.bucket(world.there)
        #expect(far.versioning == .enabled)
        #expect(far.replication?.rules.map(\.destination.bucket) == [world.here])
        #expect(
            try world.nearStore.bucket(world.here).replication?.rules.map(\.destination.bucket) == [world.there])
        let whole = try await world.ask(MeshReport.self, "GET", "replication/mesh", "name=points")
        #expect(whole.isComplete && !whole.isDone)
        let again = try await world.ask(
            MeshReport.self, "POST", "replication/mesh", "name=points&token=\(whole.token)")
        #expect(again.isComplete && !again.isDone, "nothing was done")
        peer.feels(.away)
        await #expect(throws: S3Error.self) {
            _ = try await world.ask(MeshReport.self, "GET", "replication/mesh", "name=points")
        }
    }

    @Test func resyncIsAJobOfTheOtherRegion() async throws {
        let (world, _) = try await TwoProcesses.withFakePeer()
        try await world.addRules()
        let started = try await world.ask(ResyncReport.self, "POST", "resync", "bucket=there&to=here")
        #expect(started.region == "eu-west-1" && started.destinations == ["here"])
        let seen = try await world.ask(ResyncReport.self, "GET", "resync", "bucket=there&job=\(started.job)")
        #expect(seen.job == started.job)
    }

    @Test func aReportInAnotherProcessIsRefusedWhenTheJobIsMade() async throws {
        let (world, _) = try await TwoProcesses.withFakePeer()
        try await world.addRules()
        var request = CreateJobRequest(
            report: BatchJobReport(isEnabled: true), clientRequestToken: "t",
            manifest: BatchManifestGenerator(sourceBucketARN: "arn:aws:s3:::here"), priority: 1,
            roleARN: "arn:aws:iam::111122223333:role/r")
        request.report.scope = .allTasks
        request.report.bucketARN = "arn:aws:s3:::there"
        let error = await #expect(throws: S3Error.self) {
            _ = try await world.admin.jobs.create(request, account: world.owner.account)
        }
        #expect(error?.code == .invalidRequest)
        #expect(error?.message.contains("another process") == true)
        request.report.bucketARN = "arn:aws:s3:::here"
        _ = try await world.admin.jobs.create(request, account: world.owner.account)
    }

    @Test func aServiceAnswersForItsOwnRegionsOnly() async throws {
        let (world, peer) = try await TwoProcesses.withFakePeer()
        func call(_ name: String, _ head: [UInt8]) async throws { _ = try await peer.call(name, .init(head: head)) }
        let foreign = try AdminCall(region: TwoProcesses.near, "GET", "replication/status").encoded()
        await #expect(throws: PeerFault.self) { try await call(AdminService.call, foreign) }
        await #expect(throws: PeerFault.self) { try await call(AdminService.call, [1, 2, 3]) }
        let unknown = try AdminCall(region: TwoProcesses.far, "POST", "replication/limit").encoded()
        await #expect(throws: PeerFault.self) { try await call(AdminService.call, unknown) }
        let digests = VerificationCall(region: TwoProcesses.near, bucket: world.here, .digests).encoded
        await #expect(throws: PeerFault.self) { try await call(VerificationService.call, digests) }
        await #expect(throws: PeerFault.self) { try await call(VerificationService.call, []) }
    }

    @Test func statusPagesSayWhoAnswers() async throws {
        let (_, peer) = try await TwoProcesses.withFakePeer()
        let status = PeerStatus(peers: [TwoProcesses.far: peer], time: StillTime())
        let well = try #require(await status.report(of: TwoProcesses.far))
        #expect(well.region.isHealthy && well.region.answers == true && well.region.buckets == 1)
        #expect(well.region.address == "127.0.0.1:9001")
        peer.feels(.away)
        let ill = try #require(await status.report(of: TwoProcesses.far))
        #expect(!ill.region.isHealthy && ill.region.answers == false && ill.region.detail != nil)
        #expect(await status.report(of: TwoProcesses.near) == nil)
        let report = StatusReport(
            server: "s", uptimeMilliseconds: 1, listeners: [], regions: [ill.region], accessPoints: [],
            replication: [], operations: [])
        #expect(report.attention.first?.contains("process of region eu-west-1 does not answer: 127.0.0.1:9001") == true)
        #expect(ConsolePage.html(report).contains("127.0.0.1:9001"))
    }

    /// Random bytes never crash what reads calls and answers.
    @Test(arguments: 0..<20 as Range<UInt64>) func damagedCallsAreRefused(seed: UInt64) async throws {
        var state = seed &+ 1
        func next(below bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        let whole = try AdminCall(
            region: TwoProcesses.far, "GET", "replication/object", ["bucket": "there", "key": "k"]
        ).encoded()
        for _ in 0..<300 {
            var bytes = whole
            for _ in 0...next(below: 4) { bytes[next(below: bytes.count)] = UInt8(next(below: 256)) }
            if next(below: 2) == 0 { bytes.removeLast(next(below: bytes.count)) }
            _ = AdminCall(decoding: bytes)
            _ = try? AdminAnswer(region: TwoProcesses.far, bytes: bytes).decode(ReplicationReport.self)
            _ = try? AdminAnswer(region: TwoProcesses.far, bytes: bytes).decode(BucketsReport.self).decoded()
        }
        #expect(AdminCall(decoding: whole) != nil)
        let later = String(decoding: whole, as: UTF8.self).replacing("\"version\":1", with: "\"version\":2")
        #expect(AdminCall(decoding: Array(later.utf8)) == nil)
    }
}
