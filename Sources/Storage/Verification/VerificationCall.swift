package import S3Model

/// What one process asks another about a bucket to compare it (`meridian verify`), as bytes.
package struct VerificationCall: Sendable, Hashable {
    package enum Question: Sendable, Hashable {
        case bucket
        case digests
        case fingerprints(slots: Set<Int>, after: VersionPosition?, limit: Int)
        case standings([VersionPosition])
        case counterparts([VersionPosition])
        case requeue(VersionPosition, OutboxEntry.Kind, to: BucketName, renews: Bool)
        case resend(VersionPosition, to: BucketName)
    }

    static let version: UInt8 = 2
    /// Versions of one call; so few that their records fit into an answer whatever they are.
    package static let maximumPositions = 32
    /// Versions that a region looks at for one call.
    package static let maximumVisited = 10_000

    package var region: RegionName
    package var bucket: BucketName
    package var question: Question

    package init(region: RegionName, bucket: BucketName, _ question: Question) {
        self.region = region
        self.bucket = bucket
        self.question = question
    }

    package var encoded: [UInt8] {
        var writer = RecordWriter(version: Self.version)
        writer.write(region.rawValue)
        writer.write(bucket.rawValue)
        switch question {
        case .bucket: writer.write(UInt8(1))
        case .digests: writer.write(UInt8(2))
        case .fingerprints(let slots, let after, let limit):
            writer.write(UInt8(3))
            writer.write(fixed: Self.bits(slots))
            writer.write(UInt8(after == nil ? 0 : 1))
            if let after { writer.write(after) }
            writer.write(Int64(limit))
        case .standings(let positions):
            writer.write(UInt8(4))
            writer.write(list: positions) { $0.write($1) }
        case .counterparts(let positions):
            writer.write(UInt8(5))
            writer.write(list: positions) { $0.write($1) }
        case .requeue(let position, let kind, let destination, let renews):
            writer.write(UInt8(6))
            writer.write(position)
            writer.write(kind.rawValue)
            writer.write(destination.rawValue)
            writer.write(UInt8(renews ? 1 : 0))
        case .resend(let position, let destination):
            writer.write(UInt8(7))
            writer.write(position)
            writer.write(destination.rawValue)
        }
        return writer.bytes
    }

    /// `nil` for bytes that are no call of this version, or one beyond the limits.
    package init?(decoding bytes: [UInt8]) {
        let decoded = bytes.withUnsafeBytes { raw in try? Self.read(raw) }
        guard let decoded else { return nil }
        self = decoded
    }

    private static func read(_ bytes: UnsafeRawBufferPointer) throws(RecordError) -> VerificationCall {
        var reader = try RecordReader(bytes, version: version)
        guard let region = RegionName(try reader.text()) else { throw RecordError("has no region's name") }
        let bucket = try reader.bucketName()
        let question: Question
        switch try reader.byte() {
        case 1: question = .bucket
        case 2: question = .digests
        case 3:
            let slots = slots(try reader.fixed(bitBytes))
            let after = try reader.bool() ? try reader.versionPosition() : nil
            let limit = try reader.int()
            guard (1...maximumVisited).contains(limit) else { throw RecordError("has the limit \(limit)") }
            question = .fingerprints(slots: slots, after: after, limit: limit)
        case 4: question = .standings(try reader.positions())
        case 5: question = .counterparts(try reader.positions())
        case 6:
            question = .requeue(
                try reader.versionPosition(), try reader.enumeration(OutboxEntry.Kind.self),
                to: try reader.bucketName(),
                renews: try reader.bool())
        case 7: question = .resend(try reader.versionPosition(), to: try reader.bucketName())
        case let other: throw RecordError("has the unknown question \(other)")
        }
        try reader.finish()
        return VerificationCall(region: region, bucket: bucket, question)
    }

    private static let bitBytes = DigestTable.slotCount / 8

    private static func bits(_ slots: Set<Int>) -> [UInt8] {
        var bits = [UInt8](repeating: 0, count: bitBytes)
        for slot in slots where (0..<DigestTable.slotCount).contains(slot) { bits[slot / 8] |= 1 << UInt8(slot % 8) }
        return bits
    }

    private static func slots(_ bits: UnsafeRawBufferPointer) -> Set<Int> {
        Set((0..<DigestTable.slotCount).filter { bits[$0 / 8] & 1 << UInt8($0 % 8) != 0 })
    }
}

extension RecordWriter {
    mutating func write(_ position: VersionPosition) {
        write(position.key.rawValue)
        write(position.stamp)
    }
}

extension RecordReader {
    mutating func versionPosition() throws(RecordError) -> VersionPosition {
        guard let key = ObjectKey(try text()) else { throw RecordError("has a key that is none") }
        return VersionPosition(key: key, stamp: try stamp())
    }

    fileprivate mutating func positions() throws(RecordError) -> [VersionPosition] {
        let count = try count()
        guard count <= VerificationCall.maximumPositions else { throw RecordError("asks for \(count) versions") }
        var positions: [VersionPosition] = []
        for _ in 0..<count { positions.append(try versionPosition()) }
        return positions
    }
}
