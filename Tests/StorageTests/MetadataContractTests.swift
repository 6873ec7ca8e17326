import NIOCore
import S3Model
import Storage
import Testing

/// What every ``MetadataStore`` does: buckets, versions, scans and transactions. Data, uploads and the outbox are in
/// `MetadataContract…Tests` beside this file.
@Suite struct MetadataContractTests {
    @Test(arguments: MetadataStoreFactory.all)
    func bucketsAreStoredUpdatedAndDeleted(_ factory: MetadataStoreFactory) async throws {
        try await factory.withStore { store in
            #expect(try store.read { try $0.buckets() }.isEmpty)
            let zebra = try Sample.bucket("zebra")
            let apple = try Sample.bucket("apple")
            let first = try await store.write { try $0.insert(bucket: zebra) }
            let second = try await store.write { try $0.insert(bucket: apple) }
            #expect(first.id != 0 && second.id != 0 && first.id != second.id)
            #expect(try store.read { try $0.buckets().map(\.name.rawValue) } == ["apple", "zebra"])

            var changed = first
            changed.versioning = .suspended
            changed.revision = 9
            changed.tags = [S3Model.Tag(key: "k", value: "v")]
            changed.replication = ReplicationConfiguration(role: "role", rules: try sampleRules())
            let update = changed
            try await store.write { try $0.update(bucket: update) }
            let found = try #require(try store.read { try $0.bucket(named: update.name) })
            #expect(found.id == first.id)
            #expect(found.versioning == .suspended)
            #expect(found.revision == 9)
            #expect(found.tags == update.tags)
            #expect(found.replication == update.replication)
            #expect(found.owner == zebra.owner)
            #expect(found.created == zebra.created)

            try await store.write { try $0.delete(bucket: first.id) }
            #expect(try store.read { try $0.bucket(named: zebra.name) } == nil)
            let again = try await store.write { try $0.insert(bucket: zebra) }
            #expect(again.id != first.id, "ids of deleted buckets are not used again")
        }
    }

    private func sampleRules() throws -> [ReplicationRule] {
        var destination = ReplicationRule.Destination(bucket: try Sample.name("destination"))
        destination.account = Sample.owner.account
        destination.storageClass = "STANDARD_IA"
        destination.replicationTime = true
        destination.metrics = true
        destination.hasEventThreshold = true
        var full = ReplicationRule(id: "one", schema: .v2, destination: destination)
        full.priority = -3
        full.isEnabled = false
        full.prefix = "photos/é"
        full.tags = [S3Model.Tag(key: "a", value: "")]
        full.deleteMarkerReplication = true
        full.replicaModifications = false
        full.sseKMSEncryptedObjects = false
        let bare = ReplicationRule(
            id: "", schema: .v1, destination: ReplicationRule.Destination(bucket: try Sample.name("other-bucket")))
        return [full, bare]
    }

    @Test(arguments: MetadataStoreFactory.all)
    func theGreatestStampIsTheNewestWhateverTheOrderOfArrival(_ factory: MetadataStoreFactory) async throws {
        try await factory.withStore { store in
            let key = try Sample.key("k")
            for (stamp, newest) in [(20, 20), (10, 20), (30, 30), (25, 30)] {
                let version = try Sample.object("k", stamp)
                try await store.write { try $0.insert(version: version, bucket: 1) }
                #expect(try store.read { try $0.newestVersion(bucket: 1, key: key)?.stamp } == Sample.stamp(newest))
                #expect(try currentKeys(store) == ["k@\(newest)"])
            }
            #expect(try allVersions(store) == ["k@30", "k@25", "k@20", "k@10"])
            #expect(try store.read { try $0.version(bucket: 1, key: key, stamp: Sample.stamp(25)) } != nil)
            #expect(try store.read { try $0.version(bucket: 1, key: key, stamp: Sample.stamp(26)) } == nil)
            #expect(try store.read { try $0.version(bucket: 2, key: key, stamp: Sample.stamp(25)) } == nil)
        }
    }

    @Test(arguments: MetadataStoreFactory.all)
    func deleteMarkersHideAndTheirRemovalShowsAgain(_ factory: MetadataStoreFactory) async throws {
        try await factory.withStore { store in
            let object = try Sample.object("k", 10)
            let marker = try Sample.marker("k", 20)
            let late = try Sample.object("k", 15)
            try await store.write { try $0.insert(version: object, bucket: 1) }
            try await store.write { try $0.insert(version: marker, bucket: 1) }
            #expect(try currentKeys(store) == [])
            #expect(try store.read { try $0.newestVersion(bucket: 1, key: object.key)?.isDeleteMarker } == true)
            // A replica that arrives late is older than the marker.
            try await store.write { try $0.insert(version: late, bucket: 1) }
            #expect(try currentKeys(store) == [])
            try await store.write { try $0.delete(version: marker, bucket: 1) }
            #expect(try currentKeys(store) == ["k@15"])
            try await store.write { try $0.delete(version: late, bucket: 1) }
            #expect(try currentKeys(store) == ["k@10"])
            try await store.write { try $0.insert(version: marker, bucket: 1) }
            try await store.write { try $0.delete(version: object, bucket: 1) }
            #expect(try currentKeys(store) == [])
            #expect(try allVersions(store) == ["k@20!"])
            #expect(try store.read { try $0.isEmpty(bucket: 1) } == false)
            try await store.write { try $0.delete(version: marker, bucket: 1) }
            #expect(try store.read { try $0.isEmpty(bucket: 1) } == true)
            // Once more: nothing is there.
            try await store.write { try $0.delete(version: marker, bucket: 1) }
        }
    }

    @Test(arguments: MetadataStoreFactory.all)
    func nullVersionsAreFoundWhereverTheyAre(_ factory: MetadataStoreFactory) async throws {
        try await factory.withStore { store in
            let key = try Sample.key("k")
            func nullStamp() throws -> VersionStamp? {
                try store.read { try $0.nullVersion(bucket: 1, key: key)?.stamp }
            }
            #expect(try nullStamp() == nil)
            let null = try Sample.object("k", 10, isNull: true)
            let newer = try Sample.object("k", 20)
            try await store.write { try $0.insert(version: null, bucket: 1) }
            #expect(try nullStamp() == null.stamp)
            try await store.write { try $0.insert(version: newer, bucket: 1) }
            #expect(try nullStamp() == null.stamp)
            try await store.write { try $0.delete(version: null, bucket: 1) }
            #expect(try nullStamp() == nil)
            let marker = try Sample.marker("k", 30, isNull: true)
            try await store.write { try $0.insert(version: marker, bucket: 1) }
            #expect(try nullStamp() == marker.stamp)
        }
    }

    @Test(arguments: MetadataStoreFactory.all)
    func scansGoByBytesAndSeek(_ factory: MetadataStoreFactory) async throws {
        try await factory.withStore { store in
            // Unicode calls the two é equal; S3 does not. U+FFFF comes before U+10000 by bytes of UTF-8.
            let keys = ["a", "a\u{0}", "a/1", "a/2", "aé", "ae\u{301}", "b", "\u{FFFF}", "\u{10000}"]
            for key in keys.reversed() {
                let old = try Sample.object(key, 1)
                let new = try Sample.object(key, 2)
                try await store.write { transaction in
                    try transaction.insert(version: old, bucket: 1)
                    try transaction.insert(version: new, bucket: 1)
                    try transaction.insert(version: new, bucket: 2)
                }
            }
            let sorted = keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
            #expect(try currentKeys(store) == sorted.map { "\($0)@2" })
            #expect(try allVersions(store) == sorted.flatMap { ["\($0)@2", "\($0)@1"] })
            #expect(try currentKeys(store, from: Array("a/1".utf8)).first == "a/1@2")
            #expect(try currentKeys(store, from: Array("a/".utf8) + [0xFF]).first == "ae\u{301}@2")
            // From "a/1" over all that starts with "a/", by bytes that are no UTF-8.
            let skipping: (ObjectVersion) -> ScanStep = { version in
                version.key.rawValue.hasPrefix("a/") ? .seek(Array("a/".utf8) + [0xFF]) : .next
            }
            let skipped = sorted.filter { $0 != "a/2" }
            #expect(try currentKeys(store, then: skipping) == skipped.map { "\($0)@2" })
            #expect(
                try allVersions(store, then: skipping)
                    == skipped.flatMap { $0 == "a/1" ? ["\($0)@2"] : ["\($0)@2", "\($0)@1"] })
            // Seeking back or to where the scan stands never stands still.
            #expect(try currentKeys(store, then: { _ in .seek([]) }) == sorted.map { "\($0)@2" })
            #expect(
                try allVersions(store, then: { .seek(Array($0.key.rawValue.utf8)) })
                    == sorted.flatMap { ["\($0)@2", "\($0)@1"] })
            #expect(try currentKeys(store, then: { _ in .stop }) == ["a@2"])
            #expect(try allVersions(store, then: { _ in .stop }) == ["a@2"])
        }
    }

    @Test(arguments: MetadataStoreFactory.all)
    func versionScansStartInTheMiddleOfAKey(_ factory: MetadataStoreFactory) async throws {
        try await factory.withStore { store in
            for stamp in 1...4 {
                let version = stamp == 3 ? try Sample.marker("k", stamp) : try Sample.object("k", stamp)
                try await store.write { try $0.insert(version: version, bucket: 1) }
            }
            let after = try Sample.object("l", 9)
            let hidden = try Sample.marker("m", 9)
            try await store.write { transaction in
                try transaction.insert(version: after, bucket: 1)
                try transaction.insert(version: hidden, bucket: 1)
            }
            let rest = ["l@9", "m@9!"]
            #expect(try allVersions(store, from: "k", Sample.stamp(5)) == ["k@4", "k@3!", "k@2", "k@1"] + rest)
            #expect(try allVersions(store, from: "k", Sample.stamp(4)) == ["k@4", "k@3!", "k@2", "k@1"] + rest)
            #expect(try allVersions(store, from: "k", Sample.stamp(3)) == ["k@3!", "k@2", "k@1"] + rest)
            #expect(try allVersions(store, from: "k", Sample.stamp(1)) == ["k@1"] + rest)
            #expect(try allVersions(store, from: "k", .zero) == rest)
            #expect(try allVersions(store, from: "kk", Sample.stamp(1)) == rest)
            #expect(try allVersions(store, from: "j", Sample.stamp(1)) == ["k@4", "k@3!", "k@2", "k@1"] + rest)
            #expect(
                try allVersions(store, from: "k", Sample.stamp(3), then: { _ in .seek(Array("m".utf8)) })
                    == ["k@3!", "m@9!"])
            #expect(try allVersions(store, from: "k", Sample.stamp(3), then: { _ in .stop }) == ["k@3!"])
        }
    }

    @Test(arguments: MetadataStoreFactory.all)
    func scansMayReadInsideAVisit(_ factory: MetadataStoreFactory) async throws {
        try await factory.withStore { store in
            for number in 1...9 {
                let version = try Sample.object("k\(number)", number)
                try await store.write { try $0.insert(version: version, bucket: 1) }
            }
            var inner = 0
            try store.read { reader in
                try reader.scanCurrentObjects(bucket: 1, from: []) { version in
                    #expect(try reader.newestVersion(bucket: 1, key: version.key)?.stamp == version.stamp)
                    try reader.scanCurrentObjects(bucket: 1, from: Array(version.key.rawValue.utf8)) { _ in
                        inner += 1
                        return .next
                    }
                    return .next
                }
            }
            #expect(inner == 45)
        }
    }

    @Test(arguments: MetadataStoreFactory.all)
    func updatesRewriteAllButTheData(_ factory: MetadataStoreFactory) async throws {
        try await factory.withStore { store in
            let id = try await store.write { try $0.insertInlineData(ByteBuffer(string: "abc")) }
            let data = ObjectData.inline(id: id, crc32c: 7)
            for stamp in [1, 2] {
                let version = try Sample.object("k", stamp, data: stamp == 1 ? data : .empty)
                try await store.write { try $0.insert(version: version, bucket: 1) }
                var changed = version
                changed.replication = .completed
                changed.attributesStamp = Sample.stamp(stamp + 50)
                if case .object(var content) = changed.content {
                    // Once over and once under what fits beside the key.
                    content.tags = [S3Model.Tag(key: "k", value: String(repeating: "v", count: stamp == 1 ? 5000 : 5))]
                    changed.content = .object(content)
                }
                let update = changed
                try await store.write { try $0.update(version: update, bucket: 1) }
                let found = try store.read { try $0.version(bucket: 1, key: version.key, stamp: version.stamp) }
                #expect(same(found, update))
            }
            #expect(try store.read { try $0.inlineData(id: id) } == ByteBuffer(string: "abc"))
            #expect(try currentKeys(store) == ["k@2"])
            #expect(try store.read { try $0.clockHighWater() } == Sample.stamp(52))
            let missing = try Sample.object("k", 3)
            try await store.write { try $0.update(version: missing, bucket: 1) }
            #expect(try allVersions(store) == ["k@2", "k@1"], "an update makes no version")
        }
    }

    @Test(arguments: MetadataStoreFactory.all)
    func aWriteThatThrowsLeavesNothing(_ factory: MetadataStoreFactory) async throws {
        try await factory.withStore { store in
            let version = try Sample.object("k", 1, data: Sample.blobs("b"))
            await #expect(throws: StorageError.diskFull) {
                try await store.write { transaction in
                    try transaction.insert(version: version, bucket: 1)
                    _ = try transaction.insertInlineData(ByteBuffer(string: "x"))
                    throw StorageError.diskFull
                }
            }
            #expect(try store.read { try $0.isEmpty(bucket: 1) })
            #expect(try store.read { try !$0.isReferenced(blob: BlobID("b")) })
            #expect(try store.read { try $0.clockHighWater() } == .zero)
        }
    }

    @Test(arguments: MetadataStoreFactory.all)
    func concurrentWritesAreEachWholeAndSeenAtOnce(_ factory: MetadataStoreFactory) async throws {
        try await factory.withStore { store in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<200 {
                    group.addTask {
                        let version = try Sample.object("k\(number % 50)", number + 1)
                        let refused = number % 7 == 0
                        do {
                            try await store.write { transaction in
                                try transaction.insert(version: version, bucket: 1)
                                if refused { throw S3Error(.preconditionFailed) }
                            }
                            #expect(!refused)
                        } catch let error as S3Error {
                            #expect(refused && error.code == .preconditionFailed)
                        }
                        let found = try store.read {
                            try $0.version(bucket: 1, key: version.key, stamp: version.stamp)
                        }
                        #expect((found == nil) == refused)
                    }
                }
                try await group.waitForAll()
            }
            #expect(try allVersions(store).count == (0..<200).count { $0 % 7 != 0 })
        }
    }
}

// MARK: What is in a store, in short

/// Versions are equal but for `isCurrent`, which is not a store's business.
func same(_ left: ObjectVersion?, _ right: ObjectVersion?) -> Bool {
    var left = left
    var right = right
    left?.isCurrent = false
    right?.isCurrent = false
    return left == right
}

/// `key@milliseconds`, and `!` for delete markers.
func short(_ version: ObjectVersion) -> String {
    "\(version.key.rawValue)@\(version.stamp.milliseconds)\(version.isDeleteMarker ? "!" : "")"
}

func currentKeys(
    _ store: any MetadataStore, from start: [UInt8] = [], then step: (ObjectVersion) -> ScanStep = { _ in .next }
) throws -> [String] {
    var found: [String] = []
    try store.read { reader in
        try reader.scanCurrentObjects(bucket: 1, from: start) { version in
            found.append(short(version))
            return step(version)
        }
    }
    return found
}

func allVersions(
    _ store: any MetadataStore, from key: String = "", _ stamp: VersionStamp? = nil,
    then step: (ObjectVersion) -> ScanStep = { _ in .next }
) throws -> [String] {
    var found: [String] = []
    try store.read { reader in
        try reader.scanVersions(bucket: 1, from: (Array(key.utf8), stamp)) { version in
            found.append(short(version))
            return step(version)
        }
    }
    return found
}
