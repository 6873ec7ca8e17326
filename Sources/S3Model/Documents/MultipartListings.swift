/// The answer of ListMultipartUploads.
package struct ListMultipartUploadsResult: Sendable {
    package struct Upload: Sendable {
        package var key: String
        package var uploadID: String
        /// Initiator and owner: here they are the same account.
        package var owner: Owner
        package var storageClass: String
        package var initiated: Timestamp
        package var checksumAlgorithm: ChecksumAlgorithm?
        package var checksumType: ChecksumType?

        package init(
            key: String, uploadID: String, owner: Owner, storageClass: String = "STANDARD", initiated: Timestamp,
            checksumAlgorithm: ChecksumAlgorithm? = nil, checksumType: ChecksumType? = nil
        ) {
            self.key = key
            self.uploadID = uploadID
            self.owner = owner
            self.storageClass = storageClass
            self.initiated = initiated
            self.checksumAlgorithm = checksumAlgorithm
            self.checksumType = checksumType
        }
    }

    package var bucket: String
    package var keyMarker: String
    package var uploadIDMarker: String
    package var nextKeyMarker: String?
    package var nextUploadIDMarker: String?
    package var prefix: String
    package var delimiter: String?
    package var maxUploads: Int
    package var encoding: ListingEncoding
    package var isTruncated: Bool
    package var uploads: [Upload]
    package var commonPrefixes: [String]

    /// The first page of `bucket`; what the request says more is set after.
    package init(bucket: String, prefix: String, maxUploads: Int, encoding: ListingEncoding, uploads: [Upload]) {
        self.bucket = bucket
        self.prefix = prefix
        self.maxUploads = maxUploads
        self.encoding = encoding
        self.uploads = uploads
        keyMarker = ""
        uploadIDMarker = ""
        isTruncated = false
        commonPrefixes = []
    }

    package func xml() -> [UInt8] {
        XMLWriter.document("ListMultipartUploadsResult", namespace: XMLNamespace.s3) { writer in
            writer.element("Bucket", bucket)
            writer.element("KeyMarker", encoding.encode(keyMarker))
            writer.element("UploadIdMarker", uploadIDMarker)
            // S3 names where a next page would start even when there is none.
            let last = nextKeyMarker == nil ? uploads.last : nil
            writer.element("NextKeyMarker", encoding.encode(nextKeyMarker ?? last?.key ?? ""))
            writer.element("NextUploadIdMarker", nextUploadIDMarker ?? last?.uploadID ?? "")
            if let delimiter, !delimiter.isEmpty { writer.element("Delimiter", encoding.encode(delimiter)) }
            writer.element("Prefix", encoding.encode(prefix))
            writer.encodingType(encoding)
            writer.element("MaxUploads", maxUploads)
            writer.element("IsTruncated", isTruncated)
            for upload in uploads { write(upload, &writer) }
            writer.commonPrefixes(commonPrefixes, encoding)
        }
    }

    private func write(_ upload: Upload, _ writer: inout XMLWriter) {
        writer.element("Upload") { writer in
            writer.element("Key", encoding.encode(upload.key))
            writer.element("UploadId", upload.uploadID)
            writer.owner(upload.owner, as: "Initiator")
            writer.owner(upload.owner)
            writer.element("StorageClass", upload.storageClass)
            writer.element("Initiated", upload.initiated)
            writer.element(ifPresent: "ChecksumAlgorithm", upload.checksumAlgorithm?.rawValue)
            writer.element(ifPresent: "ChecksumType", upload.checksumType?.rawValue)
        }
    }
}

/// The answer of ListParts.
package struct ListPartsResult: Sendable {
    package struct Part: Sendable {
        package var number: Int
        package var lastModified: Timestamp
        package var etag: ETag
        package var size: Int64
        package var checksum: ObjectChecksum?

        package init(number: Int, lastModified: Timestamp, etag: ETag, size: Int64, checksum: ObjectChecksum?) {
            self.number = number
            self.lastModified = lastModified
            self.etag = etag
            self.size = size
            self.checksum = checksum
        }
    }

    package var bucket: String
    package var key: String
    package var uploadID: String
    package var owner: Owner
    package var storageClass: String
    package var partNumberMarker: Int
    /// The last part's number when there are more.
    package var nextPartNumberMarker: Int?
    package var maxParts: Int
    package var isTruncated: Bool
    package var encoding: ListingEncoding
    package var checksumAlgorithm: ChecksumAlgorithm?
    package var checksumType: ChecksumType?
    package var parts: [Part]

    /// The first and only page; what differs is set after.
    package init(bucket: String, key: String, uploadID: String, owner: Owner, maxParts: Int, parts: [Part]) {
        self.bucket = bucket
        self.key = key
        self.uploadID = uploadID
        self.owner = owner
        self.maxParts = maxParts
        self.parts = parts
        storageClass = "STANDARD"
        partNumberMarker = 0
        isTruncated = false
        encoding = .none
    }

    package func xml() -> [UInt8] {
        let capacity = 1024 + parts.count * 256
        return XMLWriter.document("ListPartsResult", namespace: XMLNamespace.s3, capacity: capacity) { writer in
            writer.element("Bucket", bucket)
            writer.element("Key", encoding.encode(key))
            writer.element("UploadId", uploadID)
            writer.owner(owner, as: "Initiator")
            writer.owner(owner)
            writer.element("StorageClass", storageClass)
            writer.element("PartNumberMarker", partNumberMarker)
            writer.element("NextPartNumberMarker", nextPartNumberMarker ?? parts.last?.number ?? 0)
            writer.element("MaxParts", maxParts)
            writer.encodingType(encoding)
            writer.element("IsTruncated", isTruncated)
            writer.element(ifPresent: "ChecksumAlgorithm", checksumAlgorithm?.rawValue)
            writer.element(ifPresent: "ChecksumType", checksumType?.rawValue)
            for part in parts {
                writer.element("Part") { writer in
                    writer.element("PartNumber", part.number)
                    writer.element("LastModified", part.lastModified)
                    writer.element("ETag", part.etag.quoted)
                    writer.element("Size", part.size)
                    writer.checksum(part.checksum)
                }
            }
        }
    }
}
