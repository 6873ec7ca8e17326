import Environment
import Synchronization

/// Virtual time: a sleep moves the clock and returns.
final class TestTime: TimeSource {
    private let nanoseconds: Mutex<UInt64>

    init(wall milliseconds: Int64 = 1_800_000_000_000) { nanoseconds = Mutex(UInt64(milliseconds) * 1_000_000) }

    func wallMilliseconds() -> Int64 { Int64(nanoseconds.withLock { $0 } / 1_000_000) }
    func monotonicNanoseconds() -> UInt64 { nanoseconds.withLock { $0 } }
    func advance(milliseconds: Int64) { nanoseconds.withLock { $0 += UInt64(milliseconds) * 1_000_000 } }

    func sleep(nanoseconds duration: UInt64) async throws {
        try Task.checkCancellation()
        nanoseconds.withLock { $0 += duration }
        await Task.yield()
    }
}
