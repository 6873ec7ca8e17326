import S3Model
import Storage

/// The part of a link that serves one destination bucket: how far the outbox has been read, and what of it is in memory.
///
/// A pass reads the outbox in id order from the beginning. Entries of one key form a chain of which only the head is
/// queued or on its way, so a key's changes arrive in order. When an entry has to wait (not due, no room) its key is
/// blocked for the rest of the pass, and a later pass starts again from the beginning. Order therefore holds across
/// restarts as well, with no state but the outbox.
///
/// What waits for a disabled rule holds up nothing and is not remembered: there may be millions of it. A version that
/// another rule brings meanwhile is the later one at its destination, whenever the earlier one comes.
struct LinkLane {
    /// What an entry that was read is to do.
    enum Turn {
        case goes
        /// For so many milliseconds, and the later ones of its key behind it.
        case waits(UInt64)
        /// Its rule is disabled; it is looked at again after so many milliseconds.
        case sleeps(UInt64)
    }

    struct Chain: Hashable {
        let bucket: Int64
        let key: ObjectKey
        init(_ entry: OutboxEntry) {
            bucket = entry.bucket
            key = entry.key
        }
    }

    /// The id up to which this pass has read.
    private(set) var cursor: Int64 = 0
    /// Whether the pass may find more behind the cursor.
    private(set) var hasMore = true
    /// Nothing has been taken since the pass began: at its end the outbox holds nothing but waiting entries.
    private var isClean = true
    private var passedOver = 0
    private var blocked: Set<Chain> = []
    private var chains: [Chain: [OutboxEntry]] = [:]
    private var small = EntryQueue()
    private var large = EntryQueue()
    /// Ids in memory: queued, on their way, or with an outcome that is not stored yet.
    private var known: Set<Int64> = []
    private var postponing: Set<Int64> = []
    /// When (monotonic) the next pass has to start.
    private(set) var passDue: UInt64?

    var isFull: Bool { known.count >= capacity }
    var hasQueued: Bool { !small.isEmpty || !large.isEmpty }
    var knownCount: Int { known.count }
    var capacity = 32

    /// There may be new rows behind the cursor.
    mutating func wake() { hasMore = true }

    mutating func schedulePass(at time: UInt64) { passDue = min(passDue ?? .max, time) }

    /// Starts a pass when one is due. Returns `false` when the lane has nothing left to do and can go.
    mutating func advance(now: UInt64, limits: LinkLimits) -> Bool {
        if let due = passDue, due <= now {
            startPass()
        } else if passedOver > 0, !hasMore || passedOver > limits.passedOver, large.count * 2 <= limits.largeBuffered {
            startPass()
        } else if !hasMore, known.isEmpty, passedOver == 0 {
            // A pass from the beginning that takes nothing is the proof that nothing was forgotten. Where something waits
            // there will be one anyway; it is not read again and again because others come and go.
            if passDue != nil { return true }
            if isClean { return false }
            startPass()
        }
        return true
    }

    func wantsLoad(limits: LinkLimits) -> Bool { hasMore && !isFull && passedOver <= limits.passedOver }

    private mutating func startPass() {
        cursor = 0
        hasMore = true
        isClean = true
        passedOver = 0
        blocked.removeAll(keepingCapacity: true)
        passDue = nil
    }

    /// Takes what was read behind the cursor, in id order.
    mutating func take(
        _ entries: [OutboxEntry], limits: LinkLimits, now: UInt64, turn: (OutboxEntry) -> Turn
    ) {
        if entries.count < limits.loaded { hasMore = false }
        for entry in entries {
            cursor = max(cursor, entry.id)
            let chain = Chain(entry)
            if known.contains(entry.id) {
                if postponing.contains(entry.id) { blocked.insert(chain) }
                continue
            }
            if blocked.contains(chain) { continue }
            switch turn(entry) {
            case .goes: break
            case .waits(let delay):
                blocked.insert(chain)
                schedulePass(at: now + delay)
                continue
            case .sleeps(let delay):
                schedulePass(at: now + delay)
                continue
            }
            let isLarge = entry.bytes > limits.smallBytes
            if chains[chain] == nil, isLarge, large.count >= limits.largeBuffered {
                blocked.insert(chain)
                passedOver += 1
                continue
            }
            isClean = false
            known.insert(entry.id)
            chains[chain, default: []].append(entry)
            if chains[chain]?.count == 1 { enqueue(entry, limits: limits) }
        }
    }

    private mutating func enqueue(_ entry: OutboxEntry, limits: LinkLimits) {
        if entry.bytes > limits.smallBytes { large.append(entry) } else { small.append(entry) }
    }

    mutating func next(large isLarge: Bool) -> OutboxEntry? { isLarge ? large.popFirst() : small.popFirst() }

    /// The head of its chain is done; the next of the same key may go.
    mutating func finishHead(_ entry: OutboxEntry, limits: LinkLimits) {
        let chain = Chain(entry)
        guard var rest = chains.removeValue(forKey: chain), rest.first?.id == entry.id else { return }
        rest.removeFirst()
        guard let next = rest.first else { return }
        chains[chain] = rest
        enqueue(next, limits: limits)
    }

    /// The head of its chain has to wait: everything behind it is forgotten until a later pass, and it stays known while
    /// its postponement is being stored.
    mutating func suspendChain(_ entry: OutboxEntry) {
        let chain = Chain(entry)
        for waiting in chains.removeValue(forKey: chain) ?? [] { known.remove(waiting.id) }
        blocked.insert(chain)
        known.insert(entry.id)
        postponing.insert(entry.id)
    }

    /// The rule of a chain's head is disabled: what the rule has in the chain is forgotten until the pass at `time`, and
    /// the next of another rule may go.
    mutating func skipHead(_ entry: OutboxEntry, until time: UInt64, limits: LinkLimits) {
        for skipped in chains[Chain(entry)]?.dropFirst() ?? [] where skipped.ruleID == entry.ruleID {
            known.remove(skipped.id)
        }
        chains[Chain(entry)]?.removeAll { $0.ruleID == entry.ruleID && $0.id != entry.id }
        finishHead(entry, limits: limits)
        known.remove(entry.id)
        schedulePass(at: time)
    }

    /// The outcome of an entry is stored (or could not be).
    mutating func recorded(_ entry: OutboxEntry) {
        known.remove(entry.id)
        postponing.remove(entry.id)
    }
}

/// First in, first out, without moving the rest at every removal.
struct EntryQueue {
    private var entries: [OutboxEntry] = []
    private var head = 0

    var isEmpty: Bool { head == entries.count }
    var count: Int { entries.count - head }

    mutating func append(_ entry: OutboxEntry) { entries.append(entry) }

    mutating func popFirst() -> OutboxEntry? {
        guard head < entries.count else { return nil }
        defer {
            head += 1
            if head >= 64, head * 2 >= entries.count {
                entries.removeFirst(head)
                head = 0
            }
        }
        return entries[head]
    }
}
