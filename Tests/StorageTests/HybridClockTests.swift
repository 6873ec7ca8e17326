import S3Model
import Testing

@testable import Storage

@Suite struct HybridClockTests {
    private static let extremes: [VersionStamp] = [
        VersionStamp(milliseconds: .max, counter: .max, region: .max),
        VersionStamp(milliseconds: 1 << 48, counter: 0, region: 0),
    ]

    /// They come from damaged records: no peer issues them.
    @Test(arguments: extremes) func stampsThatNoClockShowsDoNotStopIt(stamp: VersionStamp) throws {
        let fresh = HybridClock(region: Names.region, time: SteppingTime())
        let before = fresh.next()
        fresh.observe(stamp)
        let opened = HybridClock(region: Names.region, time: SteppingTime(), highWater: stamp)
        for clock in [fresh, opened] {
            let next = clock.next()
            #expect(next.milliseconds >= before.milliseconds)
            #expect(next < stamp)
            #expect(clock.next() > next)
        }
    }

    @Test func theLastStampsThatCountLeaveRoom() {
        let last = VersionStamp(milliseconds: VersionStamp.latestMilliseconds, counter: .max, region: .max)
        let clock = HybridClock(region: Names.region, time: SteppingTime(.max - 100))
        clock.observe(last)
        let next = clock.next()
        #expect(next > last)
        #expect(clock.next() > next)
    }

    @Test(arguments: extremes) func versionsWithSuchStampsDoNotArrive(stamp: VersionStamp) throws {
        let version = ObjectVersion(
            key: key("a"), stamp: stamp, isNull: false, content: .deleteMarker,
            modified: Timestamp(milliseconds: 1_800_000_000_000), owner: Names.owner)
        var writer = RecordWriter(version: 1)
        writer.write(version)
        let bytes = writer.bytes
        #expect(throws: RecordError.self) {
            try bytes.withUnsafeBytes { bytes in
                var reader = try RecordReader(bytes, version: 1)
                _ = try reader.objectVersion()
            }
        }
    }
}
