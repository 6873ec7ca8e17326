package import NIOCore
package import S3Model

/// Which digests a body needs. Only what the request asks for is computed (spec/performance.md §3).
package struct DigestPlan: Sendable, Hashable {
    /// For the ETag or Content-MD5.
    package var md5: Bool
    /// For a literal `x-amz-content-sha256`.
    package var sha256: Bool
    package var checksum: ChecksumAlgorithm?

    package init(md5: Bool = true, sha256: Bool = false, checksum: ChecksumAlgorithm? = nil) {
        self.md5 = md5
        self.sha256 = sha256
        self.checksum = checksum
    }
}

/// The results, raw bytes, of what the plan asked for.
package struct ContentDigests: Sendable, Hashable {
    package var md5: [UInt8]?
    package var sha256: [UInt8]?
    package var checksum: [UInt8]?
    package init() {}
}

/// A body that has been received and, if it is a blob, is durable; not yet part of any version. Give it to the store
/// with a put, or ``RegionStore/discard(_:)`` it.
package struct StagedContent: Sendable {
    package enum Bytes: Sendable {
        case memory(ByteBuffer)
        case blobs([BlobSegment])
    }

    package var size: Int64
    package var bytes: Bytes
    package var digests: ContentDigests

    package init(size: Int64, bytes: Bytes, digests: ContentDigests) {
        self.size = size
        self.bytes = bytes
        self.digests = digests
    }
}

/// Conditions of a write, evaluated inside its transaction.
package struct WriteConditions: Sendable, Hashable {
    /// `If-None-Match: *`: only when the key has no current object.
    package var ifNoneMatchAny: Bool
    /// `If-Match`: only when the current object has this ETag (`*`: any object).
    package var ifMatch: ETag?

    package init(ifNoneMatchAny: Bool = false, ifMatch: ETag? = nil) {
        self.ifNoneMatchAny = ifNoneMatchAny
        self.ifMatch = ifMatch
    }
    package static let none = WriteConditions()
}

/// A new object, all but its bytes.
package struct ObjectPut: Sendable {
    package var bucket: BucketName
    package var key: ObjectKey
    package var owner: Owner
    package var metadata: ObjectMetadata
    package var tags: [Tag]
    package var checksum: ObjectChecksum?
    package var conditions: WriteConditions

    package init(bucket: BucketName, key: ObjectKey, owner: Owner, metadata: ObjectMetadata) {
        self.bucket = bucket
        self.key = key
        self.owner = owner
        self.metadata = metadata
        tags = []
        conditions = .none
    }
}

/// One deletion of DeleteObject or DeleteObjects.
package struct ObjectDeletion: Sendable, Hashable {
    package var key: ObjectKey
    package var version: VersionID?
    /// Delete only what has this ETag, or with `*` only what is there; `nil`: whatever there is.
    package var ifMatch: ETag?

    package init(_ key: ObjectKey, version: VersionID? = nil, ifMatch: ETag? = nil) {
        self.key = key
        self.version = version
        self.ifMatch = ifMatch
    }
}

/// What DeleteObject did.
package struct DeleteOutcome: Sendable, Hashable {
    /// `nil` when nothing with a version id was touched (unversioned bucket).
    package var versionID: VersionID?
    /// A delete marker was created, or the deleted version was one.
    package var isDeleteMarker: Bool
    package init(versionID: VersionID?, isDeleteMarker: Bool) {
        self.versionID = versionID
        self.isDeleteMarker = isDeleteMarker
    }
}

package struct CompletedPart: Sendable, Hashable {
    package var number: Int
    package var etag: ETag
    package var checksum: ObjectChecksum?
    package init(number: Int, etag: ETag, checksum: ObjectChecksum?) {
        self.number = number
        self.etag = etag
        self.checksum = checksum
    }
}

package struct MultipartCompletion: Sendable {
    package var bucket: BucketName
    package var key: ObjectKey
    package var uploadID: String
    package var parts: [CompletedPart]
    /// What the client says the whole object's checksum is.
    package var checksum: ObjectChecksum?
    package var checksumType: ChecksumType?
    /// `x-amz-mp-object-size`.
    package var expectedSize: Int64?
    package var conditions: WriteConditions

    package init(bucket: BucketName, key: ObjectKey, uploadID: String, parts: [CompletedPart]) {
        self.bucket = bucket
        self.key = key
        self.uploadID = uploadID
        self.parts = parts
        conditions = .none
    }
}

/// What a listing asks for; limits are already clamped to 0...1000.
package struct ListQuery: Sendable, Hashable {
    package var prefix: String
    package var delimiter: String?
    /// Only keys (and common prefixes) after this one, by bytes; empty for the beginning.
    package var after: String
    package var limit: Int

    package init(prefix: String = "", delimiter: String? = nil, after: String = "", limit: Int = 1000) {
        self.prefix = prefix
        self.delimiter = delimiter
        self.after = after
        self.limit = limit
    }
}

package struct ObjectListing: Sendable {
    package var objects: [ObjectVersion] = []
    package var commonPrefixes: [String] = []
    /// The last key or common prefix of this page when there are more: what `after` of the next page must be.
    package var next: String?
    package init() {}
}

package struct VersionListing: Sendable {
    package var versions: [ObjectVersion] = []
    package var commonPrefixes: [String] = []
    /// Where the next page starts (exclusive) when there is one; the version id is `nil` after a common prefix.
    package var next: (key: String, versionID: VersionID?)?
    package init() {}
}

package struct UploadListing: Sendable {
    package var uploads: [MultipartUpload] = []
    package var commonPrefixes: [String] = []
    package var next: (key: String, uploadID: String?)?
    package init() {}
}

/// What applying a replica did. Applying is idempotent by stamp.
package enum ApplyOutcome: UInt8, Sendable, Hashable {
    /// Stored now.
    case applied = 1
    /// This version was there already, with the same or later attributes: nothing changed.
    case unchanged = 2
    /// The version was there; its tags or metadata were brought up to date.
    case updated = 3
    /// The version was here and was removed for good: it does not come back (S3 calls it `DstObjectHardDeleted`).
    case erased = 4
}
