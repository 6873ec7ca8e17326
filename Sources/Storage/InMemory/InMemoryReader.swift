import NIOCore
import S3Model

/// Reads over one immutable copy of the tables, or over the working copy of a transaction.
protocol InMemoryReading: MetadataReader {
    var tables: InMemoryTables { get }
}

struct InMemorySnapshot: InMemoryReading {
    let tables: InMemoryTables
}

extension InMemoryReading {
    func buckets() throws -> [Bucket] {
        tables.buckets.values.sorted { $0.name.rawValue < $1.name.rawValue }
    }

    func bucket(named name: BucketName) throws -> Bucket? { tables.buckets.values.first { $0.name == name } }

    func newestVersion(bucket: Int64, key: ObjectKey) throws -> ObjectVersion? {
        let bytes = Array(key.rawValue.utf8)
        guard let row = tables.versions.first(from: VersionRowKey(bucket: bucket, key: bytes)),
            row.key.bucket == bucket, row.key.key == bytes
        else { return nil }
        return row.value
    }

    func version(bucket: Int64, key: ObjectKey, stamp: VersionStamp) throws -> ObjectVersion? {
        tables.versions[VersionRowKey(bucket: bucket, key: Array(key.rawValue.utf8), stamp: stamp)]
    }

    func nullVersion(bucket: Int64, key: ObjectKey) throws -> ObjectVersion? {
        let bytes = Array(key.rawValue.utf8)
        var found: ObjectVersion?
        tables.versions.scan(from: VersionRowKey(bucket: bucket, key: bytes)) { row, version in
            guard row.bucket == bucket, row.key == bytes else { return .stop }
            guard version.isNull else { return .next }
            found = version
            return .stop
        }
        return found
    }

    func inlineData(id: Int64) throws -> ByteBuffer? { tables.inlineData[id] }

    func scanCurrentObjects(bucket: Int64, from start: [UInt8], _ visit: (ObjectVersion) throws -> ScanStep) throws {
        var seen: [UInt8]?
        try tables.versions.scan(from: VersionRowKey(bucket: bucket, key: start)) { row, version in
            guard row.bucket == bucket else { return .stop }
            // Only the first row of a key is its current version.
            if seen == row.key { return .next }
            seen = row.key
            guard !version.isDeleteMarker else { return .next }
            switch try visit(version) {
            case .next: return .next
            case .stop: return .stop
            case .seek(let key): return .seek(VersionRowKey(bucket: bucket, key: key))
            }
        }
    }

    func scanVersions(
        bucket: Int64, from start: (key: [UInt8], stamp: VersionStamp?), _ visit: (ObjectVersion) throws -> ScanStep
    ) throws {
        try tables.versions.scan(from: VersionRowKey(bucket: bucket, key: start.key, stamp: start.stamp)) {
            row, version in
            guard row.bucket == bucket else { return .stop }
            switch try visit(version) {
            case .next: return .next
            case .stop: return .stop
            case .seek(let key): return .seek(VersionRowKey(bucket: bucket, key: key))
            }
        }
    }

    func digests(bucket: Int64) throws -> DigestTable {
        var table = DigestTable()
        tables.digests.scan(from: SlotRowKey(bucket: bucket, slot: 0)) { row, node in
            guard row.bucket == bucket else { return .stop }
            table.set(node, slot: row.slot)
            return .next
        }
        return table
    }

    func isEmpty(bucket: Int64) throws -> Bool {
        let version = tables.versions.first(from: VersionRowKey(bucket: bucket, key: []))
        let upload = tables.uploadOrder.first(from: UploadRowKey(bucket: bucket, key: [], id: ""))
        return version?.key.bucket != bucket && upload?.key.bucket != bucket
    }

    func upload(id: String) throws -> MultipartUpload? { tables.uploads[id] }

    func scanUploads(
        bucket: Int64, from start: (key: [UInt8], id: String), _ visit: (MultipartUpload) throws -> ScanStep
    ) throws {
        try tables.uploadOrder.scan(from: UploadRowKey(bucket: bucket, key: start.key, id: start.id)) { row, _ in
            guard row.bucket == bucket, let upload = tables.uploads[row.id] else { return .stop }
            switch try visit(upload) {
            case .next: return .next
            case .stop: return .stop
            case .seek(let key): return .seek(UploadRowKey(bucket: bucket, key: key, id: ""))
            }
        }
    }

    func parts(upload id: String, after: Int, limit: Int) throws -> [UploadedPart] {
        guard after < Int.max else { return [] }
        var found: [UploadedPart] = []
        tables.parts.scan(from: PartRowKey(upload: id, number: after + 1)) { row, part in
            guard row.upload == id, found.count < limit else { return .stop }
            found.append(part)
            return .next
        }
        return found
    }

    func outbox(destination: BucketName, after: Int64, limit: Int) throws -> [OutboxEntry] {
        guard after < Int64.max else { return [] }
        var found: [OutboxEntry] = []
        tables.outbox.scan(from: after + 1) { _, entry in
            guard found.count < limit else { return .stop }
            if entry.destination == destination { found.append(entry) }
            return .next
        }
        return found
    }

    func outboxDestinations() throws -> [BucketName] {
        var found: Set<BucketName> = []
        tables.outbox.forEach { _, entry in found.insert(entry.destination) }
        return found.sorted { $0.rawValue < $1.rawValue }
    }

    func outboxRules(bucket: Int64) throws -> [OutboxRule] {
        try outboxSummaries().filter { $0.bucket == bucket }
            .map { OutboxRule(id: $0.ruleID, destination: $0.destination) }
            .sorted { ($0.destination.rawValue, $0.id) < ($1.destination.rawValue, $1.id) }
    }

    func outboxSummaries() throws -> [OutboxSummary] {
        var summaries: [OutboxSummary] = []
        tables.outbox.forEach { _, entry in
            let index = summaries.firstIndex {
                $0.bucket == entry.bucket && $0.destination == entry.destination && $0.ruleID == entry.ruleID
            }
            if let index {
                summaries[index].pendingVersions += 1
                summaries[index].pendingBytes += entry.bytes
                summaries[index].oldest = min(summaries[index].oldest, entry.enqueued)
                summaries[index].retrying += entry.attempts > 0 ? 1 : 0
            } else {
                summaries.append(
                    OutboxSummary(
                        bucket: entry.bucket, destination: entry.destination, ruleID: entry.ruleID, pendingVersions: 1,
                        pendingBytes: entry.bytes, oldest: entry.enqueued, retrying: entry.attempts > 0 ? 1 : 0))
            }
        }
        return summaries
    }

    func isInOutbox(_ id: Int64) throws -> Bool { tables.outbox[id] != nil }

    func outboxCount(bucket: Int64, key: ObjectKey, stamp: VersionStamp) throws -> Int {
        tables.outboxByVersion[VersionRowKey(bucket: bucket, key: Array(key.rawValue.utf8), stamp: stamp)]?.count ?? 0
    }

    func replicationWork(bucket: Int64, key: ObjectKey, stamp: VersionStamp) throws -> [OutboxEntry] {
        let row = VersionRowKey(bucket: bucket, key: Array(key.rawValue.utf8), stamp: stamp)
        return (tables.outboxByVersion[row] ?? []).compactMap { tables.outbox[$0] }
            + failures(bucket: bucket, key: key).filter { $0.stamp == stamp }
    }

    func scanPromises(
        bucket: Int64, key: ObjectKey, destination: BucketName, _ visit: (VersionStamp, String) throws -> Bool
    ) throws {
        let bytes = Array(key.rawValue.utf8)
        var work = failures(bucket: bucket, key: key)
        tables.outboxByVersion.scan(from: VersionRowKey(bucket: bucket, key: bytes)) { row, ids in
            guard row.bucket == bucket, row.key == bytes else { return .stop }
            work += ids.compactMap { tables.outbox[$0] }
            return .next
        }
        work.removeAll { $0.destination != destination || $0.kind == .attributes }
        for entry in work.sorted(by: { $0.stamp > $1.stamp }) {
            guard try visit(entry.stamp, entry.ruleID) else { return }
        }
    }

    private func failures(bucket: Int64, key: ObjectKey) -> [OutboxEntry] {
        var found: [OutboxEntry] = []
        tables.failures.forEach { _, failure in
            if failure.entry.bucket == bucket, failure.entry.key == key { found.append(failure.entry) }
        }
        return found
    }

    func outbox(byAge query: OutboxAgeQuery) throws -> [OutboxEntry] {
        var found: [OutboxEntry] = []
        tables.outbox.forEach { _, entry in
            guard entry.bucket == query.bucket, entry.destination == query.destination,
                entry.ruleID == query.ruleID, entry.enqueued <= query.until,
                (entry.enqueued, entry.id) > (query.after.enqueued, query.after.id)
            else { return }
            found.append(entry)
        }
        found.sort { ($0.enqueued, $0.id) < ($1.enqueued, $1.id) }
        return Array(found.prefix(max(0, query.limit)))
    }

    func failures(bucket: Int64, after: Int64, limit: Int) throws -> [ReplicationFailure] {
        guard after < Int64.max else { return [] }
        var found: [ReplicationFailure] = []
        tables.failures.scan(from: after + 1) { _, failure in
            guard found.count < limit else { return .stop }
            if failure.entry.bucket == bucket { found.append(failure) }
            return .next
        }
        return found
    }

    func failureCount(bucket: Int64, key: ObjectKey, stamp: VersionStamp) throws -> Int {
        var count = 0
        tables.failures.forEach { _, failure in
            let entry = failure.entry
            if entry.bucket == bucket, entry.key == key, entry.stamp == stamp { count += 1 }
        }
        return count
    }

    func failureSummaries() throws -> [FailureSummary] {
        var summaries: [FailureSummary] = []
        tables.failures.forEach { _, failure in
            let entry = failure.entry
            let index = summaries.firstIndex {
                $0.bucket == entry.bucket && $0.destination == entry.destination && $0.ruleID == entry.ruleID
            }
            if let index {
                summaries[index].versions += 1
                summaries[index].bytes += entry.bytes
            } else {
                summaries.append(
                    FailureSummary(
                        bucket: entry.bucket, destination: entry.destination, ruleID: entry.ruleID, versions: 1,
                        bytes: entry.bytes))
            }
        }
        return summaries.sorted {
            ($0.bucket, $0.destination.rawValue, $0.ruleID) < ($1.bucket, $1.destination.rawValue, $1.ruleID)
        }
    }

    func isErased(bucket: Int64, stamp: VersionStamp) throws -> Bool {
        tables.erasures[VersionRowKey(bucket: bucket, key: [], stamp: stamp)] != nil
    }

    func hasErasures(until time: Timestamp) throws -> Bool {
        var found = false
        tables.erasures.forEach { _, erased in found = found || erased <= time }
        return found
    }

    func oldestReplicationWork() throws -> VersionStamp? {
        var oldest: VersionStamp?
        tables.outbox.forEach { _, entry in oldest = min(oldest ?? entry.stamp, entry.stamp) }
        tables.failures.forEach { _, failure in oldest = min(oldest ?? failure.entry.stamp, failure.entry.stamp) }
        return oldest
    }

    func arrivedParts(bucket: Int64, stamp: VersionStamp) throws -> [BlobSegment] {
        var found: [BlobSegment] = []
        tables.arrivals.scan(from: ArrivalRowKey(bucket: bucket, stamp: stamp, offset: 0)) { key, row in
            guard key.bucket == bucket, key.stamp == stamp else { return .stop }
            found.append(row.part)
            return .next
        }
        return found
    }

    func arrivals(until time: Timestamp, limit: Int) throws -> [(bucket: Int64, stamp: VersionStamp)] {
        var latest: [(bucket: Int64, stamp: VersionStamp, time: Timestamp)] = []
        tables.arrivals.forEach { key, row in
            if let last = latest.last, last.bucket == key.bucket, last.stamp == key.stamp {
                latest[latest.count - 1].time = max(last.time, row.time)
            } else {
                latest.append((key.bucket, key.stamp, row.time))
            }
        }
        return latest.filter { $0.time <= time }.sorted { $0.time < $1.time }.prefix(max(0, limit))
            .map { ($0.bucket, $0.stamp) }
    }

    func conflicts(bucket: Int64, after: Int64, limit: Int) throws -> [WriteConflict] {
        guard after < Int64.max else { return [] }
        var found: [WriteConflict] = []
        tables.conflicts.scan(from: after + 1) { _, conflict in
            guard found.count < limit else { return .stop }
            if conflict.bucket == bucket { found.append(conflict) }
            return .next
        }
        return found
    }

    func garbage(limit: Int) throws -> [BlobID] {
        var found: [BlobID] = []
        tables.garbage.scan(from: "") { id, _ in
            guard found.count < limit else { return .stop }
            found.append(BlobID(id))
            return .next
        }
        return found
    }

    func isReferenced(blob: BlobID) throws -> Bool { tables.references[blob.rawValue] != nil }
    func clockHighWater() throws -> VersionStamp { tables.clockHighWater }
}
