import Testing

@testable import S3Model

@Suite("Version stamps")
struct VersionStampTests {
    @Test(arguments: [UInt64(1), 2, 3])
    func bytesComeBackAndCompareAsStampsDo(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        func stamp() -> VersionStamp {
            VersionStamp(
                milliseconds: UInt64.random(in: 0...3, using: &random) << UInt64.random(in: 0...46, using: &random),
                counter: .random(in: 0...2, using: &random), region: .random(in: .min ... .max, using: &random))
        }
        for _ in 0..<500 {
            let (left, right) = (stamp(), stamp())
            #expect(left.bytes.withUnsafeBytes { VersionStamp(bytes: $0) } == left)
            #expect(left.bytes.lexicographicallyPrecedes(right.bytes) == (left < right))
        }
    }

    @Test(arguments: [0, 1, 15, 17, 32])
    func otherLengthsAreNoStamp(count: Int) {
        #expect([UInt8](repeating: 0, count: count).withUnsafeBytes { VersionStamp(bytes: $0) } == nil)
    }

    @Test func readsFromAnyAddress() {
        let stamp = VersionStamp(milliseconds: 0x0102_0304_0506, counter: 7, region: 0x8899_AABB)
        let shifted = [0xFF] + stamp.bytes
        #expect(
            shifted.withUnsafeBytes { VersionStamp(bytes: UnsafeRawBufferPointer(rebasing: $0.dropFirst())) } == stamp)
    }
}
