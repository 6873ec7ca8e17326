import Environment
import Synchronization

/// A region's clocks: the wall clock is off, drifts and steps; the monotonic one is the world's.
final class RegionClock: TimeSource {
    private let world: World
    private let driftPerMillion: Int64
    private let offset: Mutex<Int64>

    init(_ world: World, offset: Int64, driftPerMillion: Int64) {
        self.world = world
        self.offset = Mutex(offset)
        self.driftPerMillion = driftPerMillion
    }

    func wallMilliseconds() -> Int64 {
        let elapsed = Int64(world.milliseconds)
        return 1_800_000_000_000 + offset.withLock { $0 } + elapsed + elapsed * driftPerMillion / 1_000_000
    }

    func monotonicNanoseconds() -> UInt64 { world.now }
    func sleep(nanoseconds: UInt64) async throws { try await world.sleep(nanoseconds: nanoseconds) }
    func step(by milliseconds: Int64) { offset.withLock { $0 += milliseconds } }
}
