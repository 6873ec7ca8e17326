import Environment
import S3Model
import Storage
import Synchronization

/// The thin shell around one ``LinkMachine``: it does what the machine says, a task per entry on its way, and tells it
/// what came of it. It waits for events only; nothing polls.
final class OutboxWorker: Sendable {
    private enum Event: Sendable {
        case woken
        case timer(UInt64)
        case finished(OutboxEntry, LinkMachine.Outcome)
        case recorded(LinkMachine.Action, isStored: Bool)
    }

    /// The region at the other end; `nil` for destinations that no region has.
    private let peer: RegionName?
    private let sender: ReplicaSender
    private let limits: LinkLimits
    private let random: any RandomSource
    private let hooks: ReplicationHooks
    private let inbox = Mutex<Set<BucketName>>([])
    private let signal = AsyncSignal()
    private let state = Mutex(LinkCondition())

    init(
        peer: RegionName?, sender: ReplicaSender, limits: LinkLimits, random: any RandomSource,
        hooks: ReplicationHooks
    ) {
        self.peer = peer
        self.sender = sender
        self.limits = limits
        self.random = random
        self.hooks = hooks
    }

    var condition: LinkCondition { state.withLock { $0 } }

    /// The outbox may have new entries for these destinations.
    func wake(_ destinations: [BucketName]) {
        inbox.withLock { $0.formUnion(destinations) }
        signal.notify()
    }

    /// Drains the outbox until the task is cancelled.
    func run() async {
        await withTaskGroup(of: Event.self) { group in
            var machine = LinkMachine(limits: limits, random: random)
            // Deadlines that a child task is sleeping for.
            var timers: Set<UInt64> = []
            waitForWake(&group)
            while !Task.isCancelled {
                for destination in inbox.withLock({ take(&$0) }) { machine.wake(destination) }
                perform(&machine, in: &group)
                startTimer(for: machine.deadline, timers: &timers, in: &group)
                note(machine)
                guard let event = await group.next() else { break }
                handle(event, machine: &machine, timers: &timers, in: &group)
            }
            group.cancelAll()
        }
    }

    private func take(_ inbox: inout Set<BucketName>) -> [BucketName] {
        defer { inbox.removeAll(keepingCapacity: true) }
        return inbox.sorted { $0.rawValue.utf8.lexicographicallyPrecedes($1.rawValue.utf8) }
    }

    private func handle(
        _ event: Event, machine: inout LinkMachine, timers: inout Set<UInt64>, in group: inout TaskGroup<Event>
    ) {
        let now = LinkInstant(sender.time)
        switch event {
        case .woken: waitForWake(&group)
        case .timer(let deadline): timers.remove(deadline)
        case .finished(let entry, let outcome):
            count(entry, outcome)
            machine.finished(entry, outcome, now: now)
        case .recorded(let action, let isStored):
            if isStored { countStored(action, now: now) }
            machine.recorded(action, isStored: isStored, now: now)
        }
    }

    // MARK: Actions

    /// Pages read before other events have their turn: behind a disabled rule there may be thousands with nothing to send.
    private static let loadsPerTurn = 16

    private func perform(_ machine: inout LinkMachine, in group: inout TaskGroup<Event>) {
        for _ in 0..<Self.loadsPerTurn {
            var hasLoaded = false
            for action in machine.step(now: LinkInstant(sender.time)) {
                switch action {
                case .load(let destination, let after, let limit):
                    hasLoaded = true
                    load(destination, after: after, limit: limit, into: &machine)
                case .send(let entry):
                    group.addTask { [sender] in .finished(entry, await sender.send(entry)) }
                case .complete, .postpone, .fail:
                    group.addTask { [store = sender.store, hooks] in
                        .recorded(action, isStored: await Self.record(action, in: store, hooks))
                    }
                }
            }
            if !hasLoaded { return }
        }
        signal.notify()
    }

    private func load(_ destination: BucketName, after: Int64, limit: Int, into machine: inout LinkMachine) {
        let now = LinkInstant(sender.time)
        do {
            machine.loaded(try entries(for: destination, after: after, limit: limit), from: destination, now: now)
        } catch {
            hooks.notice(.storeTrouble(reason: "reading the outbox: \(error)"))
            machine.loadFailed(destination, now: now)
        }
    }

    private func entries(for destination: BucketName, after: Int64, limit: Int) throws -> [OutboxEntry] {
        do {
            return try sender.store.outbox(destination: destination, after: after, limit: limit)
        } catch StorageError.corrupt(let detail) {
            hooks.notice(.storeTrouble(reason: "reading the outbox: \(detail)"))
            return try sender.store.undamagedOutbox(destination: destination, after: after, limit: limit)
        }
    }

    private static func record(
        _ action: LinkMachine.Action, in store: RegionStore, _ hooks: ReplicationHooks
    ) async -> Bool {
        do {
            switch action {
            case .complete(let entries): try await store.complete(entries)
            case .postpone(let entry, let until, let reason):
                try await store.postpone(entry, until: until, reason: reason)
            case .fail(let entry, let reason): try await store.fail(entry, reason: reason)
            case .load, .send: break
            }
            return true
        } catch {
            hooks.notice(.storeTrouble(reason: "recording what was sent: \(error)"))
            return false
        }
    }

    private func waitForWake(_ group: inout TaskGroup<Event>) {
        group.addTask { [signal] in
            await signal.wait()
            return .woken
        }
    }

    /// Sleeps are only added for deadlines before all others, so there are few.
    private func startTimer(for deadline: UInt64?, timers: inout Set<UInt64>, in group: inout TaskGroup<Event>) {
        guard let deadline, deadline < timers.min() ?? .max else { return }
        timers.insert(deadline)
        let now = LinkInstant(sender.time).monotonic
        group.addTask { [time = sender.time] in
            // Cancelled means stopping: the loop sees that itself.
            try? await time.sleep(milliseconds: Int64(deadline > now ? deadline - now : 1))
            return .timer(deadline)
        }
    }

    // MARK: Counting

    private func count(_ entry: OutboxEntry, _ outcome: LinkMachine.Outcome) {
        switch outcome {
        case .delivered, .erased, .gone: state.withLock { $0.lastFailure = nil }
        case .ruleDisabled, .superseded: break
        case .unavailable(let reason), .refused(let reason), .unsendable(let reason), .trouble(let reason):
            hooks.counters.update(peer) { $0.retries += 1 }
            state.withLock { $0.lastFailure = reason }
        }
    }

    private func countStored(_ action: LinkMachine.Action, now: LinkInstant) {
        switch action {
        case .complete(let entries):
            hooks.counters.update(peer) { reading in
                for entry in entries {
                    reading.replicated += 1
                    reading.bytes += entry.bytes
                    reading.meter.add(versions: 1, bytes: entry.bytes, at: now.monotonic)
                    reading.addLag(milliseconds: now.wall.milliseconds - entry.enqueued.milliseconds)
                }
            }
            for entry in entries { countForRule(entry, now: now) }
        case .fail(let entry, let reason):
            hooks.counters.update(peer) { $0.failed += 1 }
            if let bucket = sender.store.bucket(id: entry.bucket) {
                hooks.counters.update(Self.rule(of: entry, in: bucket)) { $0.failed += 1 }
            }
            hooks.notice(.failed(entry, reason: reason))
        case .load, .send, .postpone: break
        }
    }

    private func countForRule(_ entry: OutboxEntry, now: LinkInstant) {
        guard let bucket = sender.store.bucket(id: entry.bucket) else { return }
        let age = now.wall.milliseconds - entry.enqueued.milliseconds
        let isLate =
            age > ReplicationRule.Destination.thresholdMilliseconds
            && bucket.replication?.rule(id: entry.ruleID)?.destination.watchesThreshold == true
        hooks.counters.update(Self.rule(of: entry, in: bucket)) { reading in
            reading.replicated += 1
            reading.bytes += entry.bytes
            reading.meter.add(versions: 1, bytes: entry.bytes, at: now.monotonic)
            if isLate { reading.replicatedAfterThreshold += 1 }
        }
        if isLate { hooks.notice(.replicatedAfterThreshold(entry, milliseconds: age)) }
    }

    private static func rule(of entry: OutboxEntry, in bucket: Bucket) -> ReplicationCounters.Rule {
        ReplicationCounters.Rule(source: bucket.name, destination: entry.destination, id: entry.ruleID)
    }

    private func note(_ machine: LinkMachine) {
        let before = state.withLock { state in
            defer {
                state.isPaused = machine.isPaused
                state.inFlight = machine.inFlight
            }
            return state
        }
        if machine.isPaused, !before.isPaused {
            hooks.notice(.linkPaused(peer, reason: before.lastFailure ?? "unavailable"))
        } else if !machine.isPaused, before.isPaused {
            hooks.notice(.linkResumed(peer))
        }
    }
}
