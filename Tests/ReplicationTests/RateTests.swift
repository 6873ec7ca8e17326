import Replication
import Testing

@Suite struct RateTests {
    @Test func meterCountsTheLastHalfMinute() {
        var meter = RateMeter()
        #expect(meter.rate(at: 5_000).versionsPerSecond == 0)
        for second in 0..<60 { meter.add(versions: 10, bytes: 1_000, at: UInt64(second) * 1_000) }
        let rate = meter.rate(at: 60_000)
        #expect((9...11).contains(rate.versionsPerSecond))
        #expect((900...1_100).contains(rate.bytesPerSecond))
        #expect(meter.rate(at: 120_000).versionsPerSecond == 0)
        var young = RateMeter()
        young.add(versions: 5, bytes: 5, at: 100_000)
        #expect(young.rate(at: 100_000).versionsPerSecond == 5)
    }

    @Test(arguments: [1_000, 100_000, 10_000_000, 1 << 40] as [Int64])
    func limitHolds(rate: Int64) {
        var bucket = TokenBucket(rate: rate, now: 0)
        var now: UInt64 = 0
        var sent: Int64 = 0
        let piece = max(1, rate / 20)
        while now < 20_000_000_000 {
            let wait = bucket.take(piece, isSmall: false, now: now)
            #expect(wait <= TokenBucket.longestWait)
            if wait == 0 { sent += piece } else { now += wait }
        }
        let expected = Double(rate) * 20
        #expect((expected * 0.95...expected * 1.05).contains(Double(sent)), "\(sent) of \(expected)")
    }

    /// However many large pieces wait, a small one goes within the limit's debt.
    @Test func smallOvertakesLarge() {
        var bucket = TokenBucket(rate: 1_000, now: 0)
        #expect(bucket.take(300, isSmall: false, now: 0) == 0)
        #expect(bucket.take(300, isSmall: false, now: 0) > 0)
        #expect(bucket.take(300, isSmall: true, now: 0) == 0)
        // In debt by half a second's worth now: even small ones wait.
        #expect(bucket.take(300, isSmall: true, now: 0) > 0)
    }
}
