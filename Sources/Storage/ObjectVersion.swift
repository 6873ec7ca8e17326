package import S3Model

/// One version of one key: an object or a delete marker. This is the record that replication carries verbatim.
package struct ObjectVersion: Sendable, Hashable {
    package enum Content: Sendable, Hashable {
        case deleteMarker
        case object(ObjectContent)
    }

    package var key: ObjectKey
    package var stamp: VersionStamp
    /// Written while the bucket was unversioned or suspended: clients see the version id `null`.
    package var isNull: Bool
    package var content: Content
    /// `Last-Modified`: the wall clock of the region that made the version, kept by replicas.
    package var modified: Timestamp
    package var owner: Owner
    package var replication: ReplicationStatus
    /// Orders later changes of tags and metadata of this version; equals `stamp` until the first change.
    package var attributesStamp: VersionStamp
    /// Filled in by reads: whether this is the current version of its key.
    package var isCurrent: Bool

    package init(
        key: ObjectKey, stamp: VersionStamp, isNull: Bool, content: Content, modified: Timestamp, owner: Owner,
        replication: ReplicationStatus = .none
    ) {
        self.key = key
        self.stamp = stamp
        self.isNull = isNull
        self.content = content
        self.modified = modified
        self.owner = owner
        self.replication = replication
        attributesStamp = stamp
        isCurrent = false
    }

    package var versionID: VersionID { isNull ? .null : .stamp(stamp) }
    package var isDeleteMarker: Bool { content == .deleteMarker }
    package var object: ObjectContent? { if case .object(let content) = content { content } else { nil } }
}

/// What an object version consists of.
package struct ObjectContent: Sendable, Hashable {
    package var size: Int64
    package var etag: ETag
    package var metadata: ObjectMetadata
    package var tags: [Tag]
    package var checksum: ObjectChecksum?
    /// The part layout of a multipart upload, in order; empty for a single PUT.
    package var parts: [Part]
    package var data: ObjectData

    package struct Part: Sendable, Hashable {
        package var number: Int
        package var size: Int64
        package var checksum: ObjectChecksum?
        package init(number: Int, size: Int64, checksum: ObjectChecksum?) {
            self.number = number
            self.size = size
            self.checksum = checksum
        }
    }

    package init(size: Int64, etag: ETag, metadata: ObjectMetadata, data: ObjectData) {
        self.size = size
        self.etag = etag
        self.metadata = metadata
        self.data = data
        tags = []
        parts = []
    }
}

/// Where an object's bytes are in this region. Not part of what replication carries.
package enum ObjectData: Sendable, Hashable {
    /// Zero bytes.
    case empty
    /// In the metadata store, beside the version (small objects). `crc32c` of the bytes is checked on every read.
    case inline(id: Int64, crc32c: UInt32)
    /// In blobs, in order; a multipart object has one or more per part.
    case blobs([BlobSegment])
}

package struct BlobSegment: Sendable, Hashable {
    package var blob: BlobID
    package var size: Int64
    package init(blob: BlobID, size: Int64) {
        self.blob = blob
        self.size = size
    }
}

/// The name of one immutable blob.
package struct BlobID: Sendable, Hashable, CustomStringConvertible {
    /// 32 lower-case hexadecimal digits, or, for blobs on files, `<epoch>-<32 hexadecimal digits>`.
    package let rawValue: String
    package var description: String { rawValue }
    package init(_ rawValue: String) { self.rawValue = rawValue }
}
