package import Environment
package import S3Model

/// The bounds and times of one replication link. Times are milliseconds.
package struct LinkLimits: Sendable {
    /// Versions on the way at once, in two pools so that small ones never queue behind large ones, nor starve them.
    package var smallInFlight = 32
    package var largeInFlight = 4
    /// A version with more bytes than this is large.
    package var smallBytes: Int64 = 1 << 20
    /// Entries held in memory, over all destination buckets of the link; the rest stay in the outbox.
    package var buffered = 512
    /// Large entries held in memory per destination bucket; more are passed over so that small ones behind them are seen.
    package var largeBuffered = 64
    /// How many large entries one pass over the outbox passes over before it stops and waits for room.
    package var passedOver = 2_048
    /// Entries read from the outbox at once.
    package var loaded = 128
    /// Entries completed in one transaction.
    package var completed = 256
    /// Repeats of one entry after the peer was unavailable to it, while others get through.
    package var unavailable = Backoff(first: 50, longest: 5_000)
    /// Repeats of one entry while nothing gets through: short, because what was missed has to go at once when the peer is
    /// back, however long it was away. The link's pause keeps the number of tries down.
    package var away = Backoff(first: 50, longest: 500)
    /// Repeats of one entry after any other trouble.
    package var trouble = Backoff(first: 100, longest: 60_000)
    /// What is refused or cannot be sent is tried this often before the entry fails: a bucket may be on its way.
    package var refusalAttempts = 8
    /// After so many failures in a row the link as a whole pauses, then probes with one entry.
    package var failuresToPause = 4
    package var pause = Backoff(first: 50, longest: 500)
    /// How often entries of a disabled rule are looked at.
    package var ruleRecheck: UInt64 = 10_000
    /// Wait after the store did not take an outcome.
    package var storeRetry: UInt64 = 1_000

    package init() {}
}

/// Exponential backoff with jitter over the upper half.
package struct Backoff: Sendable, Hashable {
    package var first: UInt64
    package var longest: UInt64

    package init(first: UInt64, longest: UInt64) {
        self.first = first
        self.longest = longest
    }

    /// Milliseconds before the try that follows `failures` earlier ones: between half and all of `first * 2^failures`,
    /// never above `longest`.
    package func delay(after failures: Int, random: any RandomSource) -> UInt64 {
        let doubled = first << UInt64(min(max(failures, 0), 20))
        let full = max(1, min(longest, doubled))
        return full - random.uniform(below: full / 2 + 1)
    }
}

/// Now, on both clocks: the wall clock for what is stored, the monotonic one for waiting (milliseconds).
package struct LinkInstant: Sendable, Hashable {
    package var wall: Timestamp
    package var monotonic: UInt64

    package init(wall: Timestamp, monotonic: UInt64) {
        self.wall = wall
        self.monotonic = monotonic
    }

    package init(_ time: any TimeSource) {
        wall = Timestamp(milliseconds: time.wallMilliseconds())
        monotonic = time.monotonicNanoseconds() / 1_000_000
    }
}
