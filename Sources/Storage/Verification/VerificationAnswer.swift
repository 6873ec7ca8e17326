package import S3Model

/// The answers to a ``VerificationCall`` as bytes, each with a version. What is decoded is `nil` for bytes that are none.
package enum VerificationAnswer {
    private static let version: UInt8 = 2

    private static func decode<Value>(
        _ bytes: [UInt8], _ body: (inout RecordReader) throws(RecordError) -> Value
    ) -> Value? {
        bytes.withUnsafeBytes { raw in
            guard var reader = try? RecordReader(raw, version: version), let value = try? body(&reader),
                (try? reader.finish()) != nil
            else { return nil }
            return value
        }
    }

    // MARK: Buckets

    package static func encode(_ bucket: Bucket) -> [UInt8] {
        var writer = RecordWriter(version: version)
        writer.write(bucket.id)
        let record = BucketRecord.encode(bucket)
        writer.write(count: record.count)
        writer.write(fixed: record)
        return writer.bytes
    }

    package static func bucket(_ bytes: [UInt8], name: BucketName) -> Bucket? {
        decode(bytes) { (reader) throws(RecordError) in
            let id = try reader.signed()
            let length = try reader.count()
            return try BucketRecord.decode(try reader.fixed(length), id: id, name: name)
        }
    }

    // MARK: Digests

    package static func encode(_ table: DigestTable) -> [UInt8] {
        var writer = RecordWriter(version: version, capacity: DigestTable.slotCount * DigestTable.Node.byteCount)
        for node in table.slots {
            writer.write(node.digest)
            writer.write(node.versions)
        }
        return writer.bytes
    }

    package static func digests(_ bytes: [UInt8]) -> DigestTable? {
        decode(bytes) { (reader) throws(RecordError) in
            var table = DigestTable()
            for slot in 0..<DigestTable.slotCount {
                let digest = try reader.digest()
                // So many that no sum of them is too large.
                let versions = try reader.signed()
                guard (-(1 << 48)...1 << 48).contains(versions) else { throw RecordError("counts \(versions)") }
                table.set(DigestTable.Node(digest: digest, versions: versions), slot: slot)
            }
            return table
        }
    }

    package static func encode(_ page: FingerprintPage) -> [UInt8] {
        var writer = RecordWriter(version: version)
        writer.write(list: page.fingerprints) { writer, fingerprint in
            writer.write(fingerprint.position)
            writer.write(fingerprint.digest.content)
            writer.write(fingerprint.digest.attributes)
            writer.write(fingerprint.attributesStamp)
        }
        writer.write(list: page.damaged) { $0.write($1) }
        writer.write(UInt8(page.end == nil ? 0 : 1))
        if let end = page.end { writer.write(end) }
        writer.write(Int64(page.visited))
        return writer.bytes
    }

    package static func fingerprints(_ bytes: [UInt8]) -> FingerprintPage? {
        decode(bytes) { (reader) throws(RecordError) in
            var page = FingerprintPage()
            page.fingerprints = try reader.list { (reader) throws(RecordError) in
                VersionFingerprint(
                    position: try reader.versionPosition(),
                    digest: VersionDigest(content: try reader.digest(), attributes: try reader.digest()),
                    attributesStamp: try reader.stamp())
            }
            page.damaged = try reader.list { (reader) throws(RecordError) in try reader.versionPosition() }
            if try reader.bool() { page.end = try reader.versionPosition() }
            page.visited = try reader.int()
            guard (0...VerificationCall.maximumVisited).contains(page.visited) else {
                throw RecordError("has looked at \(page.visited)")
            }
            return page
        }
    }

    // MARK: Versions

    package static func encode(_ standings: [VersionStanding]) -> [UInt8] {
        var writer = RecordWriter(version: version)
        writer.write(list: standings) { writer, standing in
            writer.write(standing.version)
            writer.write(list: standing.waiting) { $0.write($1) }
            writer.write(list: standing.failed) { $0.write($1) }
        }
        return writer.bytes
    }

    /// `positions` are those that were asked for.
    package static func standings(_ bytes: [UInt8], of positions: [VersionPosition]) -> [VersionStanding]? {
        decode(bytes) { (reader) throws(RecordError) in
            try reader.each(positions) { (reader, position) throws(RecordError) in
                var standing = VersionStanding()
                standing.version = try reader.version(at: position)
                standing.waiting = try reader.list { (reader) throws(RecordError) in try reader.work(on: position) }
                standing.failed = try reader.list { (reader) throws(RecordError) in try reader.work(on: position) }
                return standing
            }
        }
    }

    package static func encode(_ counterparts: [VersionCounterpart]) -> [UInt8] {
        var writer = RecordWriter(version: version)
        writer.write(list: counterparts) { writer, counterpart in
            writer.write(counterpart.version)
            writer.write(UInt8(counterpart.damaged == nil ? 0 : 1))
            if let id = counterpart.damaged { writer.write(UInt8(id == .null ? 1 : 0)) }
            writer.write(UInt8(counterpart.nullStamp == nil ? 0 : 1))
            if let stamp = counterpart.nullStamp { writer.write(stamp) }
            writer.write(UInt8(counterpart.wasErased ? 1 : 0))
        }
        return writer.bytes
    }

    /// `positions` are those that were asked for.
    package static func counterparts(_ bytes: [UInt8], of positions: [VersionPosition]) -> [VersionCounterpart]? {
        decode(bytes) { (reader) throws(RecordError) in
            try reader.each(positions) { (reader, position) throws(RecordError) in
                var counterpart = VersionCounterpart()
                counterpart.version = try reader.version(at: position)
                if try reader.bool() { counterpart.damaged = try reader.bool() ? .null : .stamp(position.stamp) }
                if try reader.bool() { counterpart.nullStamp = try reader.stamp() }
                counterpart.wasErased = try reader.bool()
                return counterpart
            }
        }
    }

    package static func encode(wasRequeued: Bool) -> [UInt8] {
        var writer = RecordWriter(version: version)
        writer.write(UInt8(wasRequeued ? 1 : 0))
        return writer.bytes
    }

    package static func wasRequeued(_ bytes: [UInt8]) -> Bool? {
        decode(bytes) { (reader) throws(RecordError) in try reader.bool() }
    }
}

extension RecordWriter {
    fileprivate mutating func write(_ digest: Digest128) {
        for word in [digest.high, digest.low] {
            write(fixed: stride(from: UInt64(56), through: 0, by: -8).map { UInt8(truncatingIfNeeded: word >> $0) })
        }
    }

    /// Without what the region has of its own: where the bytes are.
    fileprivate mutating func write(_ version: ObjectVersion?) {
        guard var version else { return write(UInt8(0)) }
        if case .object(var content) = version.content {
            content.data = .empty
            version.content = .object(content)
        }
        write(UInt8(1))
        let record = VersionRecord.encode(version)
        write(count: record.count)
        write(fixed: record)
    }

    fileprivate mutating func write(_ work: OutboxEntry) {
        write(work.id)
        write(work.bucket)
        write(work.kind.rawValue)
        write(work.destination.rawValue)
        write(work.ruleID)
        write(work.bytes)
        write(work.enqueued)
        write(Int64(work.attempts))
        write(work.notBefore)
        write(work.lastError)
    }
}

extension RecordReader {
    fileprivate mutating func each<Value>(
        _ positions: [VersionPosition],
        _ body: (inout RecordReader, VersionPosition) throws(RecordError) -> Value
    ) throws(RecordError) -> [Value] {
        guard try count() == positions.count else { throw RecordError("tells of other versions than were asked for") }
        var values: [Value] = []
        for position in positions { values.append(try body(&self, position)) }
        return values
    }

    fileprivate mutating func digest() throws(RecordError) -> Digest128 {
        func word(_ bytes: UnsafeRawBufferPointer) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
        return Digest128(high: word(try fixed(8)), low: word(try fixed(8)))
    }

    fileprivate mutating func version(at position: VersionPosition) throws(RecordError) -> ObjectVersion? {
        guard try bool() else { return nil }
        let length = try count()
        return try VersionRecord.decode(try fixed(length), key: position.key, stamp: position.stamp)
    }

    fileprivate mutating func work(on position: VersionPosition) throws(RecordError) -> OutboxEntry {
        let id = try signed()
        let bucket = try signed()
        let kind = try enumeration(OutboxEntry.Kind.self)
        var entry = OutboxEntry(
            bucket: bucket, key: position.key, stamp: position.stamp, kind: kind, destination: try bucketName(),
            ruleID: try text(), bytes: try signed(), enqueued: try timestamp())
        entry.id = id
        entry.attempts = try int()
        entry.notBefore = try timestamp()
        entry.lastError = try optionalText()
        return entry
    }
}
