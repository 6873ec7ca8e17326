import NIOCore
import S3Model
import SQLite
import Testing

@testable import Storage

/// The digests that `meridian verify` compares are, after whatever has happened, those of the versions that are there.
@Suite struct DigestTests {
    private func recomputed(_ region: TestRegion, _ bucket: BucketName = Names.bucket) throws -> DigestTable {
        let id = try region.store.bucket(bucket).id
        var table = DigestTable()
        try region.metadata.read { reader in
            try reader.scanVersions(bucket: id, from: ([], nil)) { version in
                table.insert(version)
                return .next
            }
        }
        return table
    }

    private static let texts = ["", "é", "e\u{301}", "v"]

    /// One random operation. Refusals are part of life.
    private func act(_ store: RegionStore, _ random: SeededRandom, _ past: inout [ObjectVersion]) async throws {
        let name = "k\(random.below(12))"
        let tags = [Tag(key: "t", value: Self.texts[random.below(4)])]
        switch random.below(12) {
        case 0, 1, 2: past.append(try await store.put(name, someBytes(random.below(90)), tags: tags))
        case 3: try await store.put(name, conditions: WriteConditions(ifNoneMatchAny: true))
        case 4: try await store.delete(name)
        case 5:
            guard !past.isEmpty else { return }
            let old = past[random.below(past.count)]
            try await store.delete(old.key.rawValue, version: old.versionID)
        case 6: past.append(try await store.setTags(tags, key: key(name), version: nil, bucket: Names.bucket))
        case 7: try await complete(upload: name, tags, store)
        case 8:
            var replica = try await store.put(name, someBytes(8))
            try await store.delete(name, version: replica.versionID)
            replica.stamp = VersionStamp(
                milliseconds: replica.stamp.milliseconds, counter: 5, region: Names.otherRegion.stampID)
            replica.attributesStamp = replica.stamp
            for value in [Self.texts[random.below(4)], ""] {
                if case .object(var content) = replica.content {
                    content.tags = [Tag(key: "t", value: value)]
                    replica.content = .object(content)
                }
                _ = try await store.applyReplica(
                    replica, bucket: Names.bucket, body: BufferSource(someBytes(8)), creates: true)
                replica.attributesStamp = VersionStamp(
                    milliseconds: replica.stamp.milliseconds + 1, counter: 0, region: Names.otherRegion.stampID)
            }
            past.append(replica)
        case 9: try await store.complete(try store.outbox(destination: Names.copy, after: 0, limit: 3))
        case 10:
            for entry in try store.outbox(destination: Names.copy, after: 0, limit: 1) {
                try await store.fail(entry, reason: "no")
            }
            _ = try await store.retryFailures(of: Names.bucket)
        default:
            try await store.setReplication(nil, bucket: Names.bucket)
            try await store.setVersioning(random.below(3) == 0 ? .suspended : .enabled, bucket: Names.bucket)
            if random.below(2) == 0 { try await store.replicate(to: [Names.copy]) }
        }
    }

    private func complete(upload name: String, _ tags: [Tag], _ store: RegionStore) async throws {
        let upload = try await store.createUpload(
            key(name), bucket: Names.bucket, owner: Names.owner, metadata: ObjectMetadata(), tags: tags,
            checksumAlgorithm: nil, checksumType: nil)
        let content = try await store.stage(PiecewiseSource(someBytes(50), pieces: 20), digests: DigestPlan())
        let part = try await store.putPart(
            1, upload: upload.id, key: upload.key, bucket: Names.bucket, content: content, checksum: nil)
        _ = try await store.completeUpload(
            MultipartCompletion(
                bucket: Names.bucket, key: upload.key, uploadID: upload.id,
                parts: [CompletedPart(number: 1, etag: part.etag, checksum: nil)]))
    }

    @Test(arguments: Backend.allCases, [UInt64(1), 2, 3])
    func keptDigestsAreThoseOfWhatIsThere(backend: Backend, seed: UInt64) async throws {
        try await withRegion(backend) { region in
            let random = SeededRandom(seed)
            var past: [ObjectVersion] = []
            var refused = 0
            for step in 0..<240 {
                do { try await act(region.store, random, &past) } catch is S3Error { refused += 1 }
                let kept = try region.store.digests(of: Names.bucket)
                guard try kept == recomputed(region) else {
                    Issue.record("the digests are wrong after step \(step)")
                    return
                }
            }
            #expect(refused > 0 && past.count > 50)
            #expect(try region.store.digests(of: Names.bucket).root.versions > 0)
        }
    }

    @Test(arguments: Backend.allCases)
    func digestsGoWithTheirBucket(backend: Backend) async throws {
        try await withRegion(backend) { region in
            try await region.store.put("a")
            let other = try await region.store.createBucket(Names.copy, owner: Names.owner)
            #expect(try region.store.digests(of: Names.copy) == DigestTable())
            try await region.store.put("a", bucket: Names.copy)
            try await region.store.delete("a", bucket: Names.copy)
            #expect(try region.store.digests(of: Names.copy) == DigestTable(), "nothing is left of what came and went")
            try await region.store.deleteBucket(Names.copy)
            #expect(try region.metadata.read { try $0.digests(bucket: other.id) } == DigestTable())
            #expect(try region.store.digests(of: Names.bucket).root.versions == 1)
        }
    }

    /// What regions have of their own, and what rules may change on the way, does not count; everything else does.
    @Test func whatCounts() throws {
        let plain = try Sample.object("k", 5)
        func digest(_ change: (inout ObjectVersion) -> Void) -> DigestTable {
            var version = plain
            change(&version)
            var table = DigestTable()
            table.insert(version)
            return table
        }
        func object(_ change: (inout ObjectContent) -> Void) -> DigestTable {
            digest { version in
                guard case .object(var content) = version.content else { return }
                change(&content)
                version.content = .object(content)
            }
        }
        let same = digest { _ in }
        #expect(digest { $0.replication = .replica } == same)
        #expect(digest { $0.isCurrent = true } == same)
        #expect(digest { $0.owner = Names.owner } == same)
        #expect(object { $0.data = .inline(id: 4, crc32c: 1) } == same)
        #expect(object { $0.metadata.storageClass = "GLACIER" } == same)
        #expect(digest { $0.isNull = true } != same)
        #expect(digest { $0.modified = Timestamp(milliseconds: 6) } != same)
        #expect(digest { $0.content = .deleteMarker } != same)
        #expect(object { $0.size = 4 } != same)
        #expect(object { $0.etag = ETag("e") } != same)
        #expect(object { $0.parts = [.init(number: 1, size: 3, checksum: nil)] } != same)
        #expect(object { $0.metadata.contentType = "text/plain" } != same)
        #expect(object { $0.metadata.user = [UserMetadata(name: "a", value: "b")] } != same)
        let composed = object { $0.tags = [Tag(key: "t", value: "é")] }
        let decomposed = object { $0.tags = [Tag(key: "t", value: "e\u{301}")] }
        #expect(composed != same && composed != decomposed, "bytes count, not what they look like")
    }

    @Test func slotsAreSpreadAndStay() {
        var counts = Array(repeating: 0, count: DigestTable.slotCount)
        for index in 0..<100 * DigestTable.slotCount {
            counts[DigestTable.slot(of: key("photos/2026/\(index).jpg"))] += 1
        }
        #expect(counts.allSatisfy { (50...160).contains($0) })
        // Regions of different versions must agree for ever.
        #expect(DigestTable.slot(of: key("123456789")) == 0xE306_9283 % DigestTable.slotCount)
    }

    /// A file that was written before there were digests gets them when it is opened; a record that cannot be read does not
    /// keep it from opening.
    @Test func olderFilesGetTheirDigests() async throws {
        try await withMetadataFolder { folder in
            let path = "\(folder)/m.db"
            let connection = try Connection(path: path, mode: .readWrite)
            try connection.execute(SQLiteFormat1.dump)
            let store = try SQLiteMetadataStore.open(path: path)
            let bucket = try #require(try store.read { try $0.bucket(named: Sample.name("photos")) })
            var expected = DigestTable()
            try store.read { reader in
                try reader.scanVersions(bucket: bucket.id, from: ([], nil)) { version in
                    expected.insert(version)
                    return .next
                }
            }
            #expect(expected.root.versions == 3)
            #expect(try store.read { try $0.digests(bucket: bucket.id) } == expected)
            try await store.close()

            let second = "\(folder)/damaged.db"
            let broken = try Connection(path: second, mode: .readWrite)
            try broken.execute(SQLiteFormat1.dump)
            try broken.execute("UPDATE current_objects SET record = x'01FF', large = NULL")
            let damaged = try SQLiteMetadataStore.open(path: second)
            #expect(try damaged.read { try $0.digests(bucket: bucket.id).root.versions } == 2)
            try await damaged.close()
        }
    }
}
