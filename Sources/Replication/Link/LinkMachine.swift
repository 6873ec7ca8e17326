package import Environment
package import S3Model
package import Storage

/// Decides what one replication link does next: which outbox entries to read, send, complete, postpone and fail. Pure:
/// events in, actions out; its only lasting state is the outbox, so a new machine goes on exactly where another stopped.
///
/// * Entries of one key and destination bucket are sent one after another in outbox order, different keys in parallel.
/// * Small versions have slots of their own and overtake large ones.
/// * A failed entry waits with exponential backoff and jitter; a failing link pauses as a whole and probes with one entry.
/// * What is in memory is bounded by ``LinkLimits``.
package struct LinkMachine {
    package enum Action: Sendable, Hashable {
        /// Read entries of this destination with an id above `after`, due or not, and give them to ``loaded(_:from:now:)``
        /// at once, before the next event.
        case load(BucketName, after: Int64, limit: Int)
        /// Deliver, then report with ``finished(_:_:now:)``.
        case send(OutboxEntry)
        /// Store these outcomes, then report with ``recorded(_:isStored:now:)``.
        case complete([OutboxEntry])
        case postpone(OutboxEntry, until: Timestamp, reason: String)
        case fail(OutboxEntry, reason: String)
    }

    /// What became of a sent entry.
    package enum Outcome: Sendable, Hashable {
        case delivered
        /// The destination remembers that the version was removed there for good: it never comes back.
        case erased
        /// The version has been deleted here since: nothing is left to do.
        case gone
        /// The entry is no longer in the outbox; what has taken its place is read from there.
        case superseded
        /// The entry's rule is disabled: it waits without counting as failed.
        case ruleDisabled
        /// The link or the peer is down.
        case unavailable(reason: String)
        /// The peer will not take it.
        case refused(reason: String)
        /// It cannot be sent from here: its bytes or its record are damaged, or it has no rule or destination any more.
        case unsendable(reason: String)
        /// Something is wrong here that passes, for example the store cannot be read.
        case trouble(reason: String)
    }

    private struct RuleName: Hashable {
        let bucket: Int64
        let id: String
    }

    private let limits: LinkLimits
    private let random: any RandomSource
    private var lanes: [BucketName: LinkLane] = [:]
    /// Round robin over the lanes.
    private var order: [BucketName] = []
    private var turn = 0
    private var smallSending = 0
    private var largeSending = 0
    private var disabledUntil: [RuleName: UInt64] = [:]
    private var completed: [OutboxEntry] = []
    private var isCompleting = false
    private var outcomes: [Action] = []
    private var failuresInARow = 0
    /// The peer has answered since this machine began.
    private var hasAnswered = false
    private var pausedUntil: UInt64 = 0

    package init(limits: LinkLimits = LinkLimits(), random: any RandomSource) {
        self.limits = limits
        self.random = random
    }

    /// Entries on their way now.
    package var inFlight: Int { smallSending + largeSending }
    /// Entries in memory, in flight included.
    package var held: Int { lanes.values.reduce(0) { $0 + $1.knownCount } }
    /// The peer has failed repeatedly; only probes go out.
    package var isPaused: Bool { failuresInARow >= limits.failuresToPause }
    package var isIdle: Bool { lanes.isEmpty && inFlight == 0 && completed.isEmpty && !isCompleting }

    /// The outbox may have new entries for this destination.
    package mutating func wake(_ destination: BucketName) {
        if lanes[destination] == nil {
            lanes[destination] = LinkLane()
            order.append(destination)
            shareCapacity()
        } else {
            lanes[destination]?.wake()
        }
    }

    private mutating func shareCapacity() {
        let share = max(32, limits.buffered / max(1, order.count))
        for name in order { lanes[name]?.capacity = share }
    }

    // MARK: Deciding

    /// Everything to start now. Call again after every event, and at ``deadline``.
    package mutating func step(now: LinkInstant) -> [Action] {
        var actions = outcomes
        outcomes.removeAll(keepingCapacity: true)
        disabledUntil = disabledUntil.filter { $0.value > now.monotonic }
        advanceLanes(now: now.monotonic, into: &actions)
        if !isCompleting, !completed.isEmpty {
            isCompleting = true
            actions.append(.complete(Array(completed.prefix(limits.completed))))
            completed.removeFirst(min(limits.completed, completed.count))
        }
        startSends(now: now.monotonic, into: &actions)
        return actions
    }

    private mutating func advanceLanes(now: UInt64, into actions: inout [Action]) {
        let limits = limits
        var removed = false
        for name in order {
            guard let stays = lanes[name]?.advance(now: now, limits: limits) else { continue }
            if !stays {
                lanes[name] = nil
                removed = true
            } else if let lane = lanes[name], lane.wantsLoad(limits: limits) {
                actions.append(.load(name, after: lane.cursor, limit: limits.loaded))
            }
        }
        if removed {
            order.removeAll { lanes[$0] == nil }
            shareCapacity()
        }
    }

    private mutating func startSends(now: UInt64, into actions: inout [Action]) {
        if isPaused {
            // One probe at a time, and only when the pause is over.
            guard now >= pausedUntil, inFlight == 0 else { return }
            guard let probe = nextQueued(large: false, now: now) ?? nextQueued(large: true, now: now) else { return }
            start(probe, into: &actions)
            return
        }
        while smallSending < limits.smallInFlight, let entry = nextQueued(large: false, now: now) {
            start(entry, into: &actions)
        }
        while largeSending < limits.largeInFlight, let entry = nextQueued(large: true, now: now) {
            start(entry, into: &actions)
        }
    }

    private mutating func start(_ entry: OutboxEntry, into actions: inout [Action]) {
        if entry.bytes > limits.smallBytes { largeSending += 1 } else { smallSending += 1 }
        actions.append(.send(entry))
    }

    private mutating func nextQueued(large: Bool, now: UInt64) -> OutboxEntry? {
        let limits = limits
        for offset in 0..<order.count {
            let index = (turn + offset) % order.count
            while let entry = lanes[order[index]]?.next(large: large) {
                if let until = disabledUntil[RuleName(bucket: entry.bucket, id: entry.ruleID)] {
                    // Its rule was found to be disabled after it was queued.
                    lanes[order[index]]?.skipHead(entry, until: until, limits: limits)
                    continue
                }
                turn = (index + 1) % order.count
                return entry
            }
        }
        return nil
    }

    /// When (monotonic milliseconds) ``step(now:)`` has something to do without another event; `nil` for never.
    package var deadline: UInt64? {
        var earliest: UInt64?
        for lane in lanes.values {
            if let due = lane.passDue { earliest = min(earliest ?? .max, due) }
            if isPaused, inFlight == 0, lane.hasQueued { earliest = min(earliest ?? .max, pausedUntil) }
        }
        return earliest
    }

    // MARK: Events

    /// The answer to ``Action/load(_:after:limit:)``.
    package mutating func loaded(_ entries: [OutboxEntry], from destination: BucketName, now: LinkInstant) {
        let limits = limits
        let disabled = disabledUntil
        lanes[destination]?.take(entries, limits: limits, now: now.monotonic) { entry in
            // Until the next ``step(now:)`` forgets it, and begins a pass: no entry of the rule goes before an earlier one.
            if let until = disabled[RuleName(bucket: entry.bucket, id: entry.ruleID)] {
                return .sleeps(until > now.monotonic ? until - now.monotonic : 0)
            }
            let (wait, isBeyond) = entry.notBefore.milliseconds.subtractingReportingOverflow(now.wall.milliseconds)
            // No postponement is longer than this: the wall clock has stepped back, and the entry is due.
            let longest = max(limits.trouble.longest, limits.unavailable.longest)
            return isBeyond || wait <= 0 || wait > Int64(longest) ? .goes : .waits(UInt64(wait))
        }
    }

    /// The outbox could not be read.
    package mutating func loadFailed(_ destination: BucketName, now: LinkInstant) {
        let limits = limits
        lanes[destination]?.take([], limits: limits, now: now.monotonic) { _ in .goes }
        lanes[destination]?.schedulePass(at: now.monotonic + limits.storeRetry)
    }

    package mutating func finished(_ entry: OutboxEntry, _ outcome: Outcome, now: LinkInstant) {
        let limits = limits
        if entry.bytes > limits.smallBytes { largeSending -= 1 } else { smallSending -= 1 }
        switch outcome {
        case .erased where entry.isForJob:
            noteAnswer()
            outcomes.append(.fail(entry, reason: RegionStore.erasedThere))
            lanes[entry.destination]?.finishHead(entry, limits: limits)
        case .delivered, .erased, .gone:
            if outcome != .gone { noteAnswer() }
            completed.append(entry)
            lanes[entry.destination]?.finishHead(entry, limits: limits)
        case .superseded:
            lanes[entry.destination]?.finishHead(entry, limits: limits)
            lanes[entry.destination]?.recorded(entry)
        case .ruleDisabled:
            let until = now.monotonic + limits.ruleRecheck
            disabledUntil[RuleName(bucket: entry.bucket, id: entry.ruleID)] = until
            lanes[entry.destination]?.skipHead(entry, until: until, limits: limits)
        case .unavailable(let reason):
            noteFailure(now: now.monotonic)
            let isAway = isPaused || !hasAnswered
            postpone(entry, isAway ? limits.away : limits.unavailable, reason: reason, now: now)
        case .refused(let reason):
            noteAnswer()
            failAfterGrace(entry, reason: reason, now: now)
        // Says nothing of the peer: a link that is paused stays so.
        case .unsendable(let reason):
            failAfterGrace(entry, reason: reason, now: now)
        case .trouble(let reason):
            postpone(entry, limits.trouble, reason: reason, now: now)
        }
    }

    /// A failed entry holds up the later ones of its key no longer, and can be retried by hand.
    private mutating func failAfterGrace(_ entry: OutboxEntry, reason: String, now: LinkInstant) {
        let limits = limits
        if entry.attempts + 1 >= limits.refusalAttempts {
            outcomes.append(.fail(entry, reason: reason))
            lanes[entry.destination]?.finishHead(entry, limits: limits)
        } else {
            postpone(entry, limits.trouble, reason: reason, now: now)
        }
    }

    private mutating func noteAnswer() {
        failuresInARow = 0
        hasAnswered = true
    }

    private mutating func noteFailure(now: UInt64) {
        // Sends that were under way together fail together; they count once per pause.
        if isPaused, now < pausedUntil { return }
        failuresInARow += 1
        guard isPaused else { return }
        pausedUntil = now + limits.pause.delay(after: failuresInARow - limits.failuresToPause, random: random)
    }

    private mutating func postpone(_ entry: OutboxEntry, _ backoff: Backoff, reason: String, now: LinkInstant) {
        let delay = backoff.delay(after: entry.attempts, random: random)
        lanes[entry.destination]?.suspendChain(entry)
        lanes[entry.destination]?.schedulePass(at: now.monotonic + delay)
        let until = Timestamp(milliseconds: now.wall.milliseconds + Int64(delay))
        outcomes.append(.postpone(entry, until: until, reason: reason))
    }

    /// The outcomes of these entries are in the store, or (`isStored` false) the store did not take them: then they are
    /// read and sent again, which is harmless.
    package mutating func recorded(_ action: Action, isStored: Bool, now: LinkInstant) {
        let limits = limits
        let entries: [OutboxEntry]
        switch action {
        case .complete(let batch):
            isCompleting = false
            entries = batch
        case .postpone(let entry, let until, _):
            entries = [entry]
            let left = max(1, until.milliseconds - now.wall.milliseconds)
            let longest = Int64(max(limits.trouble.longest, limits.unavailable.longest))
            lanes[entry.destination]?.schedulePass(at: now.monotonic + UInt64(min(left, longest)))
        case .fail(let entry, _): entries = [entry]
        case .load, .send: return
        }
        for entry in entries {
            lanes[entry.destination]?.recorded(entry)
            if !isStored { lanes[entry.destination]?.schedulePass(at: now.monotonic + limits.storeRetry) }
        }
    }
}
