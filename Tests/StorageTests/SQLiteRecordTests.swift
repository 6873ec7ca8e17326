import S3Model
import Testing

@testable import Storage

/// Stored records come back as they went in, and anything else is an error: never a crash, never a wrong value.
@Suite struct SQLiteRecordTests {
    private func decode(_ bytes: [UInt8], like version: ObjectVersion) throws -> ObjectVersion {
        try bytes.withUnsafeBytes { raw in
            try VersionRecord.decode(raw, key: version.key, stamp: version.stamp)
        }
    }

    @Test(arguments: 0..<200 as Range<UInt64>)
    func versionsComeBack(seed: UInt64) throws {
        var random = SampleRandom(seed: seed)
        let version = try Sample.version(&random)
        let bytes = VersionRecord.encode(version)
        #expect(bytes.first == 1)
        let found = try decode(bytes, like: version)
        #expect(found == version)
        // Swift compares texts by Unicode equivalence; encoding again compares the bytes.
        #expect(VersionRecord.encode(found) == bytes)
    }

    @Test(arguments: 0..<40 as Range<UInt64>)
    func partsOfVersionsAreRefused(seed: UInt64) throws {
        var random = SampleRandom(seed: seed)
        let version = try Sample.version(&random)
        let bytes = VersionRecord.encode(version)
        for length in 0..<bytes.count {
            #expect(throws: RecordError.self) { try decode(Array(bytes[..<length]), like: version) }
        }
        #expect(throws: RecordError.self) { try decode(bytes + [0], like: version) }
        #expect(throws: RecordError.self) { try decode([2] + bytes.dropFirst(), like: version) }
    }

    /// Flipped bytes may still be a record, but then one that is written as it was read.
    @Test(arguments: 0..<20 as Range<UInt64>)
    func damagedAndRandomBytesNeverCrash(seed: UInt64) throws {
        var random = SampleRandom(seed: seed)
        let version = try Sample.version(&random)
        let whole = VersionRecord.encode(version)
        let name = try Sample.name("some-bucket")
        for round in 0..<2_000 {
            var bytes = whole
            if round % 2 == 0 {
                bytes = (0..<Int.random(in: 0...200, using: &random)).map { _ in
                    UInt8.random(in: 0...255, using: &random)
                }
                if !bytes.isEmpty { bytes[0] = 1 }
            } else {
                for _ in 0..<Int.random(in: 1...3, using: &random) {
                    bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
                }
            }
            _ = try? decode(bytes, like: version)
            bytes.withUnsafeBytes { raw in
                _ = try? BucketRecord.decode(raw, id: 1, name: name)
                _ = try? UploadRecord.decode(raw, id: "u", bucket: 1, key: version.key)
                _ = try? PartRecord.decode(raw, number: 1)
            }
        }
    }

    @Test(
        arguments: [
            0, 1, 127, 128, 300, 1 << 32, 1 << 56, UInt64.max - 1, UInt64.max, 1 << 63,
        ] as [UInt64])
    func numbersComeBack(_ number: UInt64) throws {
        var writer = RecordWriter(version: 1)
        writer.write(number)
        writer.write(Int64(bitPattern: number))
        writer.write(-Int64(truncatingIfNeeded: number >> 1))
        try writer.bytes.withUnsafeBytes { raw in
            var reader = try RecordReader(raw, version: 1)
            #expect(try reader.unsigned() == number)
            #expect(try reader.signed() == Int64(bitPattern: number))
            #expect(try reader.signed() == -Int64(truncatingIfNeeded: number >> 1))
            try reader.finish()
        }
    }

    @Test(
        arguments: [
            [UInt8](repeating: 0xFF, count: 10), [UInt8](repeating: 0x80, count: 40),
            [UInt8](repeating: 0x80, count: 9) + [2],
        ] as [[UInt8]])
    func numbersOver64BitsAreRefused(_ bytes: [UInt8]) throws {
        let record = [1] + bytes
        #expect(throws: RecordError.self) {
            try record.withUnsafeBytes { raw in
                var reader = try RecordReader(raw, version: 1)
                return try reader.unsigned()
            }
        }
    }

    /// A count is never believed before the bytes for it are there.
    @Test func hugeCountsAreRefusedAtOnce() throws {
        var writer = RecordWriter(version: 1)
        writer.write(UInt64(Int64.max))
        let error = #expect(throws: RecordError.self) {
            try writer.bytes.withUnsafeBytes { raw in
                var reader = try RecordReader(raw, version: 1)
                return try reader.text()
            }
        }
        #expect(error?.reason.contains("claims") == true)
    }

    @Test func textsThatAreNotUTF8AreRefused() throws {
        let record: [UInt8] = [1, 2, 0xC3, 0x28]
        #expect(throws: RecordError.self) {
            try record.withUnsafeBytes { raw in
                var reader = try RecordReader(raw, version: 1)
                return try reader.text()
            }
        }
    }
}
