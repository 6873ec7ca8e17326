import NIOCore
import S3Model
import Storage
import Testing

/// What every ``MetadataStore`` does with bytes and references to them, uploads and the outbox.
@Suite struct MetadataContractDataTests {
    private func garbage(_ store: any MetadataStore) throws -> Set<String> {
        Set(try store.read { try $0.garbage(limit: 1000).map(\.rawValue) })
    }

    @Test(arguments: MetadataStoreFactory.all)
    func inlineBytesLiveAsLongAsTheirVersion(_ factory: MetadataStoreFactory) async throws {
        try await factory.withStore { store in
            let bytes = ByteBuffer(bytes: (0..<40_000).map { UInt8(truncatingIfNeeded: $0 &* 31) })
            let id = try await store.write { try $0.insertInlineData(bytes) }
            let second = try await store.write { try $0.insertInlineData(ByteBuffer()) }
            #expect(id != second)
            #expect(try store.read { try $0.inlineData(id: id) } == bytes)
            #expect(try store.read { try $0.inlineData(id: second) } == ByteBuffer())
            #expect(try store.read { try $0.inlineData(id: second + 1) } == nil)

            let version = try Sample.object("k", 1, data: .inline(id: id, crc32c: 1))
            try await store.write { try $0.insert(version: version, bucket: 1) }
            // The same row with the same bytes keeps them; with others it lets them go.
            try await store.write { try $0.insert(version: version, bucket: 1) }
            #expect(try store.read { try $0.inlineData(id: id) } == bytes)
            let replaced = try Sample.object("k", 1, data: .inline(id: second, crc32c: 1))
            try await store.write { try $0.insert(version: replaced, bucket: 1) }
            #expect(try store.read { try $0.inlineData(id: id) } == nil)
            try await store.write { try $0.delete(version: replaced, bucket: 1) }
            #expect(try store.read { try $0.inlineData(id: second) } == nil)
            let third = try await store.write { try $0.insertInlineData(ByteBuffer()) }
            #expect(third != id && third != second, "ids are not used again: a reader may still hold one")
        }
    }

    @Test(arguments: MetadataStoreFactory.all)
    func blobsBecomeGarbageWithTheirLastReference(_ factory: MetadataStoreFactory) async throws {
        try await factory.withStore { store in
            let first = try Sample.object("k", 1, data: Sample.blobs("a", "b"))
            let second = try Sample.object("k", 2, data: Sample.blobs("b", "c"))
            try await store.write { transaction in
                try transaction.insert(version: first, bucket: 1)
                try transaction.insert(version: second, bucket: 1)
                try transaction.insert(version: second, bucket: 1)
                try transaction.insert(garbage: [BlobID("a"), BlobID("refused")])
            }
            #expect(try garbage(store) == ["refused"], "blobs in use are never garbage")
            #expect(try store.read { try $0.isReferenced(blob: BlobID("b")) })
            try await store.write { try $0.delete(version: second, bucket: 1) }
            #expect(try garbage(store) == ["refused", "c"])
            #expect(try store.read { try $0.isReferenced(blob: BlobID("b")) })
            let replaced = try Sample.object("k", 1, data: Sample.blobs("b", "d"))
            try await store.write { try $0.insert(version: replaced, bucket: 1) }
            #expect(try garbage(store) == ["refused", "c", "a"])
            #expect(try store.read { try $0.garbage(limit: 1).count } == 1)
            try await store.write { try $0.delete(garbage: [BlobID("a"), BlobID("c"), BlobID("none")]) }
            #expect(try garbage(store) == ["refused"])
            try await store.write { try $0.delete(version: replaced, bucket: 1) }
            #expect(try garbage(store) == ["refused", "b", "d"])
        }
    }

    @Test(arguments: MetadataStoreFactory.all)
    func uploadsAreScannedByKeyThenID(_ factory: MetadataStoreFactory) async throws {
        try await factory.withStore { store in
            for (id, key) in [("r.2", "b"), ("r.1", "b"), ("r.3", "a"), ("r.4", "c/1"), ("r.5", "c/2"), ("r.6", "d")] {
                let upload = try Sample.upload(id, key, bucket: 1)
                try await store.write { try $0.insert(upload: upload) }
            }
            func ids(_ key: String, _ id: String, _ step: (MultipartUpload) -> ScanStep = { _ in .next }) throws
                -> [String]
            {
                var found: [String] = []
                try store.read { reader in
                    try reader.scanUploads(bucket: 1, from: (Array(key.utf8), id)) { upload in
                        found.append(upload.id)
                        return step(upload)
                    }
                }
                return found
            }
            #expect(try ids("", "") == ["r.3", "r.1", "r.2", "r.4", "r.5", "r.6"])
            #expect(try ids("b", "r.2") == ["r.2", "r.4", "r.5", "r.6"])
            #expect(try ids("b", "r.9") == ["r.4", "r.5", "r.6"])
            #expect(try ids("b", "", { _ in .seek(Array("c/2".utf8)) }) == ["r.1", "r.5", "r.6"])
            #expect(
                try ids("", "", { $0.key.rawValue.hasPrefix("c/") ? .seek(Array("c/".utf8) + [0xFF]) : .next })
                    == ["r.3", "r.1", "r.2", "r.4", "r.6"])
            #expect(try ids("b", "", { _ in .stop }) == ["r.1"])
            #expect(try store.read { try $0.isEmpty(bucket: 1) } == false)
            #expect(try store.read { try $0.upload(id: "r.4")?.key.rawValue } == "c/1")
            #expect(try store.read { try $0.upload(id: "r.7") } == nil)
        }
    }

    @Test(arguments: MetadataStoreFactory.all, [true, false])
    func completedPartsHandOverTheirData(_ factory: MetadataStoreFactory, deletesFirst: Bool) async throws {
        try await factory.withStore { store in
            let upload = try Sample.upload("r.1", "k", bucket: 1)
            let inline = try await store.write { transaction in
                try transaction.insert(upload: upload)
                let inline = try transaction.insertInlineData(ByteBuffer(string: "tail"))
                for (number, blob) in [(1, "p1-old"), (2, "p2"), (1, "p1"), (10, "p10")] {
                    try transaction.insert(part: Sample.part(number, data: Sample.blobs(blob)), upload: "r.1")
                }
                try transaction.insert(part: Sample.part(11, data: .inline(id: inline, crc32c: 0)), upload: "r.1")
                return inline
            }
            #expect(try garbage(store) == ["p1-old"])
            func numbers(_ after: Int, _ limit: Int) throws -> [Int] {
                try store.read { try $0.parts(upload: "r.1", after: after, limit: limit).map(\.number) }
            }
            #expect(try numbers(0, 1000) == [1, 2, 10, 11])
            #expect(try numbers(1, 2) == [2, 10])
            #expect(try numbers(11, 1000) == [])
            let part = try store.read { try $0.parts(upload: "r.1", after: 9, limit: 1).first }
            #expect(part == Sample.part(10, data: Sample.blobs("p10")))

            let version = try Sample.object("k", 5, data: Sample.blobs("p1", "p10"))
            try await store.write { transaction in
                if deletesFirst { try transaction.delete(upload: "r.1", keeping: [1, 10]) }
                try transaction.insert(version: version, bucket: 1)
                if !deletesFirst { try transaction.delete(upload: "r.1", keeping: [1, 10]) }
            }
            #expect(try garbage(store) == ["p1-old", "p2"])
            #expect(try store.read { try $0.inlineData(id: inline) } == nil)
            #expect(try store.read { try $0.upload(id: "r.1") } == nil)
            #expect(try numbers(0, 1000) == [])
            try await store.write { try $0.delete(version: version, bucket: 1) }
            #expect(try garbage(store) == ["p1-old", "p2", "p1", "p10"])
            #expect(try store.read { try $0.isEmpty(bucket: 1) })
        }
    }

    @Test(arguments: MetadataStoreFactory.all)
    func anAbortedUploadLeavesItsDataAsGarbage(_ factory: MetadataStoreFactory) async throws {
        try await factory.withStore { store in
            let upload = try Sample.upload("r.1", "k", bucket: 1)
            try await store.write { transaction in
                try transaction.insert(upload: upload)
                try transaction.insert(part: Sample.part(1, data: Sample.blobs("a", "b")), upload: "r.1")
            }
            try await store.write { try $0.delete(upload: "r.1", keeping: []) }
            try await store.write { try $0.delete(upload: "r.1", keeping: []) }
            #expect(try garbage(store) == ["a", "b"])
        }
    }

    @Test(arguments: MetadataStoreFactory.all)
    func theOutboxIsInOrder(_ factory: MetadataStoreFactory) async throws {
        try await factory.withStore { store in
            let east = try Sample.name("east")
            var made = try (1...5).map { try Sample.entry(1, "k\($0)", $0, to: $0 == 3 ? "west" : "east") }
            made[1].isForJob = true
            let entries = made
            try await store.write { transaction in for entry in entries { try transaction.insert(outbox: entry) } }
            func waiting(after: Int64 = 0, limit: Int = 10) throws -> [OutboxEntry] {
                try store.read { try $0.outbox(destination: east, after: after, limit: limit) }
            }
            let all = try waiting()
            #expect(all.map(\.key.rawValue) == ["k1", "k2", "k4", "k5"])
            #expect(all.map(\.id) == all.map(\.id).sorted())
            for (found, entry) in zip(all.prefix(2), entries) {
                var expected = entry
                expected.id = found.id
                #expect(found == expected)
            }
            #expect(try waiting(after: all[1].id, limit: 1).map(\.key.rawValue) == ["k4"])
            #expect(try store.read { try $0.outboxDestinations() } == [east, Sample.name("west")])

            for entry in all {
                var later = entry
                later.attempts = 2
                later.notBefore = Timestamp(milliseconds: 100 * entry.id)
                later.lastError = "away"
                let update = later
                try await store.write { try $0.update(outbox: update) }
            }
            #expect(try waiting().map(\.notBefore.milliseconds) == all.map { 100 * $0.id }, "due or not")
            #expect(try waiting(limit: 1).map(\.attempts) == [2])
            #expect(try waiting(limit: 1).map(\.lastError) == ["away"])
            for entry in all { try await store.write { try $0.delete(outbox: entry.id) } }
            #expect(try store.read { try $0.outboxDestinations().map(\.rawValue) } == ["west"])
        }
    }

    @Test(arguments: MetadataStoreFactory.all)
    func outboxSummariesAreExact(_ factory: MetadataStoreFactory) async throws {
        try await factory.withStore { store in
            let version = try Sample.object("k", 1)
            let entries = [
                try Sample.entry(1, "k", 1, to: "east", rule: "a", bytes: 5, enqueued: 70),
                try Sample.entry(1, "k", 1, to: "west", rule: "b", bytes: 5, enqueued: 70),
                try Sample.entry(1, "l", 2, to: "east", rule: "a", bytes: 6, enqueued: 60),
                try Sample.entry(2, "l", 3, to: "east", rule: "a", bytes: 7, enqueued: 50),
            ]
            try await store.write { transaction in
                try transaction.insert(version: version, bucket: 1)
                for entry in entries { try transaction.insert(outbox: entry) }
            }
            func summary(_ bucket: Int64, _ destination: String) throws -> [Int64]? {
                let all = try store.read { try $0.outboxSummaries() }
                let found = all.filter { $0.bucket == bucket && $0.destination.rawValue == destination }
                #expect(found.count <= 1)
                return found.first.map { [$0.pendingVersions, $0.pendingBytes, $0.oldest.milliseconds, $0.retrying] }
            }
            #expect(try summary(1, "east") == [2, 11, 60, 0])
            #expect(try summary(1, "west") == [1, 5, 70, 0])
            #expect(try summary(2, "east") == [1, 7, 50, 0])
            #expect(try store.read { try $0.outboxCount(bucket: 1, key: version.key, stamp: version.stamp) } == 2)

            let east = try Sample.name("east")
            var tried = try #require(
                try store.read {
                    try $0.outbox(destination: east, after: 0, limit: 10).dropFirst().first
                })
            for attempts in [1, 2] {
                tried.attempts = attempts
                let update = tried
                try await store.write { try $0.update(outbox: update) }
                #expect(try summary(1, "east") == [2, 11, 60, 1])
            }
            let id = tried.id
            try await store.write { try $0.delete(outbox: id) }
            #expect(try summary(1, "east") == [1, 5, 70, 0])
            // The rest of a version's entries go with it.
            try await store.write { try $0.delete(version: version, bucket: 1) }
            #expect(try summary(1, "east") == nil)
            #expect(try summary(1, "west") == nil)
            #expect(try summary(2, "east") == [1, 7, 50, 0])
        }
    }

    @Test(arguments: MetadataStoreFactory.all)
    func theClockNeverGoesBack(_ factory: MetadataStoreFactory) async throws {
        try await factory.withStore { store in
            #expect(try store.read { try $0.clockHighWater() } == .zero)
            let late = try Sample.object("k", 50)
            let early = try Sample.object("k", 40)
            try await store.write { try $0.insert(version: late, bucket: 1) }
            try await store.write { try $0.insert(version: early, bucket: 1) }
            #expect(try store.read { try $0.clockHighWater() } == Sample.stamp(50))
            try await store.write { try $0.delete(version: late, bucket: 1) }
            #expect(try store.read { try $0.clockHighWater() } == Sample.stamp(50))
        }
    }

    @Test(arguments: MetadataStoreFactory.all)
    func entriesOfOneRuleComeByAge(_ factory: MetadataStoreFactory) async throws {
        try await factory.withStore { store in
            let east = try Sample.name("east")
            for (index, enqueued) in [30, 10, 20, 20, 40].enumerated() {
                var entry = try outboxEntry("k\(index)", index + 1, to: east)
                entry.enqueued = Timestamp(milliseconds: Int64(enqueued))
                let other = try outboxEntry("other", index + 1, to: try Sample.name("west"))
                try await store.write { [entry] in
                    try $0.insert(outbox: entry)
                    try $0.insert(outbox: other)
                }
            }
            let sample = try outboxEntry("k", 1, to: east)
            var query = OutboxAgeQuery(
                bucket: sample.bucket, destination: east, ruleID: sample.ruleID, until: Timestamp(milliseconds: 30),
                limit: 2)
            var keys: [String] = []
            while true {
                let page = try store.read { try $0.outbox(byAge: query) }
                guard let last = page.last else { break }
                keys += page.map(\.key.rawValue)
                query.after = (last.enqueued, last.id)
            }
            #expect(keys == ["k1", "k2", "k3", "k0"])
        }
    }

    private func outboxEntry(_ key: String, _ stamp: Int, to destination: BucketName) throws -> OutboxEntry {
        OutboxEntry(
            bucket: 1, key: try Sample.key(key), stamp: Sample.stamp(stamp), kind: .object, destination: destination,
            ruleID: "rule", bytes: 1, enqueued: Timestamp(milliseconds: 0))
    }
}
