package import NIOCore
package import S3Model

/// The newest version of a key, when it is an object, with its bytes when they are small. Shared and immutable, so that
/// handing one on costs one reference and not one per field.
package final class NewestObject: Sendable {
    /// `isCurrent` is set.
    package let version: ObjectVersion
    package let content: ObjectContent
    /// As read from the metadata store, not checked; `nil` when the bytes are in blobs.
    private let bytes: ByteBuffer?

    /// `nil` for a delete marker.
    init?(_ version: ObjectVersion, inlineData: (Int64) throws -> ByteBuffer?) throws {
        guard let content = version.object else { return nil }
        var version = version
        version.isCurrent = true
        self.version = version
        self.content = content
        switch content.data {
        case .empty: bytes = ByteBuffer()
        case .blobs: bytes = nil
        case .inline(let id, _):
            guard let found = try inlineData(id) else { throw S3Error.replacedWhileReading(version.key) }
            bytes = found
        }
    }

    /// The bytes of a small object, checked against their checksum at every call; `nil` when they are in blobs.
    package func inlineContent() throws -> ByteBuffer? {
        guard let bytes, case .inline(let id, let crc32c) = content.data else { return bytes }
        guard Int64(bytes.readableBytes) == content.size, bytes.crc32c == crc32c else {
            throw StorageError.corruptInlineData(id, of: version, found: bytes)
        }
        return bytes
    }

    /// About how much memory this takes.
    var cost: Int { 1024 + version.key.rawValue.utf8.count + (bytes?.readableBytes ?? 0) + content.parts.count * 64 }
}

extension StorageError {
    static func corruptInlineData(_ id: Int64, of version: ObjectVersion, found bytes: ByteBuffer) -> StorageError {
        let expected =
            if case .inline(_, let crc32c)? = version.object?.data {
                "\(version.object?.size ?? 0) bytes with \(crc32c)"
            } else {
                "none"
            }
        return .corrupt(
            detail: "inline data \(id) of \(version.versionID): \(bytes.readableBytes) bytes with CRC-32C "
                + "\(bytes.crc32c), expected \(expected)")
    }
}

extension MetadataStore {
    /// For stores that remember nothing: two reads on one snapshot.
    package func newestObject(bucket: Int64, key: ObjectKey) throws -> NewestObject? {
        try read { try $0.newestObject(bucket: bucket, key: key) }
    }
}

extension MetadataReader {
    /// `nil` when the key has no version or its newest is a delete marker.
    func newestObject(bucket: Int64, key: ObjectKey) throws -> NewestObject? {
        guard let newest = try newestVersion(bucket: bucket, key: key) else { return nil }
        return try NewestObject(newest) { try inlineData(id: $0) }
    }
}
