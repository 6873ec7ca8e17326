package import S3Model

/// An upload between CreateMultipartUpload and Complete or Abort.
package struct MultipartUpload: Sendable, Hashable {
    /// `REGION.<32 hexadecimal digits>`: the region is in it so that every part finds its way there (spec/mrap.md §8.4).
    package var id: String
    package var bucket: Int64
    package var key: ObjectKey
    package var initiated: Timestamp
    package var owner: Owner
    package var metadata: ObjectMetadata
    package var tags: [Tag]
    package var checksumAlgorithm: ChecksumAlgorithm?
    package var checksumType: ChecksumType?

    package init(
        id: String, bucket: Int64, key: ObjectKey, initiated: Timestamp, owner: Owner, metadata: ObjectMetadata
    ) {
        self.id = id
        self.bucket = bucket
        self.key = key
        self.initiated = initiated
        self.owner = owner
        self.metadata = metadata
        tags = []
    }

    /// The region named in an upload id, or `nil` when it is not one of ours.
    package static func region(ofUploadID id: String) -> RegionName? {
        guard let dot = id.firstIndex(of: ".") else { return nil }
        return RegionName(String(id[..<dot]))
    }
}

/// A part that has been uploaded.
package struct UploadedPart: Sendable, Hashable {
    package var number: Int
    package var size: Int64
    package var etag: ETag
    package var modified: Timestamp
    package var checksum: ObjectChecksum?
    package var data: ObjectData

    package init(number: Int, size: Int64, etag: ETag, modified: Timestamp, checksum: ObjectChecksum?, data: ObjectData)
    {
        self.number = number
        self.size = size
        self.etag = etag
        self.modified = modified
        self.checksum = checksum
        self.data = data
    }
}
