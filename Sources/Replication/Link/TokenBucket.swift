/// A limit on bytes per second, with a short burst. Pure; times are monotonic nanoseconds.
///
/// A piece of any size may go as soon as there is anything left, and what it takes too much is owed by the next one. Small
/// versions may run into debt, so they overtake large ones that wait here.
package struct TokenBucket: Sendable {
    /// Nobody waits longer than this before asking again, so that a new limit counts at once.
    package static let longestWait: UInt64 = 250_000_000
    private static let shortestWait: UInt64 = 1_000_000

    /// Bytes per second.
    package let rate: Int64
    private var tokens: Double
    private var updated: UInt64

    package init(rate: Int64, now: UInt64) {
        self.rate = max(1, rate)
        tokens = Self.burst(max(1, rate))
        updated = now
    }

    /// A tenth of a second's worth.
    private static func burst(_ rate: Int64) -> Double { max(1, Double(rate) / 10) }

    /// Takes `bytes` and returns 0, or returns how long to wait before asking again.
    package mutating func take(_ bytes: Int64, isSmall: Bool, now: UInt64) -> UInt64 {
        if now > updated {
            tokens = min(Self.burst(rate), tokens + Double(now - updated) * Double(rate) / 1e9)
            updated = now
        }
        let floor = isSmall ? -Double(rate) / 2 : 0
        if tokens > floor {
            tokens -= Double(bytes)
            return 0
        }
        let wait = (floor - tokens) / Double(rate) * 1e9
        return max(Self.shortestWait, wait < Double(Self.longestWait) ? UInt64(wait) : Self.longestWait)
    }
}
