import Foundation
import NIOCore
import S3Model
import Testing

@testable import Storage

@Suite struct FileBlobStoreTests {
    private func open(_ folder: TestFolder, seed: UInt64 = 1) async throws -> FileBlobStore {
        try await FileBlobStore.open("\(folder.path)/data", threads: 2, random: SeededRandom(seed))
    }

    private func write(_ store: FileBlobStore, _ bytes: ByteBuffer, pieces: Int = 65_536) async throws -> BlobID {
        let writer = try await store.create()
        let source = PiecewiseSource(bytes, pieces: pieces)
        while let piece = try await source.next() { try await writer.append(piece, digest: nil) }
        return try await writer.commit()
    }

    private func file(_ folder: TestFolder, _ blob: BlobID) -> String {
        let fields = blob.rawValue.split(separator: "-")
        return "\(folder.path)/data/blobs/\(fields[0])/\(fields[1].prefix(2))/\(fields[1])"
    }

    @Test(arguments: [0, 1, 262_143, 262_144, 262_145, 1_048_576, 3_000_000])
    func returnsWhatWasWritten(size: Int) async throws {
        let folder = try TestFolder()
        let store = try await open(folder)
        let bytes = someBytes(size)
        let digest = ContentDigest(DigestPlan())
        let expected = ContentDigest(DigestPlan())
        expected.update(bytes)
        let writer = try await store.create()
        let source = PiecewiseSource(bytes, pieces: 100_000)
        while let piece = try await source.next() { try await writer.append(piece, digest: digest) }
        let blob = try await writer.commit()
        #expect(digest.finish() == expected.finish())
        let random = SeededRandom(UInt64(size))
        var ranges = [0..<size]
        for _ in 0..<20 where size > 0 {
            let lower = random.below(size)
            ranges.append(lower..<(lower + random.below(size - lower) + 1))
        }
        for range in ranges {
            let reader = try store.reader(of: blob, range: Int64(range.lowerBound)..<Int64(range.upperBound))
            let read = try await reader.collect(upTo: size)
            #expect(read == bytes.getSlice(at: range.lowerBound, length: range.count), "\(range)")
        }
        await #expect(throws: StorageError.self) {
            _ = try await store.reader(of: blob, range: 0..<Int64(size + 1)).collect(upTo: size + 1)
        }
        // Kept pieces do not change when the reader goes on.
        let reader = try store.reader(of: blob, range: 0..<Int64(size))
        var pieces: [ByteBuffer] = []
        while let piece = try await reader.next() { pieces.append(piece) }
        #expect(pieces.allSatisfy { $0.readableBytes <= 1 << 20 && $0.readableBytes > 0 })
        #expect(pieces.reduce(into: ByteBuffer()) { _ = $0.writeImmutableBuffer($1) } == bytes)
        try await store.remove([blob, blob])
        await #expect(throws: StorageError.self) {
            _ = try await store.reader(of: blob, range: 0..<Int64(max(1, size))).collect(upTo: size)
        }
        try await store.close()
    }

    /// Every byte of the file matters: wherever one bit is wrong, nothing of that block is handed out.
    @Test(arguments: [0, 300_000, 599_999, 600_000, 600_010, 600_012, 600_020, 600_030, 600_039])
    func aFlippedBitIsFound(at position: Int) async throws {
        let folder = try TestFolder()
        let store = try await open(folder)
        let bytes = someBytes(600_000)
        let blob = try await write(store, bytes)
        let path = file(folder, blob)
        var contents = try Data(contentsOf: URL(fileURLWithPath: path))
        #expect(contents.count == 600_000 + 3 * 4 + BlobFooter.byteCount)
        contents[position] ^= 4
        try contents.write(to: URL(fileURLWithPath: path))
        do {
            let reader = try store.reader(of: blob, range: 0..<600_000)
            var good = 0
            while let piece = try await reader.next() {
                #expect(piece == bytes.getSlice(at: good, length: piece.readableBytes))
                good += piece.readableBytes
            }
            Issue.record("a wrong bit at \(position) was not found")
        } catch let error as StorageError {
            switch error {
            case .corrupt(let detail): #expect(detail.contains(blob.rawValue.split(separator: "-")[1]))
            case .unusable: break
            default: Issue.record("\(error)")
            }
        }
        try await store.close()
    }

    @Test(arguments: [0, 1, 27, 28, 599_000])
    func truncatedFilesAreFound(size: Int) async throws {
        let folder = try TestFolder()
        let store = try await open(folder)
        let blob = try await write(store, someBytes(600_000))
        let handle = try #require(FileHandle(forWritingAtPath: file(folder, blob)))
        try handle.truncate(atOffset: UInt64(size))
        try handle.close()
        await #expect(throws: StorageError.self) {
            _ = try await store.reader(of: blob, range: 0..<10).collect(upTo: 10)
        }
        try await store.close()
    }

    @Test func namesDoNotLeadOutOfTheFolder() async throws {
        let folder = try TestFolder()
        let store = try await open(folder)
        for name in ["", "../../etc/passwd", "00000001-../../..", "00000001-ABCDEF00000000000000000000000000"] {
            #expect(throws: StorageError.self) { _ = try store.reader(of: BlobID(name), range: 0..<1) }
            await #expect(throws: StorageError.self) { try await store.remove([BlobID(name)]) }
        }
        try await store.close()
    }

    @Test func abandonedAndDiscardedWritersLeaveNothing() async throws {
        let folder = try TestFolder()
        var store = try await open(folder)
        var writer: (any BlobWriter)? = try await store.create()
        try await writer?.append(someBytes(3_000_000), digest: nil)
        await writer?.discard()
        #expect(folder.files() == ["data/format"])
        writer = try await store.create()
        try await writer?.append(someBytes(3_000_000), digest: nil)
        // Lands the flight, as the next piece of a body would.
        try await writer?.append(someBytes(1_100_000), digest: nil)
        #expect(folder.files().count == 2, "the staged file of a process that ends now")
        writer = nil
        try await store.close()
        store = try await open(folder, seed: 2)
        #expect(folder.files().filter { $0.contains("staging") }.isEmpty)
        try await store.close()
    }

    @Test func epochsTellWhatToLookAt() async throws {
        let folder = try TestFolder()
        var store = try await open(folder, seed: 1)
        let clean = try await write(store, someBytes(10))
        #expect(try await store.unconfirmed().isEmpty)
        try await store.close()
        // An unclean end: the lock goes with the object, and nothing is marked.
        var lost: BlobID?
        do {
            let crashed = try await open(folder, seed: 2)
            #expect(try await crashed.unconfirmed().isEmpty)
            lost = try await write(crashed, someBytes(20))
            await crashed.abandon()
        }
        store = try await open(folder, seed: 3)
        #expect(try await store.unconfirmed() == [try #require(lost)])
        #expect(try await store.reader(of: clean, range: 0..<10).collect(upTo: 10) == someBytes(10))
        try await store.confirmAll()
        try await store.close()
        store = try await open(folder, seed: 4)
        #expect(try await store.unconfirmed().isEmpty)
        try await store.close()
    }

    @Test func foreignFoldersAreLeftAlone() async throws {
        let folder = try TestFolder()
        try Data("x".utf8).write(to: URL(fileURLWithPath: "\(folder.path)/other"))
        await #expect(throws: StorageError.self) {
            _ = try await FileBlobStore.open(folder.path, threads: 1, random: SeededRandom(1))
        }
        #expect(folder.files() == ["other"])
        let newer = try TestFolder()
        try Data("meridian-blobs 2\n".utf8).write(to: URL(fileURLWithPath: "\(newer.path)/format"))
        await #expect(throws: StorageError.self) {
            _ = try await FileBlobStore.open(newer.path, threads: 1, random: SeededRandom(1))
        }
        let taken = try TestFolder()
        let store = try await open(taken)
        await #expect(throws: StorageError.self) { _ = try await open(taken) }
        try await store.close()
    }

    @Test func regionOverFiles() async throws {
        let folder = try TestFolder()
        let metadata = InMemoryMetadataStore()
        let planner = EveryRulePlanner()
        let files = try await open(folder, seed: 1)
        let store = try await RegionStore.open(
            region: Names.region, metadata: metadata, blobs: files, time: SteppingTime(), random: SeededRandom(9),
            planner: planner)
        _ = try await store.createBucket(Names.bucket, owner: Names.owner)
        let bytes = someBytes(5_000_000)
        try await store.put("kept", bytes)
        try await store.put("gone", bytes)
        // Received, never put: then the process ends.
        _ = try await store.stage(PiecewiseSource(bytes, pieces: 100_000), digests: DigestPlan())
        try await store.delete("gone")
        #expect(folder.files().filter { $0.contains("blobs/") }.count == 3)
        await files.abandon()

        let again = try await open(folder, seed: 2)
        let reopened = try await RegionStore.open(
            region: Names.region, metadata: metadata.reopened(), blobs: again, time: SteppingTime(),
            random: SeededRandom(10), planner: planner)
        #expect(folder.files().filter { $0.contains("blobs/") && !$0.contains("confirmed") }.count == 1)
        #expect(try await reopened.get("kept") == bytes)
        try await reopened.close()
    }
}
