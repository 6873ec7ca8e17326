import Environment
import S3Model
import Synchronization
import Testing

@testable import Gateway

@Suite("Forwarding: regions that could not be reached") struct UnreachableRegionsTests {
    private final class Clock: TimeSource {
        let nanoseconds = Mutex<UInt64>(1_000_000_000_000)
        func wallMilliseconds() -> Int64 { 0 }
        func monotonicNanoseconds() -> UInt64 { nanoseconds.withLock { $0 } }
        func sleep(nanoseconds: UInt64) async throws {}
        func advance(milliseconds: UInt64) { nanoseconds.withLock { $0 += milliseconds * 1_000_000 } }
    }

    /// - Parameters:
    ///   - took: how long it took to find out, in milliseconds.
    ///   - held: for how long the region is left out.
    @Test(arguments: [(0, 500), (1, 500), (200, 800), (2_000, 8_000), (5_000, 10_000), (100_000, 10_000)])
    func areLeftOutForAWhile(took: UInt64, held: UInt64) {
        let clock = Clock()
        let regions = UnreachableRegions(time: clock)
        let region = RegionName(literal: "eu-west-1")
        #expect(!regions.contains(region))
        let start = clock.monotonicNanoseconds()
        clock.advance(milliseconds: took)
        regions.insert(region, since: start)
        #expect(!regions.contains(RegionName(literal: "ap-south-1")))
        clock.advance(milliseconds: held - 1)
        #expect(regions.contains(region))
        clock.advance(milliseconds: 1)
        #expect(!regions.contains(region))
    }
}
