package import S3Model

/// How an ``ObjectVersion`` is stored. Key and stamp are columns beside the record; `isCurrent` is not stored.
package enum VersionRecord {
    package static let version: UInt8 = 1

    private enum Flag {
        static let isNull: UInt8 = 1
        static let isDeleteMarker: UInt8 = 2
        /// Tags or metadata were changed after the version was made.
        static let hasAttributesStamp: UInt8 = 4
        static let all: UInt8 = 7
    }

    package static func encode(_ version: ObjectVersion) -> [UInt8] {
        var writer = RecordWriter(version: Self.version)
        var flags: UInt8 = 0
        if version.isNull { flags |= Flag.isNull }
        if version.isDeleteMarker { flags |= Flag.isDeleteMarker }
        if version.attributesStamp != version.stamp { flags |= Flag.hasAttributesStamp }
        writer.write(flags)
        if version.attributesStamp != version.stamp { writer.write(version.attributesStamp) }
        writer.write(version.modified)
        writer.write(version.owner)
        writer.write(version.replication.rawValue)
        if let content = version.object { write(content, to: &writer) }
        return writer.bytes
    }

    private static func write(_ content: ObjectContent, to writer: inout RecordWriter) {
        writer.write(content.size)
        writer.write(content.etag.rawValue)
        writer.write(content.metadata)
        writer.write(content.tags)
        writer.write(content.checksum)
        writer.write(list: content.parts) { writer, part in
            writer.write(Int64(part.number))
            writer.write(part.size)
            writer.write(part.checksum)
        }
        writer.write(content.data)
    }

    package static func decode(_ bytes: UnsafeRawBufferPointer, key: ObjectKey, stamp: VersionStamp) throws(RecordError)
        -> ObjectVersion
    {
        var reader = try RecordReader(bytes, version: version)
        let flags = try reader.byte()
        guard flags & ~Flag.all == 0 else { throw RecordError("has unknown flags \(flags)") }
        let attributesStamp = flags & Flag.hasAttributesStamp != 0 ? try reader.stamp() : stamp
        let modified = try reader.timestamp()
        let owner = try reader.owner()
        let replication = try reader.enumeration(ReplicationStatus.self)
        let content: ObjectVersion.Content =
            flags & Flag.isDeleteMarker != 0 ? .deleteMarker : .object(try objectContent(&reader))
        try reader.finish()
        var result = ObjectVersion(
            key: key, stamp: stamp, isNull: flags & Flag.isNull != 0, content: content, modified: modified,
            owner: owner, replication: replication)
        result.attributesStamp = attributesStamp
        return result
    }

    private static func objectContent(_ reader: inout RecordReader) throws(RecordError) -> ObjectContent {
        let size = try reader.signed()
        let etag = ETag(try reader.text())
        let metadata = try reader.metadata()
        let tags = try reader.tags()
        let checksum = try reader.checksum()
        let parts = try reader.list { (reader) throws(RecordError) in
            ObjectContent.Part(
                number: try reader.int(), size: try reader.signed(), checksum: try reader.checksum())
        }
        var content = ObjectContent(size: size, etag: etag, metadata: metadata, data: try reader.objectData())
        content.tags = tags
        content.checksum = checksum
        content.parts = parts
        return content
    }
}
