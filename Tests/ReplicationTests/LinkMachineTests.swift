import Replication
import S3Model
import Storage
import Testing

@Suite struct LinkMachineTests {
    /// Random work, outcomes, clocks and restarts; the outbox model checks every step, and after a quiet phase nothing
    /// may be left.
    @Test(arguments: 0..<20)
    func keepsOrderAndBoundsAndForgetsNothing(seed: Int) throws {
        var model = OutboxModel(seed: UInt64(seed))
        for _ in 0..<300 { try model.disturb() }
        try model.settle()
        #expect(model.rows.isEmpty)
        #expect(model.isIdle)
    }

    @Test func smallVersionsOvertakeLargeOnes() throws {
        var machine = LinkMachine(random: SeededRandom(1))
        let destination = Fixtures.bucketName("dst-one")
        machine.wake(destination)
        let now = LinkInstant(wall: Timestamp(milliseconds: 0), monotonic: 0)
        var rows: [OutboxEntry] = []
        for id in 1...300 {
            rows.append(OutboxModel.entry(Int64(id), key: "k\(id)", to: destination, bytes: id == 300 ? 5 : 1 << 30))
        }
        var sent: [Int64] = []
        var loads = 0
        var isLoading = true
        while isLoading, loads < 100 {
            isLoading = false
            for action in machine.step(now: now) {
                switch action {
                case .load(_, let after, let limit):
                    machine.loaded(Array(rows.filter { $0.id > after }.prefix(limit)), from: destination, now: now)
                    isLoading = true
                    loads += 1
                case .send(let entry): sent.append(entry.id)
                case .complete, .postpone, .fail: Issue.record("nothing has been sent yet: \(action)")
                }
            }
        }
        #expect(sent.contains(300))
        #expect(sent.filter { $0 != 300 } == [1, 2, 3, 4])
        #expect(machine.held <= 80)
    }

    @Test(arguments: [
        LinkMachine.Outcome.refused(reason: "DstBucketNotFound"), .unsendable(reason: "DstBucketNotFound"),
    ])
    func whatNeverGoesFailsAfterItsGrace(outcome: LinkMachine.Outcome) throws {
        var model = OutboxModel(seed: 3)
        model.fixedOutcome = outcome
        model.add(key: "a", bytes: 1)
        for _ in 0..<200 { try model.runOne() }
        #expect(model.rows.isEmpty)
        #expect(model.failed == ["DstBucketNotFound"])
        #expect(model.sends == LinkLimits().refusalAttempts)
    }

    /// What is wrong on this side says nothing of the peer.
    @Test func onlyThePeersAnswerResumesALink() throws {
        var model = OutboxModel(seed: 8)
        model.fixedOutcome = .unavailable(reason: "down")
        for index in 0..<10 { model.add(key: "k\(index)", bytes: 1) }
        try model.run(for: 5_000)
        #expect(model.machine.isPaused)
        model.fixedOutcome = .unsendable(reason: "damaged")
        try model.run(for: 2_000)
        #expect(model.machine.isPaused)
        model.fixedOutcome = .refused(reason: "no")
        try model.run(for: 2_000)
        #expect(!model.machine.isPaused)
    }

    /// A write's work is settled where a client removed the version for good; a job's work fails there, at once.
    @Test(arguments: [false, true]) func whatWasErasedIsNotTriedAgain(isForJob: Bool) throws {
        var model = OutboxModel(seed: 7)
        model.fixedOutcome = .erased
        model.add(key: "a", bytes: 1, isForJob: isForJob)
        for _ in 0..<50 { try model.runOne() }
        #expect(model.rows.isEmpty && model.sends == 1)
        #expect(model.failed == (isForJob ? ["DstObjectHardDeleted"] : []))
    }

    @Test func aFailingLinkIsProbedByOneEntryAtATime() throws {
        var model = OutboxModel(seed: 4)
        model.fixedOutcome = .unavailable(reason: "down")
        for index in 0..<100 { model.add(key: "k\(index)", bytes: 1) }
        try model.run(for: 60_000)
        #expect(model.rows.count == 100)
        // A minute of an unreachable peer: a burst at first, then probes at most four a second (half of the longest pause).
        #expect(model.sends < 240 + 2 * LinkLimits().smallInFlight)
        model.fixedOutcome = .delivered
        try model.run(for: 10_000)
        #expect(model.rows.isEmpty)
    }

    /// However long the peer was away, and whether or not this side was started anew meanwhile, everything that it missed
    /// is there soon after it is back.
    @Test(arguments: [1, 5, 200], [false, true])
    func whatWasMissedGoesAtOnceWhenThePeerIsBack(count: Int, isStartedAnew: Bool) throws {
        var model = OutboxModel(seed: UInt64(count))
        model.fixedOutcome = .unavailable(reason: "down")
        for index in 0..<count { model.add(key: "k\(index)", bytes: 1) }
        try model.run(for: 600_000)
        #expect(model.rows.count == count)
        if isStartedAnew {
            model.restart()
            try model.run(for: 1_000)
        }
        model.fixedOutcome = .delivered
        try model.run(for: 1_500)
        #expect(model.rows.isEmpty)
    }

    /// A backlog of a disabled rule, on the same keys and for the same destination, costs other rules neither order nor time.
    @Test func aDisabledRuleHoldsUpNoOther() throws {
        var model = OutboxModel(seed: 9)
        model.disabledRules = ["s"]
        model.fixedOutcome = .delivered
        for index in 0..<3_000 { model.add(key: "k\(index % 1_000)", bytes: 1, rule: "s", to: 0) }
        try model.run(for: 1_000)
        let before = model.reads
        for index in 0..<200 {
            model.add(key: "k\(index)", bytes: 1, rule: "r", to: 0)
            try model.run(for: 10)
            #expect(model.rows.count == 3_000)
        }
        // Two seconds: the backlog is not read again for each of them.
        #expect(model.reads - before < 3_000)
        model.disabledRules = []
        try model.run(for: 20_000)
        #expect(model.rows.isEmpty)
    }

    @Test func entriesOfDisabledRulesWaitWithoutFailing() throws {
        var model = OutboxModel(seed: 5)
        model.fixedOutcome = .ruleDisabled
        for index in 0..<50 { model.add(key: "k\(index % 10)", bytes: 1, rule: "r") }
        try model.run(for: 60_000)
        #expect(model.rows.count == 50)
        #expect(model.rows.values.allSatisfy { $0.attempts == 0 })
        // Seven looks in a minute, each with what was on its way together.
        #expect(model.sends <= 7 * LinkLimits().smallInFlight)
        model.fixedOutcome = .delivered
        try model.run(for: 30_000)
        #expect(model.rows.isEmpty)
    }

    @Test func backoffGrowsAndStaysBounded() {
        let backoff = Backoff(first: 100, longest: 60_000)
        let random = SeededRandom(6)
        for failures in -1...80 {
            let delay = backoff.delay(after: failures, random: random)
            let full: UInt64 = min(60_000, 100 << UInt64(min(max(failures, 0), 20)))
            #expect((full / 2...full).contains(delay))
        }
    }
}
