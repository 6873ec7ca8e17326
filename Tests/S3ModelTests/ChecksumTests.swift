import CChecksums
import S3Model
import Testing

@Suite struct ChecksumTests {
    static let check = Array("123456789".utf8)

    @Test func checkValuesOfTheCatalogue() {
        #expect(meridian_crc32(0, Self.check, 9) == 0xCBF4_3926)
        #expect(meridian_crc32c(0, Self.check, 9) == 0xE306_9283)
        #expect(meridian_crc64nvme(0, Self.check, 9) == 0xAE8B_1486_0A79_9888)
        #expect(meridian_crc32_portable(0, Self.check, 9) == 0xCBF4_3926)
        #expect(meridian_crc32c_portable(0, Self.check, 9) == 0xE306_9283)
        #expect(meridian_crc64nvme_portable(0, Self.check, 9) == 0xAE8B_1486_0A79_9888)
    }

    @Test func longKnownAnswers() {
        // iSCSI's test vectors (RFC 3720 B.4) and zlib's for a million bytes of 'a'.
        #expect(meridian_crc32c(0, [UInt8](repeating: 0, count: 32), 32) == 0x8A91_36AA)
        #expect(meridian_crc32c(0, [UInt8](repeating: 0xFF, count: 32), 32) == 0x62A8_AB43)
        let million = [UInt8](repeating: UInt8(ascii: "a"), count: 1_000_000)
        #expect(meridian_crc32(0, million, million.count) == 0xDC25_BFBC)
    }

    @Test func acceleratedEqualsPortable() {
        var generator = SeededGenerator(seed: 1)
        let data = generator.bytes(70_000)
        data.withUnsafeBytes { all in
            for round in 0..<2_000 {
                let offset = Int.random(in: 0..<64, using: &generator)
                let bound = round < 1_900 ? 1_200 : all.count - offset
                let length = Int.random(in: 0...bound, using: &generator)
                let start = all.baseAddress.map { $0 + offset }
                let seed = generator.next()
                let seed32 = UInt32(truncatingIfNeeded: seed)
                #expect(meridian_crc32(seed32, start, length) == meridian_crc32_portable(seed32, start, length))
                #expect(meridian_crc32c(seed32, start, length) == meridian_crc32c_portable(seed32, start, length))
                #expect(meridian_crc64nvme(seed, start, length) == meridian_crc64nvme_portable(seed, start, length))
            }
        }
    }

    @Test func everyShortLengthBitByBit() {
        var generator = SeededGenerator(seed: 2)
        let data = generator.bytes(260)
        var expected: UInt64 = ~0
        for length in 1...data.count {
            expected ^= UInt64(data[length - 1])
            for _ in 0..<8 { expected = expected >> 1 ^ (expected & 1 == 1 ? 0x9A6C_9329_AC4B_C9B5 : 0) }
            #expect(meridian_crc64nvme(0, data, length) == ~expected)
        }
    }

    @Test(arguments: ChecksumAlgorithm.allCases)
    func piecesEqualTheWhole(_ algorithm: ChecksumAlgorithm) {
        var generator = SeededGenerator(seed: 3)
        let data = generator.bytes(10_000)
        let whole = Checksums.compute(algorithm, data)
        #expect(whole.count == algorithm.byteCount)
        for _ in 0..<50 {
            var hasher = ChecksumHasher(algorithm)
            var rest = data[...]
            while !rest.isEmpty {
                let count = Int.random(in: 0...min(3_000, rest.count), using: &generator)
                hasher.update(Array(rest.prefix(count)))
                rest = rest.dropFirst(count)
            }
            #expect(hasher.finish() == whole)
        }
    }

    @Test(arguments: ChecksumAlgorithm.allCases.filter(\.combines))
    func combineEqualsTheWhole(_ algorithm: ChecksumAlgorithm) {
        var generator = SeededGenerator(seed: 4)
        for _ in 0..<200 {
            let first = generator.bytes(Int.random(in: 0...500, using: &generator))
            let second = generator.bytes(Int.random(in: 0...500, using: &generator))
            let combined = Checksums.combine(
                algorithm, Checksums.compute(algorithm, first), Checksums.compute(algorithm, second),
                bLength: Int64(second.count))
            #expect(combined == Checksums.compute(algorithm, first + second))
        }
    }

    @Test func combineAcrossManyGigabytes() {
        // Of nothing but zeros, one more at the front and one more at the back are the same bytes.
        let zeros = Checksums.compute(.crc64nvme, [UInt8](repeating: 0, count: 1 << 20))
        var doubled = zeros
        for power in 20..<40 { doubled = Checksums.combine(.crc64nvme, doubled, doubled, bLength: 1 << power) }
        let first = Checksums.combine(.crc64nvme, zeros, doubled, bLength: 1 << 40)
        let last = Checksums.combine(.crc64nvme, doubled, zeros, bLength: 1 << 20)
        #expect(first == last)
    }

    @Test func valuesAsS3WritesThem() {
        #expect(Base64.encode(Checksums.compute(.crc32, Self.check)) == "y/Q5Jg==")
        #expect(Base64.encode(Checksums.compute(.sha1, [])) == "2jmj7l5rSw0yVb/vlWAYkK/YBwk=")
        #expect(Base64.encode(Checksums.compute(.sha256, [])) == "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")
        let part = Checksums.compute(.crc32, Self.check)
        let composite = Checksums.composite(.crc32, parts: [part, part])
        #expect(composite == Base64.encode(Checksums.compute(.crc32, part + part)) + "-2")
    }
}
