import Crypto
import S3Model

/// 128 bits that stand for something. Sets of things are combined by exclusive or, so that putting a thing in and taking
/// it out are the same and the order does not matter.
package struct Digest128: Sendable, Hashable {
    package static let byteCount = 16
    package static let zero = Digest128(high: 0, low: 0)

    package var high: UInt64
    package var low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// The first half of the SHA-256 of `bytes`.
    init(hashing bytes: [UInt8]) {
        self = SHA256.hash(data: bytes).withUnsafeBytes { hash in
            Digest128(
                high: UInt64(bigEndian: hash.loadUnaligned(as: UInt64.self)),
                low: UInt64(bigEndian: hash.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
        }
    }

    package mutating func combine(_ other: Digest128) {
        high ^= other.high
        low ^= other.low
    }

    /// 32 hexadecimal digits.
    package var hex: String {
        Hex.encode(
            [high, low].flatMap { word in
                stride(from: UInt64(56), through: 0, by: -8).map { UInt8(truncatingIfNeeded: word >> $0) }
            })
    }
}

/// What two regions compare of a version: all that replication carries verbatim, and nothing that each region has of its
/// own (status, where the bytes are) or that a rule may change on the way (owner, storage class; spec/mrap.md §15.6).
package struct VersionDigest: Sendable, Hashable {
    /// What never changes once a version is made: its kind, size, ETag, checksum, parts and time.
    package var content: Digest128
    /// Tags and metadata.
    package var attributes: Digest128

    package init(_ version: ObjectVersion) {
        var content = RecordWriter(version: Self.format)
        Self.write(contentOf: version, to: &content)
        var attributes = RecordWriter(version: Self.format)
        Self.write(attributesOf: version, to: &attributes)
        self.content = Digest128(hashing: content.bytes)
        self.attributes = Digest128(hashing: attributes.bytes)
    }

    init(content: Digest128, attributes: Digest128) {
        self.content = content
        self.attributes = attributes
    }

    /// What a version adds to the digest of its key's slot is one hash of this.
    static func bytes(of version: ObjectVersion) -> [UInt8] {
        var writer = RecordWriter(version: format)
        writer.write(version.key.rawValue)
        writer.write(version.stamp)
        write(contentOf: version, to: &writer)
        write(attributesOf: version, to: &writer)
        return writer.bytes
    }

    /// Of what is hashed; another format needs a migration that computes all digests anew.
    private static let format: UInt8 = 1

    private static func write(contentOf version: ObjectVersion, to writer: inout RecordWriter) {
        writer.write(UInt8((version.isNull ? 1 : 0) | (version.isDeleteMarker ? 2 : 0)))
        writer.write(version.modified)
        guard let object = version.object else { return }
        writer.write(object.size)
        writer.write(object.etag.rawValue)
        writer.write(object.checksum)
        writer.write(list: object.parts) { writer, part in
            writer.write(Int64(part.number))
            writer.write(part.size)
            writer.write(part.checksum)
        }
    }

    private static func write(attributesOf version: ObjectVersion, to writer: inout RecordWriter) {
        guard let object = version.object else { return }
        var metadata = object.metadata
        metadata.storageClass = nil
        writer.write(metadata)
        writer.write(object.tags)
    }
}
