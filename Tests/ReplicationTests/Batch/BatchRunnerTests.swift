import Cluster
import S3Model
import Storage
import Testing

@testable import Replication

@Suite struct BatchRunnerTests {
    @Test func everythingOnce() async throws {
        let world = try await BatchWorld()
        for number in 0..<700 { try await world.put("k\(number)") }
        try await world.promise()
        let made = try await world.create()
        let sent = try await world.run()
        let job = try await world.job(made.id)
        #expect(job.status == .complete && job.ended != nil)
        #expect(job.progress.total == 700 && job.progress.succeeded == 700 && job.progress.failed == 0)
        #expect(sent.count == 700 && sent.values.allSatisfy { $0 == 1 })
        #expect(job.progress.bytes == job.progress.totalBytes)
    }

    /// Whatever is lost between two steps, every version is counted once and is in the report once; what is sent twice is
    /// bounded by what was under way when trouble came.
    @Test(arguments: 0..<12) func troubleLosesAndDoublesNothing(seed: UInt64) async throws {
        let world = try await BatchWorld(seed: seed, trouble: 8)
        let count = 200 + world.random.below(500)
        for number in 0..<count { try await world.put("k\(number)") }
        try await world.promise()
        let made = try await world.create()
        let sent = try await world.run(refusing: seed.isMultiple(of: 2) ? 20 : 0)
        let job = try await world.job(made.id)
        #expect(job.status == .complete, "\(job.status)")
        #expect(job.progress.succeeded + job.progress.failed == Int64(count) && job.progress.total == Int64(count))
        #expect(sent.count == count)
        let lines = try await world.lines(of: job)
        #expect(lines.count == count && Set(lines).count == count)
        #expect(lines.count { $0.contains(",failed,") } == Int(job.progress.failed))
        let failures = try world.store.failures(of: BatchWorld.source, limit: count)
        #expect(failures.count == Int(job.progress.failed))
    }

    @Test func aJobThatMostlyFailsGivesUp() async throws {
        let world = try await BatchWorld()
        for number in 0..<1_700 { try await world.put("k\(number)") }
        try await world.promise()
        let made = try await world.create()
        _ = try await world.run(refusing: 100)
        let job = try await world.job(made.id)
        #expect(job.status == .failed && job.failures.map(\.code) == ["TooManyFailedTasks"])
        #expect((1_000..<1_700).contains(job.progress.failed))
    }

    @Test func theWindowIsBounded() async throws {
        let world = try await BatchWorld()
        for number in 0..<600 { try await world.put("k\(number)") }
        try await world.promise()
        _ = try await world.create()
        let runner = world.runner()
        for _ in 0..<12 { _ = try await runner.pass() }
        let waiting = try world.store.outbox(destination: BatchWorld.destination, after: 0, limit: 5_000)
        #expect(waiting.count == BatchJobRunner.windowSize)
    }

    @Test func confirmationAndCancelling() async throws {
        let world = try await BatchWorld()
        try await world.put("k")
        try await world.promise()
        let made = try await world.create(confirm: true)
        let runner = world.runner()
        for _ in 0..<5 { _ = try await runner.pass() }
        let waiting = try await world.job(made.id)
        #expect(waiting.status == .suspended && waiting.progress.total == 1 && waiting.progress.totalBytes == 1)
        _ = try await world.registry.setStatus(made.id, account: made.account, to: "Cancelled", reason: "no")
        _ = try await world.run()
        let job = try await world.job(made.id)
        #expect(job.status == .cancelled && job.reportParts.isEmpty && job.statusUpdateReason == "no")
        let waitingFor = try world.store.outboxDestinations()
        #expect(waitingFor.isEmpty)
    }

    @Test func aMoreUrgentJobGoesFirst() async throws {
        let world = try await BatchWorld()
        for number in 0..<50 { try await world.put("k\(number)") }
        try await world.promise()
        let slow = try await world.create(priority: 1)
        let runner = world.runner()
        for _ in 0..<5 { _ = try await runner.pass() }
        #expect(try await world.job(slow.id).status == .active)
        let urgent = try await world.create(priority: 2)
        for _ in 0..<3 { _ = try await runner.pass() }
        #expect(try await world.job(slow.id).status == .paused)
        #expect(try await world.job(urgent.id).status == .active)
        _ = try await world.run()
        for id in [slow.id, urgent.id] {
            let job = try await world.job(id)
            #expect(job.status == .complete && job.progress.succeeded == 50)
        }
    }

    @Test func aReportThatCannotBeWrittenFailsTheJob() async throws {
        let world = try await BatchWorld()
        try await world.put("k")
        try await world.promise()
        let made = try await world.create()
        try await world.store.deleteBucket(BatchWorld.reports)
        _ = try await world.run()
        let job = try await world.job(made.id)
        #expect(job.status == .failed && job.failures.map(\.code) == ["ReportNotWritten"])
        #expect(job.progress.succeeded == 1)
    }

    @Test func rulesThatGoEndTheJob() async throws {
        let world = try await BatchWorld()
        try await world.put("k")
        try await world.promise()
        let made = try await world.create()
        try await world.store.setReplication(nil, bucket: BatchWorld.source)
        _ = try await world.run()
        let job = try await world.job(made.id)
        #expect(job.status == .failed && job.failures.map(\.code) == ["SrcBucketReplicationConfigMissing"])
    }

    // MARK: Trouble of one job

    private let damage = StorageError.corrupt(detail: "the version of key k")
    private let slowDisk = StorageError.io(operation: "read", detail: "the disk stands still")

    @Test func damageFailsOneJobAndNoOther() async throws {
        let world = try await BatchWorld()
        try await world.put("k")
        try await world.promise()
        let damaged = try await world.create(priority: 2)
        let other = try await world.create(priority: 1)
        world.metadata.failNextRead(with: damage)
        #expect(try await world.runner().pass() == .busy)
        let failing = try await world.job(damaged.id)
        #expect(failing.status == .failing)
        #expect(failing.failures == [.init(code: "DamagedData", reason: damage.description)])
        #expect(try await world.job(other.id).status == .ready)
        _ = try await world.run()
        #expect(try await world.job(damaged.id).status == .failed)
        #expect(try await world.job(other.id).status == .complete)
    }

    /// The job goes on when the trouble is over, and shows it no longer.
    @Test func troubleIsShownWhileItLasts() async throws {
        let world = try await BatchWorld()
        try await world.put("k")
        try await world.promise()
        let waiting = try await world.create(priority: 2)
        let other = try await world.create(priority: 1)
        let runner = world.runner()
        world.metadata.failNextRead(with: slowDisk)
        _ = try await runner.pass()
        let shown = try await world.job(waiting.id).description(at: waiting.created)
        #expect(shown.status == "New")
        #expect(shown.failures == [.init(code: "Retrying", reason: slowDisk.description)])
        #expect(try await world.job(other.id).status == .ready)
        // The disk answers again, but it was asked a moment ago.
        _ = try await runner.pass()
        #expect(try await world.job(waiting.id).status == .new)
        _ = try await world.run()
        for id in [waiting.id, other.id] {
            let job = try await world.job(id)
            #expect(job.status == .complete && job.description(at: job.created).failures.isEmpty)
        }
    }

    /// What the control store has of a job's work is damaged.
    @Test(arguments: [true, false])
    func damagedRecordsFailOneJob(inWindow: Bool) async throws {
        let world = try await BatchWorld()
        try await world.put("k")
        try await world.promise()
        let damaged = try await world.create(priority: 2)
        let other = try await world.create(priority: 1)
        var transaction = ControlTransaction()
        transaction.writes = [
            .put(
                key: inWindow ? BatchKeys.window(damaged.id) : BatchKeys.outcomes(damaged.id, 2), value: [0xFF, 1]),
            .put(key: BatchKeys.open("none"), value: [0xFF]),
        ]
        _ = try await world.control.commit(transaction)
        _ = try await world.run()
        let job = try await world.job(damaged.id)
        #expect(job.status == .failed && job.failures.count == 1, "\(job.status) \(job.failures)")
        #expect(try await world.job(other.id).status == .complete)
    }

    @Test func delaysGrowAndEnd() {
        var delays = BatchDelays()
        #expect(delays.isOver(for: "a", at: 0))
        let waits = (0..<9).map { _ in delays.extend(for: "a", at: 1_000) }
        #expect(waits == [100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000])
        #expect(!delays.isOver(for: "a", at: 10_999) && delays.isOver(for: "a", at: 11_000))
        #expect(delays.isOver(for: "b", at: 0))
        delays.keep(["b"])
        #expect(delays.isOver(for: "a", at: 0))
    }

    @Test func oldJobsAreForgotten() async throws {
        let world = try await BatchWorld()
        try await world.promise()
        let made = try await world.create()
        _ = try await world.run()
        try await world.registry.prune(Fixtures.origin)
        #expect(try await world.job(made.id).status == .complete)
        var stored = try await world.registry.stored(made.id, made.account)
        stored.job.ended = Timestamp(milliseconds: 1)
        let isStored = try await world.registry.control.commitIfUnchanged(try stored.transaction())
        #expect(isStored)
        try await world.registry.prune(Fixtures.origin)
        let error = await #expect(throws: S3Error.self) { try await world.job(made.id) }
        #expect(error?.code == .noSuchJob)
    }
}
