import Environment
import S3Model
import Synchronization

/// Regions whose process could not be connected to a moment ago, so that not every request pays for finding out.
final class UnreachableRegions: Sendable {
    static let minimumNanoseconds: UInt64 = 500_000_000
    static let maximumNanoseconds: UInt64 = 10_000_000_000

    private let time: any TimeSource
    private let until = Mutex<[RegionName: UInt64]>([:])

    init(time: any TimeSource) { self.time = time }

    func contains(_ region: RegionName) -> Bool {
        until.withLock { until in
            // Nearly always nothing is down.
            if until.isEmpty { return false }
            guard let end = until[region] else { return false }
            if time.monotonicNanoseconds() < end { return true }
            until[region] = nil
            return false
        }
    }

    /// Remembered for half a second, or longer where finding out took long: a process that refuses is asked again soon, a
    /// machine that does not answer less often.
    /// - Parameter start: when the attempt to connect began, by the monotonic clock.
    func insert(_ region: RegionName, since start: UInt64) {
        let now = time.monotonicNanoseconds()
        let took = now > start ? now - start : 0
        let length = min(max(Self.minimumNanoseconds, min(took, Self.maximumNanoseconds) * 4), Self.maximumNanoseconds)
        until.withLock { $0[region] = now + length }
    }
}
