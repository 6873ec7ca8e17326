import S3Model
import Storage
import Testing

@testable import Replication

@Suite struct BatchLifeTests {
    private static func job(
        _ id: String = "j", _ status: BatchJobStatus = .new, priority: Int = 1, created: Int64 = 0
    ) -> BatchJob {
        var job = BatchJob(
            id: id, account: Fixtures.account("111122223333"), region: Fixtures.origin,
            request: CreateJobRequest(
                report: BatchJobReport(), clientRequestToken: "t",
                manifest: BatchManifestGenerator(sourceBucketARN: "arn:aws:s3:::photos"), priority: priority,
                roleARN: "arn:aws:iam::111122223333:role/r"), created: Timestamp(milliseconds: created))
        job.status = status
        return job
    }

    private func time(_ milliseconds: Int64) -> Timestamp { Timestamp(milliseconds: milliseconds) }

    @Test func theOrdinaryLife() {
        var job = Self.job()
        for next in [BatchJobStatus.preparing, .ready, .active, .pausing, .paused, .active, .completing, .complete] {
            let hasMoved = job.move(to: next, at: time(5))
            #expect(hasMoved, "\(next)")
        }
        #expect(job.ended == time(5))
        for next in BatchJobStatus.allCases {
            let hasMoved = job.move(to: next, at: time(6))
            #expect(!hasMoved, "\(next)")
        }
    }

    @Test func whatEndsStaysEnded() {
        for status in BatchJobStatus.allCases {
            for next in BatchJobStatus.allCases where status.isFinal { #expect(!status.leads(to: next)) }
            #expect(status.leads(to: .cancelling) == !(status.isFinal || status.isEnding), "\(status)")
            #expect(!status.leads(to: status), "\(status)")
        }
    }

    @Test func timeCountsOnlyWhileActive() {
        var job = Self.job("j", .ready)
        job.move(to: .active, at: time(1_000))
        job.move(to: .pausing, at: time(4_000))
        job.move(to: .paused, at: time(9_000))
        job.move(to: .active, at: time(20_000))
        #expect(job.description(at: time(22_500)).progress.activeSeconds == 5)
        // The clock may step back; time spent never does.
        #expect(job.description(at: time(0)).progress.activeSeconds == 3)
    }

    @Test func confirmation() throws {
        var waiting = Self.job("j", .suspended)
        try waiting.request("Ready", reason: nil, at: time(1))
        #expect(waiting.status == .ready)
        for status in BatchJobStatus.allCases where status != .suspended {
            var job = Self.job("j", status)
            let error = #expect(throws: S3Error.self) { try job.request("Ready", reason: nil, at: time(1)) }
            #expect(error?.code == .jobStatusException && job.status == status)
        }
        let error = #expect(throws: S3Error.self) { try waiting.request("Paused", reason: nil, at: time(1)) }
        #expect(error?.code == .invalidRequest)
    }

    @Test func cancelling() throws {
        var job = Self.job("j", .active)
        try job.request("Cancelled", reason: "enough", at: time(1))
        #expect(job.status == .cancelling && job.statusUpdateReason == "enough")
        let error = #expect(throws: S3Error.self) { try job.request("Cancelled", reason: nil, at: time(2)) }
        #expect(error?.code == .jobStatusException)
    }

    @Test func moreThanHalfOfAThousand() {
        var job = Self.job("j", .active)
        job.progress.failed = 999
        #expect(!job.hasFailedTooOften)
        job.progress.failed = 500
        job.progress.succeeded = 500
        #expect(!job.hasFailedTooOften)
        job.progress.failed = 501
        #expect(job.hasFailedTooOften)
    }

    // MARK: The schedule

    private func names(_ jobs: [BatchJob]) -> [String] {
        BatchSchedule.actions(for: jobs).map { "\($0.id) \($0.action)" }
    }

    @Test func oneJobWorksAtATime() {
        #expect(names([Self.job("a", .ready, created: 2), Self.job("b", .ready, created: 1)]) == ["b activate"])
        #expect(names([Self.job("a", .active, created: 2), Self.job("b", .ready, created: 3)]) == ["a work"])
    }

    @Test func aHigherPriorityPausesTheOther() {
        let jobs = [Self.job("a", .active, priority: 1), Self.job("b", .ready, priority: 2)]
        #expect(names(jobs) == ["a pause", "b activate"])
        #expect(names([Self.job("a", .paused, priority: 1), Self.job("b", .active, priority: 2)]) == ["b work"])
        #expect(names([Self.job("a", .paused, priority: 1)]) == ["a activate"])
    }

    @Test func preparingAndEndingGoOnBeside() {
        let jobs = [Self.job("a", .active), Self.job("b", .new), Self.job("c", .cancelling), Self.job("d", .suspended)]
        #expect(names(jobs).sorted() == ["a work", "b prepare", "c finish"])
    }

    /// Random lives: every job that is not suspended always gets something to do, at most one is active, and no sequence
    /// of requests takes it out of its life.
    @Test(arguments: 0..<20) func randomLives(seed: UInt64) {
        let random = SeededRandom(seed)
        var jobs = (0..<6).map { Self.job("j\($0)", .new, priority: random.below(3), created: Int64(random.below(3))) }
        for step in 0..<400 {
            let now = time(Int64(step))
            for (id, action) in BatchSchedule.actions(for: jobs) {
                guard let index = jobs.firstIndex(where: { $0.id == id }) else { continue }
                Self.perform(action, on: &jobs[index], at: now, random)
            }
            #expect(jobs.count { $0.status == .active } <= 1)
            let index = random.below(jobs.count)
            if random.chance(5) { try? jobs[index].request("Cancelled", reason: nil, at: now) }
            if random.chance(30) { try? jobs[index].request("Ready", reason: nil, at: now) }
            if random.chance(20) { jobs[index].priority = random.below(5) }
        }
        for index in jobs.indices { try? jobs[index].request("Ready", reason: nil, at: time(401)) }
        for step in 0..<100 {
            for (id, action) in BatchSchedule.actions(for: jobs) {
                guard let index = jobs.firstIndex(where: { $0.id == id }) else { continue }
                Self.perform(action, on: &jobs[index], at: time(Int64(500 + step)), nil)
            }
        }
        #expect(jobs.allSatisfy { $0.status.isFinal }, "\(jobs.map(\.status))")
    }

    /// As the runner does, but for the work itself. Without `random`, everything ends at once.
    private static func perform(
        _ action: BatchJobAction, on job: inout BatchJob, at now: Timestamp, _ random: SeededRandom?
    ) {
        switch action {
        case .prepare:
            job.move(to: .preparing, at: now)
            job.move(to: random?.chance(50) == true ? .suspended : .ready, at: now)
        case .activate: job.move(to: .active, at: now)
        case .pause:
            job.move(to: .pausing, at: now)
            job.move(to: .paused, at: now)
        case .work: if random?.chance(10) ?? true { job.move(to: .completing, at: now) }
        case .finish:
            let end: BatchJobStatus =
                job.status == .completing ? .complete : job.status == .cancelling ? .cancelled : .failed
            job.move(to: end, at: now)
        }
    }
}
