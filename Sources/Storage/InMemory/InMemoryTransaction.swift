import NIOCore
import S3Model

/// A working copy of the tables that replaces them when the transaction commits. Used by one thread, under the store's
/// lock; `@unchecked Sendable` is not needed because it never leaves the call.
final class InMemoryTransaction: InMemoryReading, MetadataTransaction {
    private(set) var tables: InMemoryTables

    init(_ tables: InMemoryTables) { self.tables = tables }

    func insert(bucket: Bucket) throws -> Bucket {
        var stored = bucket
        stored.id = tables.nextBucket
        tables.nextBucket += 1
        tables.buckets[stored.id] = stored
        return stored
    }

    func update(bucket: Bucket) throws { tables.buckets[bucket.id] = bucket }
    func delete(bucket: Int64) throws {
        tables.buckets[bucket] = nil
        for slot in 0..<DigestTable.slotCount { tables.digests[SlotRowKey(bucket: bucket, slot: slot)] = nil }
        for row in erasures(where: { row, _ in row.bucket == bucket }) { tables.erasures[row] = nil }
        for arrival in try arrivals(until: Timestamp(milliseconds: .max), limit: .max) where arrival.bucket == bucket {
            try deleteArrival(bucket: bucket, stamp: arrival.stamp)
        }
        removeFailures { $0.bucket == bucket }
        removeConflicts { $0.bucket == bucket }
        var work: [Int64] = []
        tables.outbox.forEach { id, entry in if entry.bucket == bucket { work.append(id) } }
        for id in work { try delete(outbox: id) }
    }

    func insert(version: ObjectVersion, bucket: Int64) throws {
        let row = rowKey(bucket: bucket, version.key, version.stamp)
        if let content = version.object { tables.retain(content.data) }
        tables.moveDigest(from: tables.versions[row], to: version, bucket: bucket)
        if let replaced = tables.versions[row]?.object, replaced.data != version.object?.data {
            tables.release(replaced.data)
        }
        tables.versions[row] = version
        tables.clockHighWater = max(tables.clockHighWater, version.stamp, version.attributesStamp)
    }

    func update(version: ObjectVersion, bucket: Int64) throws {
        let row = rowKey(bucket: bucket, version.key, version.stamp)
        guard let stored = tables.versions[row] else { return }
        tables.moveDigest(from: stored, to: version, bucket: bucket)
        tables.versions[row] = version
        tables.clockHighWater = max(tables.clockHighWater, version.attributesStamp)
    }

    func delete(at position: VersionPosition, bucket: Int64) throws {
        let row = rowKey(bucket: bucket, position.key, position.stamp)
        guard let stored = tables.versions[row] else { return }
        tables.moveDigest(from: stored, to: nil, bucket: bucket)
        if let content = stored.object { tables.release(content.data) }
        tables.versions[row] = nil
        for id in tables.outboxByVersion[row] ?? [] { tables.outbox[id] = nil }
        tables.outboxByVersion[row] = nil
        removeFailures { $0.bucket == bucket && $0.key == position.key && $0.stamp == position.stamp }
        removeConflicts { $0.bucket == bucket && $0.key == position.key && $0.loser == position.stamp }
    }

    func insertInlineData(_ bytes: ByteBuffer) throws -> Int64 {
        let id = tables.nextInlineData
        tables.nextInlineData += 1
        tables.inlineData[id] = bytes
        return id
    }

    func insert(upload: MultipartUpload) throws {
        tables.uploads[upload.id] = upload
        tables.uploadOrder[rowKey(upload)] = true
    }

    func insert(part: UploadedPart, upload id: String) throws {
        let row = PartRowKey(upload: id, number: part.number)
        tables.retain(part.data)
        if let replaced = tables.parts[row] { tables.release(replaced.data) }
        tables.parts[row] = part
    }

    func delete(upload id: String, keeping: Set<Int>) throws {
        guard let upload = tables.uploads[id] else { return }
        for part in try parts(upload: id, after: 0, limit: Int.max) {
            tables.release(part.data, toGarbage: !keeping.contains(part.number))
            tables.parts[PartRowKey(upload: id, number: part.number)] = nil
        }
        tables.uploads[id] = nil
        tables.uploadOrder[rowKey(upload)] = nil
    }

    func insert(outbox entry: OutboxEntry) throws {
        var stored = entry
        stored.id = tables.nextOutbox
        tables.nextOutbox += 1
        tables.outbox[stored.id] = stored
        let row = rowKey(bucket: entry.bucket, entry.key, entry.stamp)
        tables.outboxByVersion[row] = (tables.outboxByVersion[row] ?? []) + [stored.id]
    }

    func update(outbox entry: OutboxEntry) throws {
        guard tables.outbox[entry.id] != nil else { return }
        tables.outbox[entry.id] = entry
    }

    func delete(outbox id: Int64) throws {
        guard let entry = tables.outbox[id] else { return }
        tables.outbox[id] = nil
        let row = rowKey(bucket: entry.bucket, entry.key, entry.stamp)
        let left = (tables.outboxByVersion[row] ?? []).filter { $0 != id }
        tables.outboxByVersion[row] = left.isEmpty ? nil : left
    }

    func insert(failure: ReplicationFailure) throws {
        var stored = failure
        let known = failures {
            $0.bucket == failure.entry.bucket && $0.key == failure.entry.key && $0.stamp == failure.entry.stamp
                && $0.destination == failure.entry.destination
        }.first
        if let known {
            stored.id = known.id
            if known.entry.kind.rawValue < stored.entry.kind.rawValue { stored.entry.kind = known.entry.kind }
            stored.entry.bytes = max(known.entry.bytes, stored.entry.bytes)
            stored.entry.isForJob = known.entry.isForJob || stored.entry.isForJob
        } else {
            stored.id = tables.nextFailure
            tables.nextFailure += 1
        }
        stored.entry.id = 0
        stored.entry.notBefore = Timestamp(milliseconds: 0)
        tables.failures[stored.id] = stored
    }

    func deleteFailure(of entry: OutboxEntry) throws {
        removeFailures {
            $0.bucket == entry.bucket && $0.key == entry.key && $0.stamp == entry.stamp
                && $0.destination == entry.destination
        }
    }

    func insert(conflict: WriteConflict) throws {
        removeConflicts {
            $0.bucket == conflict.bucket && $0.key == conflict.key && $0.loser == conflict.loser
        }
        var stored = conflict
        stored.id = tables.nextConflict
        tables.nextConflict += 1
        tables.conflicts[stored.id] = stored
        let all = try conflicts(bucket: conflict.bucket, after: 0, limit: Int.max)
        for old in all.dropLast(WriteConflict.limit) { tables.conflicts[old.id] = nil }
    }

    func insert(erasure stamp: VersionStamp, bucket: Int64, at time: Timestamp) throws {
        tables.erasures[VersionRowKey(bucket: bucket, key: [], stamp: stamp)] = time
    }

    func deleteErasures(until time: Timestamp, below stamp: VersionStamp?, limit: Int) throws -> Int {
        let found = erasures { row, erased in
            erased <= time && (stamp.map { limit in row.stamp.map { $0 < limit } ?? true } ?? true)
        }
        let oldest = found.sorted { tables.erasures[$0] ?? time < tables.erasures[$1] ?? time }.prefix(max(0, limit))
        for row in oldest { tables.erasures[row] = nil }
        return oldest.count
    }

    func insert(arrived part: BlobSegment, offset: Int64, bucket: Int64, stamp: VersionStamp, at time: Timestamp) throws
    {
        tables.retain(.blobs([part]))
        tables.arrivals[ArrivalRowKey(bucket: bucket, stamp: stamp, offset: offset)] = (part, time)
    }

    func deleteArrival(bucket: Int64, stamp: VersionStamp) throws {
        var rows: [(key: ArrivalRowKey, part: BlobSegment)] = []
        tables.arrivals.forEach { key, row in
            if key.bucket == bucket, key.stamp == stamp { rows.append((key, row.part)) }
        }
        for row in rows {
            tables.arrivals[row.key] = nil
            tables.release(.blobs([row.part]))
        }
    }

    private func erasures(where isWanted: (VersionRowKey, Timestamp) -> Bool) -> [VersionRowKey] {
        var found: [VersionRowKey] = []
        tables.erasures.forEach { row, time in if isWanted(row, time) { found.append(row) } }
        return found
    }

    private func removeConflicts(where isWanted: (WriteConflict) -> Bool) {
        var found: [Int64] = []
        tables.conflicts.forEach { id, conflict in if isWanted(conflict) { found.append(id) } }
        for id in found { tables.conflicts[id] = nil }
    }

    private func failures(where isWanted: (OutboxEntry) -> Bool) -> [ReplicationFailure] {
        var found: [ReplicationFailure] = []
        tables.failures.forEach { _, failure in if isWanted(failure.entry) { found.append(failure) } }
        return found
    }

    private func removeFailures(where isWanted: (OutboxEntry) -> Bool) {
        for failure in failures(where: isWanted) { tables.failures[failure.id] = nil }
    }

    func delete(garbage: [BlobID]) throws { for blob in garbage { tables.garbage[blob.rawValue] = nil } }

    func insert(garbage: [BlobID]) throws {
        for blob in garbage where tables.references[blob.rawValue] == nil { tables.garbage[blob.rawValue] = true }
    }

    private func rowKey(bucket: Int64, _ key: ObjectKey, _ stamp: VersionStamp) -> VersionRowKey {
        VersionRowKey(bucket: bucket, key: Array(key.rawValue.utf8), stamp: stamp)
    }

    private func rowKey(_ upload: MultipartUpload) -> UploadRowKey {
        UploadRowKey(bucket: upload.bucket, key: Array(upload.key.rawValue.utf8), id: upload.id)
    }
}
