import Replication
import S3Model
import Storage
import Synchronization

/// What goes wrong in a run, drawn from its seed, and how often it did.
final class Faults: Sendable {
    struct Counts: Sendable {
        var crashes = 0
        var refusedOperations = 0
        var deliveriesWhileDown = 0
        var clockSteps = 0
        var cuts = 0
        var ruleChanges = 0
        var lostRequests = 0
        var lostReplies = 0
        var brokenBodies = 0
        var duplicates = 0
        /// Transfers that went on where an earlier one broke off.
        var resumed = 0
        var unchangedApplies = 0
        var applies = 0
        /// Attempts to deliver, whatever became of them.
        var sends = 0
        var retried = 0
        var reads = 0
        var readsThrough = 0

        mutating func add(_ other: Counts) {
            for path in Self.kinds { self[keyPath: path] += other[keyPath: path] }
        }

        var isEveryKindThere: Bool { Self.kinds.allSatisfy { self[keyPath: $0] > 0 } }

        private static var kinds: [WritableKeyPath<Counts, Int>] {
            [
                \.crashes, \.refusedOperations, \.deliveriesWhileDown, \.clockSteps, \.cuts, \.ruleChanges,
                \.lostRequests,
                \.lostReplies, \.brokenBodies, \.duplicates, \.resumed, \.unchangedApplies, \.applies, \.sends,
                \.retried,
                \.reads, \.readsThrough,
            ]
        }
    }

    let mutation: Mutation
    let crashesPerThousandSteps: Int
    let lossPercent: Int
    let duplicatePercent: Int
    let latencyMilliseconds: Int
    let clocksStep: Bool
    let rulesChange: Bool
    /// Some changes leave a region without rules, so that work fails. Else rules lead from every region to every other
    /// at any time, whichever they are: no work ever fails.
    let rulesAreRemoved: Bool
    private let on = Atomic(false)
    private let counted = Mutex(Counts())

    init(_ random: SeededRandom, mutation: Mutation) {
        self.mutation = mutation
        crashesPerThousandSteps = random.chance(60) ? random.below(30) : 0
        lossPercent = random.chance(70) ? random.below(30) : 0
        duplicatePercent = random.chance(50) ? random.below(20) : 0
        latencyMilliseconds = [1, 20, 200][random.below(3)]
        clocksStep = random.chance(50)
        rulesChange = random.chance(30)
        rulesAreRemoved = random.chance(50)
    }

    var areOn: Bool { on.load(ordering: .acquiring) }
    func turn(on value: Bool) { on.store(value, ordering: .releasing) }
    func count(_ path: any WritableKeyPath<Counts, Int> & Sendable, by number: Int = 1) {
        counted.withLock { $0[keyPath: path] += number }
    }
    var counts: Counts { counted.withLock { $0 } }
}

/// Deliberate mistakes in the code under test, which the checkers have to find.
enum Mutation: String, Sendable, CaseIterable {
    case none
    /// The planner forgets delete markers.
    case dropDeleteMarkers
    /// The planner forgets changes of tags.
    case dropTagChanges
    /// Replicas get the time of their arrival instead of their stamp.
    case restampReplicas
    /// Some replicas are acknowledged and not stored.
    case acknowledgeUnstored
    /// A region forgets at once what was removed in it for good.
    case forgetErasures
    /// Reads take whatever another region has for promised.
    case promiseEverything
    /// Some commits are answered and undone.
    case undoCommits
    /// Versions are put into the outbox for a bucket that there is not, too.
    case planNowhere
    /// Every delivery is made again and again.
    case repeatDeliveries

    /// What the checkers have to say of it. A checker that looks at nothing is noticed by that.
    var consequences: [String] {
        switch self {
        case .none: []
        case .dropDeleteMarkers: ["and not in", "verify finds missing"]
        case .dropTagChanges:
            ["differs between", "verify finds differentMetadata", "the digests of the regions differ"]
        case .restampReplicas: ["and not in"]
        case .acknowledgeUnstored: ["and not in", "verify finds missing"]
        case .forgetErasures: ["is back in"]
        case .promiseEverything: ["and never got it"]
        case .undoCommits: ["has lost the acknowledged"]
        case .planNowhere: ["failures for nowhere-bucket", "has the status failed"]
        case .repeatDeliveries: ["applies changed nothing"]
        }
    }

    func planner(for region: RegionName) -> any OutboxPlanner {
        switch self {
        case .dropDeleteMarkers: MutatedPlanner(base: RulePlanner(region: region)) { $0 != .deleteMarker }
        case .dropTagChanges: MutatedPlanner(base: RulePlanner(region: region)) { $0 != .attributes }
        case .planNowhere:
            MutatedPlanner(base: RulePlanner(region: region), addsNowhere: true) { _ in true }
        default: RulePlanner(region: region)
        }
    }
}

private struct MutatedPlanner: OutboxPlanner {
    let base: RulePlanner
    var addsNowhere = false
    let keeps: @Sendable (OutboxEntry.Kind) -> Bool

    func plan(_ version: ObjectVersion, kind: OutboxEntry.Kind, in bucket: Bucket, at time: Timestamp) -> [OutboxEntry]
    {
        guard keeps(kind) else { return [] }
        let planned = base.plan(version, kind: kind, in: bucket, at: time)
        guard addsNowhere, var nowhere = planned.first, let name = BucketName("nowhere-bucket") else { return planned }
        nowhere.destination = name
        return planned + [nowhere]
    }

    func planForJob(_ version: ObjectVersion, in bucket: Bucket, at time: Timestamp) -> [OutboxEntry] {
        base.planForJob(version, in: bucket, at: time)
    }
}
