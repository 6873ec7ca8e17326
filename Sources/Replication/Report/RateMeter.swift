/// How many versions and bytes went through per second lately: over the last half minute, or since the first when that is
/// less. Pure; times are monotonic milliseconds.
package struct RateMeter: Sendable, Hashable {
    package struct Rate: Sendable, Hashable {
        package var versionsPerSecond: Double
        package var bytesPerSecond: Double
    }

    private static let slotMilliseconds: UInt64 = 2_000
    private static let slotCount: UInt64 = 15

    private struct Slot: Sendable, Hashable {
        var number: UInt64 = .max
        var versions: Int64 = 0
        var bytes: Int64 = 0
    }

    private var slots = [Slot](repeating: Slot(), count: Int(RateMeter.slotCount))
    private var started: UInt64?

    package init() {}

    package mutating func add(versions: Int64, bytes: Int64, at now: UInt64) {
        if started == nil { started = now }
        let number = now / Self.slotMilliseconds
        let index = Int(number % Self.slotCount)
        if slots[index].number != number { slots[index] = Slot(number: number) }
        slots[index].versions += versions
        slots[index].bytes += bytes
    }

    package func rate(at now: UInt64) -> Rate {
        guard let started else { return Rate(versionsPerSecond: 0, bytesPerSecond: 0) }
        let current = now / Self.slotMilliseconds
        let oldest = current >= Self.slotCount - 1 ? current - (Self.slotCount - 1) : 0
        let recent = slots.filter { (oldest...current).contains($0.number) }
        let begin = max(started, oldest * Self.slotMilliseconds)
        let seconds = Double(max(1_000, now > begin ? now - begin : 0)) / 1_000
        return Rate(
            versionsPerSecond: Double(recent.reduce(0) { $0 + $1.versions }) / seconds,
            bytesPerSecond: Double(recent.reduce(0) { $0 + $1.bytes }) / seconds)
    }
}
