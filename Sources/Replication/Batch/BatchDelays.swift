/// When jobs whose last step met trouble are tried again: after 100 ms, then after twice as long each time, up to 10 s.
/// Pure; times are monotonic milliseconds.
struct BatchDelays {
    private struct Delay {
        var milliseconds: UInt64
        var end: UInt64
    }

    private static let first: UInt64 = 100
    private static let longest: UInt64 = 10_000

    private var delays: [String: Delay] = [:]

    func isOver(for job: String, at now: UInt64) -> Bool { delays[job].map { $0.end <= now } ?? true }

    /// Returns how long the job waits now.
    mutating func extend(for job: String, at now: UInt64) -> UInt64 {
        let milliseconds = delays[job].map { min($0.milliseconds * 2, Self.longest) } ?? Self.first
        delays[job] = Delay(milliseconds: milliseconds, end: now + milliseconds)
        return milliseconds
    }

    /// The job's step was done.
    mutating func clear(_ job: String) { delays[job] = nil }

    /// Forgets all but these jobs.
    mutating func keep(_ jobs: Set<String>) { delays = delays.filter { jobs.contains($0.key) } }
}
