import S3Model

/// How a ``MultipartUpload`` is stored; id, bucket and key are columns.
enum UploadRecord {
    static let version: UInt8 = 1

    static func encode(_ upload: MultipartUpload) -> [UInt8] {
        var writer = RecordWriter(version: version)
        writer.write(upload.initiated)
        writer.write(upload.owner)
        writer.write(upload.metadata)
        writer.write(upload.tags)
        writer.write(upload.checksumAlgorithm)
        writer.write(upload.checksumType)
        return writer.bytes
    }

    static func decode(_ bytes: UnsafeRawBufferPointer, id: String, bucket: Int64, key: ObjectKey) throws(RecordError)
        -> MultipartUpload
    {
        var reader = try RecordReader(bytes, version: version)
        var upload = MultipartUpload(
            id: id, bucket: bucket, key: key, initiated: try reader.timestamp(), owner: try reader.owner(),
            metadata: try reader.metadata())
        upload.tags = try reader.tags()
        upload.checksumAlgorithm = try reader.checksumAlgorithm()
        upload.checksumType = try reader.checksumType()
        try reader.finish()
        return upload
    }
}

/// How an ``UploadedPart`` is stored; its number is a column.
enum PartRecord {
    static let version: UInt8 = 1

    static func encode(_ part: UploadedPart) -> [UInt8] {
        var writer = RecordWriter(version: version)
        writer.write(part.size)
        writer.write(part.etag.rawValue)
        writer.write(part.modified)
        writer.write(part.checksum)
        writer.write(part.data)
        return writer.bytes
    }

    static func decode(_ bytes: UnsafeRawBufferPointer, number: Int) throws(RecordError) -> UploadedPart {
        var reader = try RecordReader(bytes, version: version)
        let part = UploadedPart(
            number: number, size: try reader.signed(), etag: ETag(try reader.text()), modified: try reader.timestamp(),
            checksum: try reader.checksum(), data: try reader.objectData())
        try reader.finish()
        return part
    }
}
