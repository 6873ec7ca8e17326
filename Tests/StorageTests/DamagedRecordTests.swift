import NIOCore
import S3Model
import SQLite
import Testing

@testable import Storage

/// A version whose record cannot be read: it can be told, replaced from elsewhere, removed, and is in nobody's way.
@Suite struct DamagedRecordTests {
    private struct World {
        let region: TestRegion
        var store: RegionStore { region.store }

        /// In a transaction of the store, since its readers keep their snapshots until one comes.
        func execute(_ sql: String) async throws {
            try await region.metadata.write { transaction in
                let session = try #require(transaction as? SQLiteSession)
                try session.connection.execute(sql)
            }
        }

        func damage(_ name: String, _ stamp: VersionStamp? = nil) async throws {
            let condition = stamp.map { " AND stamp = x'\(Hex.encode($0.bytes))'" } ?? ""
            for table in ["current_objects", "other_versions"] {
                try await execute(
                    "UPDATE \(table) SET record = x'01FF', large = NULL "
                        + "WHERE key = x'\(Hex.encode(Array(name.utf8)))'\(condition)")
            }
        }

        /// What the digests have to be: of all that can be read.
        func recomputed() throws -> DigestTable {
            let id = try store.bucket(Names.bucket).id
            var table = DigestTable()
            try region.metadata.read { reader in
                try reader.scanStoredVersions(bucket: id, from: ([], nil)) { stored in
                    if let version = stored.version { table.insert(version) }
                    return .next
                }
            }
            return table
        }

        func page(_ slots: Set<Int> = [], after: VersionPosition? = nil, limit: Int = 100) throws -> FingerprintPage {
            try store.fingerprints(of: Names.bucket, slots: slots, after: after, visiting: limit)
        }

        func deliver(_ version: ObjectVersion, _ bytes: ByteBuffer?, creates: Bool = true) async throws -> ApplyOutcome
        {
            try await store.applyReplica(
                version, bucket: Names.bucket, body: bytes.map { BufferSource($0) }, creates: creates)
        }
    }

    private func withWorld(
        _ versioning: VersioningState = .enabled, _ body: (World) async throws -> Void
    ) async throws {
        let folder = try TestFolder()
        let region = try await TestRegion(.sqlite, folder: folder)
        _ = try await region.store.createBucket(Names.bucket, owner: Names.owner)
        if versioning != .unversioned { try await region.store.setVersioning(versioning, bucket: Names.bucket) }
        try await body(World(region: region))
        try await region.store.close()
    }

    private func position(_ version: ObjectVersion) -> VersionPosition {
        VersionPosition(key: version.key, stamp: version.stamp)
    }

    /// As if another region had made it.
    private func foreign(_ version: ObjectVersion, later: UInt64 = 0) -> ObjectVersion {
        var version = version
        version.stamp = VersionStamp(
            milliseconds: version.stamp.milliseconds + later, counter: 7, region: Names.otherRegion.stampID)
        version.attributesStamp = version.stamp
        return version
    }

    @Test func scansGoPastThemAndTellWhereTheyAre() async throws {
        try await withWorld { world in
            let old = try await world.store.put("b", someBytes(5))
            for name in ["a", "b", "c"] { try await world.store.put(name) }
            try await world.damage("b", old.stamp)
            try await world.damage("c")
            let slots = Set(0..<DigestTable.slotCount)
            let page = try world.page(slots)
            #expect(page.fingerprints.map(\.position.key.rawValue) == ["a", "b"])
            #expect(page.damaged.map(\.key.rawValue) == ["b", "c"] && page.damaged.first == position(old))
            #expect(page.visited == 4)
            #expect(try world.page().damaged == page.damaged, "of all slots")
            #expect(try world.page(slots, after: position(old)).damaged.map(\.key.rawValue) == ["c"])
            let short = try world.page(slots, limit: 3)
            #expect(short.end == position(old) && short.damaged == [position(old)])

            let asked = [position(old)]
            #expect(try world.store.standings(of: asked, bucket: Names.bucket).map(\.version) == [nil])
            let counterpart = try #require(try world.store.counterparts(of: asked, bucket: Names.bucket).first)
            #expect(counterpart.damaged == old.versionID && counterpart.version == nil && !counterpart.wasErased)
        }
    }

    /// A listing that left one out would make others delete it. The error names it as a client does.
    @Test(arguments: [VersioningState.enabled, .unversioned])
    func listingsFailAndNameIt(versioning: VersioningState) async throws {
        try await withWorld(versioning) { world in
            let put = try await world.store.put("k")
            try await world.damage("k")
            func failure(_ body: () throws -> Void) throws -> String {
                do { try body() } catch StorageError.corrupt(let detail) { return detail }
                return ""
            }
            let query = ListQuery(limit: 10)
            for detail in [
                try failure { _ = try world.store.listObjects(query, bucket: Names.bucket) },
                try failure { _ = try world.store.listVersions(query, versionMarker: nil, bucket: Names.bucket) },
            ] {
                #expect(detail.contains("version \(put.versionID) of \"k\""))
            }
            try await world.execute("UPDATE current_objects SET large = 77")
            let missing = try failure { _ = try world.store.listObjects(query, bucket: Names.bucket) }
            #expect(missing.contains("version \(put.versionID) of \"k\""))
        }
    }

    @Test(arguments: [5, 40_000], [false, true])
    func aReplicaTakesItsPlace(size: Int, isNewest: Bool) async throws {
        try await withWorld { world in
            let bytes = someBytes(size)
            let made = foreign(try await world.store.put("elsewhere", bytes))
            var replica = made
            replica.key = key("k")
            #expect(try await world.deliver(replica, bytes) == .applied)
            if !isNewest { try await world.store.put("k", someBytes(9)) }
            let before = try world.store.digests(of: Names.bucket)
            try await world.damage("k", replica.stamp)
            #expect(try await world.deliver(replica, nil, creates: false) == .unchanged)
            #expect(
                try await refusal { _ = try await world.deliver(replica, nil) } == .noSuchVersion, "wants the bytes")
            #expect(try await world.deliver(replica, bytes) == .applied)
            #expect(try world.store.digests(of: Names.bucket) == before)
            #expect(try await world.store.get("k", version: replica.versionID) == bytes)
            let found = try world.store.object(key("k"), version: replica.versionID, bucket: Names.bucket)
            #expect(found.isCurrent == isNewest)
            #expect(try world.page().damaged.isEmpty)
            #expect(try await world.deliver(replica, nil) == .unchanged)
            let listing = try world.store.listVersions(
                ListQuery(limit: 10), versionMarker: nil, bucket: Names.bucket)
            #expect(listing.versions.count == (isNewest ? 2 : 3))
        }
    }

    @Test func aDeleteMarkerTakesItsPlace() async throws {
        try await withWorld { world in
            try await world.store.put("k")
            var marker = foreign(try await world.store.put("k"), later: 9)
            marker.content = .deleteMarker
            #expect(try await world.deliver(marker, nil) == .applied)
            let before = try world.store.digests(of: Names.bucket)
            try await world.damage("k", marker.stamp)
            #expect(try await world.deliver(marker, nil) == .applied)
            #expect(try world.store.digests(of: Names.bucket) == before)
            #expect(try await refusal { _ = try await world.store.get("k") } == .noSuchKey)
        }
    }

    /// What was made here comes back from where it was brought to: not as a replica.
    @Test func aVersionComesBackToWhereItWasMade() async throws {
        try await withWorld { world in
            try await world.store.replicate(to: [Names.copy])
            let put = try await world.store.put("k", someBytes(9))
            let waiting = try #require(try world.store.outbox(destination: Names.copy, after: 0, limit: 9).first)
            try await world.damage("k")
            #expect(try await world.deliver(put, someBytes(9)) == .applied)
            func status() throws -> ReplicationStatus {
                try world.store.object(key("k"), version: nil, bucket: Names.bucket).replication
            }
            #expect(try status() == .pending, "its work is still there")
            try await world.store.complete([waiting])
            #expect(try status() == .completed)
            try await world.damage("k")
            #expect(try await world.deliver(put, someBytes(9)) == .applied)
            #expect(try status() == .completed)
        }
    }

    /// Its slot is computed anew from all that can be read, however many are damaged and whatever else the batch does.
    @Test(arguments: [UInt64(1), 2, 3])
    func digestsAreThoseOfWhatCanBeRead(seed: UInt64) async throws {
        try await withWorld { world in
            let random = SeededRandom(seed)
            var made: [ObjectVersion] = []
            var damaged: Set<VersionStamp> = []
            for _ in 0..<120 {
                let name = "k\(random.below(6))"
                switch random.below(5) {
                case 0, 1: made.append(try await world.store.put(name, someBytes(8)))
                case 2:
                    guard !made.isEmpty else { continue }
                    let version = made[random.below(made.count)]
                    try await world.damage(version.key.rawValue, version.stamp)
                    damaged.insert(version.stamp)
                case 3:
                    guard let version = made.first(where: { damaged.contains($0.stamp) }) else { continue }
                    #expect(try await world.deliver(version, someBytes(8)) == .applied)
                    damaged.remove(version.stamp)
                default:
                    guard !made.isEmpty else { continue }
                    let version = made.remove(at: random.below(made.count))
                    try await world.store.delete(version.key.rawValue, version: version.versionID)
                    damaged.remove(version.stamp)
                }
            }
            for version in made where damaged.contains(version.stamp) {
                #expect(try await world.deliver(version, someBytes(8)) == .applied)
            }
            #expect(try world.store.digests(of: Names.bucket) == world.recomputed())
            #expect(try world.store.digests(of: Names.bucket).root.versions == Int64(made.count))
        }
    }

    @Test func itCanBeRemovedAndStaysAway() async throws {
        try await withWorld { world in
            let old = try await world.store.put("k", someBytes(7))
            let new = foreign(try await world.store.put("k"), later: 50)
            #expect(try await world.deliver(new, ByteBuffer(string: "hello")) == .applied)
            try await world.damage("k", new.stamp)
            let outcome = try await world.store.delete("k", version: new.versionID)
            #expect(outcome.versionID == new.versionID && !outcome.isDeleteMarker)
            #expect(try world.store.digests(of: Names.bucket) == world.recomputed())
            #expect(try world.store.wasErased(new.stamp, bucket: Names.bucket))
            #expect(try await world.deliver(new, ByteBuffer(string: "hello")) == .erased)
            try await world.store.delete("k", version: .stamp(old.stamp))
            #expect(try await world.store.get("k") == ByteBuffer(string: "hello"))
            // An id that is not there is a success, and removes nothing.
            try await world.damage("k")
            try await world.store.delete("k", version: old.versionID)
            #expect(try world.page().damaged.count == 1)
        }
    }

    /// Of an unversioned bucket the null version is all that there is of a key.
    @Test(arguments: [VersioningState.unversioned, .suspended])
    func aNullVersionCanBeReplacedAndRemoved(versioning: VersioningState) async throws {
        try await withWorld(versioning) { world in
            try await world.store.put("k")
            try await world.damage("k")
            try await world.store.put("k", someBytes(4))
            #expect(try await world.store.get("k") == someBytes(4))
            #expect(try world.store.digests(of: Names.bucket) == world.recomputed())
            try await world.damage("k")
            try await world.store.delete("k", version: .null)
            #expect(try world.store.digests(of: Names.bucket).root.versions == 0)
            try await world.store.put("k", someBytes(4))
            try await world.damage("k")
            try await world.store.delete("k")
            #expect(try world.store.digests(of: Names.bucket) == world.recomputed())
            #expect(try world.page().damaged.isEmpty)
        }
    }

    @Test func otherVersionsOfItsKeyGoOn() async throws {
        try await withWorld { world in
            let first = try await world.store.put("k")
            try await world.damage("k")
            let earlier = foreign(first, later: 0)
            let below = VersionStamp(
                milliseconds: first.stamp.milliseconds - 1, counter: 0, region: Names.otherRegion.stampID)
            var loser = earlier
            (loser.stamp, loser.attributesStamp) = (below, below)
            #expect(try await world.deliver(loser, ByteBuffer(string: "hello")) == .applied)
            let conflicts = try world.store.conflicts(in: Names.bucket, limit: 9)
            #expect(conflicts.map(\.loser) == [below] && conflicts.map(\.winner) == [first.stamp])
            #expect(try await world.store.get("k", version: loser.versionID) == ByteBuffer(string: "hello"))
            let later = foreign(first, later: 10)
            #expect(try await world.deliver(later, ByteBuffer(string: "hello")) == .applied)
            try await world.store.put("k", someBytes(3))
            #expect(try await world.store.get("k") == someBytes(3))
            #expect(try world.page().damaged == [position(first)])
        }
    }

    /// Work that cannot be told is as if it were not there: the version can be put in once more.
    @Test func damagedWorkIsPassedOver() async throws {
        try await withWorld { world in
            try await world.store.replicate(to: [Names.copy, Names.third])
            let put = try await world.store.put("k")
            try await world.execute("UPDATE outbox SET kind = 77 WHERE destination = '\(Names.copy)'")
            let standing = try #require(
                try world.store.standings(of: [position(put)], bucket: Names.bucket).first)
            #expect(standing.version?.stamp == put.stamp && standing.waiting.map(\.destination) == [Names.third])
            #expect(try world.store.replicationWork(on: put.reference, bucket: Names.bucket).count == 1)
            #expect(
                try await world.store.requeue(position(put), kind: .object, from: Names.bucket, to: Names.copy))
            #expect(try world.store.replicationWork(on: put.reference, bucket: Names.bucket).count == 2)
        }
    }

    /// The others' names are given, and the summaries tell of the damage.
    @Test func aDamagedDestinationDoesNotHoldUpTheOthers() async throws {
        let folder = try TestFolder()
        let region = try await TestRegion(.sqlite, folder: folder)
        let store = region.store
        try await store.createBucket(Names.bucket, owner: Names.owner)
        try await store.setVersioning(.enabled, bucket: Names.bucket)
        try await store.replicate(to: [Names.copy, Names.third])
        try await store.put("a")
        let database = try Connection(path: "\(folder.path)/metadata-\(Names.region).sqlite", mode: .readWrite)
        try database.execute("UPDATE outbox_totals SET destination = 'no:name' WHERE destination = '\(Names.copy)'")
        #expect(try store.outboxDestinations() == [Names.third])
        #expect(throws: StorageError.self) { try store.outboxSummaries() }
        try await store.close()
    }

    /// What is damaged here holds up no other version of its key.
    @Test func replicasArriveBesideADamagedVersion() async throws {
        try await withRegion(.memory, versioning: .enabled) { source in
            let older = try await source.store.put("a")
            let folder = try TestFolder()
            let target = try await TestRegion(.sqlite, region: Names.otherRegion, folder: folder)
            _ = try await target.store.createBucket(Names.bucket, owner: Names.owner)
            try await target.store.setVersioning(.enabled, bucket: Names.bucket)
            var damaged = try await target.store.put("a")
            while damaged.stamp < older.stamp { damaged = try await target.store.put("a") }
            let database = try Connection(path: "\(folder.path)/metadata-\(Names.otherRegion).sqlite", mode: .readWrite)
            try database.execute("UPDATE current_objects SET record = x'01FF'")
            var newer = try await source.store.put("a")
            while newer.stamp < damaged.stamp { newer = try await source.store.put("a") }
            for version in [older, newer] {
                let bytes = BufferSource(ByteBuffer(string: "hello"))
                let outcome = try await target.store.applyReplica(version, bucket: Names.bucket, body: bytes)
                #expect(outcome == .applied)
            }
            #expect(
                try target.store.object(key("a"), version: nil, bucket: Names.bucket).versionID == newer.versionID)
            #expect(try target.store.conflicts(in: Names.bucket, limit: 10).map(\.loser) == [older.stamp])
            try await target.store.close()
        }
    }
}
