/// Time as an input. Nothing outside the composition root reads a clock or sleeps by other means (DESIGN §5.11), so the
/// seeded simulation can run the production code in virtual time.
package protocol TimeSource: Sendable {
    /// Wall clock, milliseconds since 1970. May step in either direction.
    func wallMilliseconds() -> Int64
    /// Never goes back; nanoseconds since an arbitrary start.
    func monotonicNanoseconds() -> UInt64
    /// Returns after at least `nanoseconds`, or throws `CancellationError` when the task is cancelled first.
    func sleep(nanoseconds: UInt64) async throws
}

extension TimeSource {
    package func sleep(milliseconds: Int64) async throws {
        try await sleep(nanoseconds: UInt64(max(0, milliseconds)) * 1_000_000)
    }
}
