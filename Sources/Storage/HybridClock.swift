package import Environment
package import S3Model
import Synchronization

/// Issues stamps that never go back, whatever the wall clock does: each is above every stamp this region has issued or
/// seen (hybrid logical clock, Kulkarni et al. 2014).
package final class HybridClock: Sendable {
    private let region: UInt32
    private let time: any TimeSource
    private let last: Mutex<VersionStamp>

    /// `highWater` is the greatest stamp the store holds from earlier runs.
    package init(region: RegionName, time: any TimeSource, highWater: VersionStamp = .zero) {
        self.region = region.stampID
        self.time = time
        last = Mutex(.zero)
        observe(highWater)
    }

    /// The next stamp of this region.
    package func next() -> VersionStamp {
        let wall = min(UInt64(max(0, time.wallMilliseconds())), VersionStamp.latestMilliseconds)
        return last.withLock { last in
            let stamp: VersionStamp
            if wall > last.milliseconds {
                stamp = VersionStamp(milliseconds: wall, counter: 0, region: region)
            } else if last.counter < UInt32.max {
                stamp = VersionStamp(milliseconds: last.milliseconds, counter: last.counter + 1, region: region)
            } else {
                stamp = VersionStamp(milliseconds: last.milliseconds + 1, counter: 0, region: region)
            }
            last = stamp
            return stamp
        }
    }

    /// Takes note of a stamp made elsewhere. One with a time that no clock shows comes from a damaged record: it would
    /// leave no room for later stamps.
    package func observe(_ stamp: VersionStamp) {
        guard stamp.milliseconds <= VersionStamp.latestMilliseconds else { return }
        last.withLock { last in
            if stamp > last { last = stamp }
        }
    }
}
