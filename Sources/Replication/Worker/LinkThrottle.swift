import Environment
import Synchronization

/// The bandwidth limit of one link, which may change at any time.
final class LinkThrottle: Sendable {
    private let time: any TimeSource
    private let bucket = Mutex<TokenBucket?>(nil)
    private let meter = Mutex(RateMeter())

    init(time: any TimeSource) { self.time = time }

    /// Bytes per second; `nil` for no limit.
    var limit: Int64? {
        get { bucket.withLock { $0?.rate } }
        set {
            let now = time.monotonicNanoseconds()
            bucket.withLock { bucket in
                guard newValue != bucket?.rate else { return }
                bucket = newValue.map { TokenBucket(rate: $0, now: now) }
            }
        }
    }

    /// Bytes to send at a time, so that small versions get their turn; `nil` without a limit.
    var pieceSize: Int? {
        bucket.withLock { $0.map { Int(min(max($0.rate / 20, 4_096), 1 << 20)) } }
    }

    /// Bytes that have gone through lately, those of versions that are still on their way included.
    func flow(at now: UInt64) -> RateMeter.Rate { meter.withLock { $0.rate(at: now) } }

    /// Returns when `bytes` may go. Throws `CancellationError`.
    func pass(_ bytes: Int64, isSmall: Bool, waiting: () -> Void) async throws {
        while true {
            let now = time.monotonicNanoseconds()
            let wait = bucket.withLock { $0?.take(bytes, isSmall: isSmall, now: now) ?? 0 }
            guard wait > 0 else {
                meter.withLock { $0.add(versions: 0, bytes: bytes, at: now / 1_000_000) }
                return
            }
            waiting()
            try await time.sleep(nanoseconds: wait)
        }
    }
}
