import Replication
import S3Model
import Storage

/// An outbox, a peer and two clocks around a ``LinkMachine``, which check every action it takes.
struct OutboxModel {
    struct Broken: Error, CustomStringConvertible {
        let description: String
    }

    private(set) var rows: [Int64: OutboxEntry] = [:]
    private(set) var failed: [String] = []
    private(set) var sends = 0
    /// Rows read, times that they were read.
    private(set) var reads = 0
    var fixedOutcome: LinkMachine.Outcome?
    var disabledRules: Set<String> = []
    private let random: SeededRandom
    private let limits = LinkLimits()
    private(set) var machine: LinkMachine
    private var nextID: Int64 = 1
    private var now = LinkInstant(wall: Timestamp(milliseconds: 1_000_000), monotonic: 5_000)
    private var sending: [OutboxEntry] = []
    private var recording: [LinkMachine.Action] = []
    /// Delivered or given up under this machine, whether that is stored yet or not.
    private var decided: Set<Int64> = []
    /// Rules that this machine was told to be disabled: only their work may be overtaken, and not by work of the same rule.
    private var foundDisabled: Set<String> = []
    private let destinations = ["dst-one", "dst-two", "dst-three"].map { Fixtures.bucketName($0) }

    init(seed: UInt64) {
        random = SeededRandom(seed)
        machine = LinkMachine(random: random)
    }

    var isIdle: Bool { machine.isIdle }

    static func entry(_ id: Int64, key: String, to destination: BucketName, bytes: Int64) -> OutboxEntry {
        var entry = OutboxEntry(
            bucket: 1, key: ObjectKey(stored: key),
            stamp: VersionStamp(milliseconds: UInt64(id), counter: 0, region: 1), kind: .object,
            destination: destination, ruleID: "r", bytes: bytes, enqueued: Timestamp(milliseconds: 0))
        entry.id = id
        return entry
    }

    mutating func add(key: String, bytes: Int64, isForJob: Bool = false, rule: String? = nil, to number: Int? = nil) {
        let destination = destinations[number ?? random.below(destinations.count)]
        rows[nextID] = Self.entry(nextID, key: key, to: destination, bytes: bytes)
        rows[nextID]?.isForJob = isForJob
        let rule = rule ?? (random.chance(30) ? "s" : "r")
        rows[nextID]?.ruleID = rule
        nextID += 1
        machine.wake(destination)
    }

    // MARK: Driving

    /// One random event.
    mutating func disturb() throws {
        switch random.below(100) {
        case 0..<30:
            for _ in 0...random.below(20) {
                add(key: "k\(random.below(12))", bytes: random.chance(20) ? 4 << 20 : Int64(random.below(1000)))
            }
        case 30: restart()
        case 31..<36: advance(UInt64(random.below(20_000)))
        case 36..<38:
            // The wall clock alone steps, forward or back.
            now.wall = Timestamp(milliseconds: now.wall.milliseconds + Int64(random.below(7_200_000)) - 3_600_000)
        default:
            advance(UInt64(random.below(30)))
            try answerSomething()
        }
        try act()
    }

    /// Everything is delivered from here on; bounded, or the machine is stuck.
    mutating func settle() throws {
        fixedOutcome = .delivered
        for _ in 0..<100_000 {
            try act()
            if sending.isEmpty, recording.isEmpty {
                guard let deadline = machine.deadline else { return }
                advance(deadline > now.monotonic ? deadline - now.monotonic : 0)
            } else {
                try answerSomething()
            }
        }
        throw Broken(description: "not settled: \(rows.count) rows, held \(machine.held)")
    }

    /// Answers one thing, or moves on to the deadline.
    mutating func runOne() throws {
        try act()
        if sending.isEmpty, recording.isEmpty {
            if let deadline = machine.deadline, deadline > now.monotonic { advance(deadline - now.monotonic) }
        } else {
            try answerSomething()
        }
    }

    mutating func run(for milliseconds: UInt64) throws {
        let end = now.monotonic + milliseconds
        var steps = 0
        while now.monotonic < end, steps < 100_000 {
            steps += 1
            try act()
            if sending.isEmpty, recording.isEmpty {
                let deadline = machine.deadline ?? end
                advance(min(max(deadline, now.monotonic + 1), end) - now.monotonic)
            } else {
                try answerSomething()
            }
        }
    }

    private mutating func advance(_ milliseconds: UInt64) {
        now.monotonic += milliseconds
        now.wall = Timestamp(milliseconds: now.wall.milliseconds + Int64(milliseconds))
    }

    /// The process ends: only the rows stay.
    mutating func restart() {
        machine = LinkMachine(random: random)
        sending = []
        recording = []
        decided = []
        foundDisabled = []
        for destination in destinations where rows.values.contains(where: { $0.destination == destination }) {
            machine.wake(destination)
        }
    }

    // MARK: The machine's actions

    private mutating func act() throws {
        var hasLoaded = true
        var rounds = 0
        while hasLoaded {
            hasLoaded = false
            rounds += 1
            guard rounds < 10_000 else { throw Broken(description: "the machine loads for ever") }
            for action in machine.step(now: now) {
                switch action {
                case .load(let destination, let after, let limit):
                    hasLoaded = true
                    let page = rows.values.filter { $0.destination == destination && $0.id > after }
                        .sorted { $0.id < $1.id }.prefix(limit)
                    reads += page.count
                    machine.loaded(Array(page), from: destination, now: now)
                case .send(let entry): try send(entry)
                case .complete, .postpone: recording.append(action)
                case .fail(let entry, _):
                    decided.insert(entry.id)
                    recording.append(action)
                }
            }
        }
        guard machine.held <= limits.buffered + destinations.count * limits.loaded else {
            throw Broken(description: "\(machine.held) entries in memory")
        }
    }

    private mutating func send(_ entry: OutboxEntry) throws {
        sends += 1
        if sending.contains(where: { $0.id == entry.id }) { throw Broken(description: "sent twice at once: \(entry)") }
        func isSameChain(_ other: OutboxEntry) -> Bool {
            other.key == entry.key && other.destination == entry.destination && other.bucket == entry.bucket
        }
        if sending.contains(where: isSameChain) { throw Broken(description: "two of one key at once: \(entry)") }
        if let earlier = rows.values.first(where: {
            isSameChain($0) && $0.id < entry.id && !decided.contains($0.id)
                && ($0.ruleID == entry.ruleID || !foundDisabled.contains($0.ruleID))
        }) {
            throw Broken(description: "\(entry) overtakes \(earlier)")
        }
        sending.append(entry)
        let large = sending.filter { $0.bytes > limits.smallBytes }.count
        guard large <= limits.largeInFlight, sending.count - large <= limits.smallInFlight else {
            throw Broken(description: "\(sending.count) in flight, \(large) of them large")
        }
    }

    private mutating func answerSomething() throws {
        if !recording.isEmpty, sending.isEmpty || random.chance(50) {
            record(recording.remove(at: random.below(recording.count)))
        } else if !sending.isEmpty {
            let entry = sending.remove(at: random.below(sending.count))
            let outcome = disabledRules.contains(entry.ruleID) ? .ruleDisabled : fixedOutcome ?? randomOutcome()
            if [.delivered, .erased, .gone, .superseded].contains(outcome) { decided.insert(entry.id) }
            if outcome == .superseded { rows[entry.id] = nil }
            if outcome == .ruleDisabled { foundDisabled.insert(entry.ruleID) }
            machine.finished(entry, outcome, now: now)
        }
    }

    private func randomOutcome() -> LinkMachine.Outcome {
        switch random.below(100) {
        case 0..<60: .delivered
        case 60..<62: .gone
        case 62..<63: .erased
        case 63..<65: .ruleDisabled
        case 65..<67: .superseded
        case 67..<85: .unavailable(reason: "down")
        case 85..<91: .refused(reason: "no")
        case 91..<93: .unsendable(reason: "damaged")
        default: .trouble(reason: "disk")
        }
    }

    private mutating func record(_ action: LinkMachine.Action) {
        let isStored = fixedOutcome != nil || !random.chance(5)
        if isStored {
            switch action {
            case .complete(let entries): for entry in entries { rows[entry.id] = nil }
            case .postpone(let entry, let until, _):
                rows[entry.id]?.attempts += 1
                rows[entry.id]?.notBefore = until
            case .fail(let entry, let reason):
                rows[entry.id] = nil
                failed.append(reason)
            case .load, .send: break
            }
        }
        machine.recorded(action, isStored: isStored, now: now)
    }
}
