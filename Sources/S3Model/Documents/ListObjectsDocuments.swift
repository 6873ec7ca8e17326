/// The answer of ListObjects and ListObjectsV2.
package struct ListBucketResult: Sendable {
    package struct Object: Sendable {
        package var key: String
        package var lastModified: Timestamp
        package var etag: ETag
        package var size: Int64
        package var storageClass: String
        package var checksumAlgorithm: ChecksumAlgorithm?
        package var checksumType: ChecksumType?
        /// Always in the first version of the call; in the second with `fetch-owner=true` only.
        package var owner: Owner?

        package init(
            key: String, lastModified: Timestamp, etag: ETag, size: Int64, storageClass: String = "STANDARD",
            checksumAlgorithm: ChecksumAlgorithm? = nil, checksumType: ChecksumType? = nil, owner: Owner? = nil
        ) {
            self.key = key
            self.lastModified = lastModified
            self.etag = etag
            self.size = size
            self.storageClass = storageClass
            self.checksumAlgorithm = checksumAlgorithm
            self.checksumType = checksumType
            self.owner = owner
        }
    }

    /// What differs between the two versions of the call.
    package enum Paging: Sendable {
        /// `nextMarker` only with a delimiter, as S3 does.
        case markers(marker: String, nextMarker: String?)
        case tokens(startAfter: String?, continuationToken: String?, nextContinuationToken: String?)
    }

    package var bucket: String
    package var prefix: String
    package var delimiter: String?
    package var maxKeys: Int
    package var encoding: ListingEncoding
    package var isTruncated: Bool
    package var paging: Paging
    package var objects: [Object]
    package var commonPrefixes: [String]

    package init(
        bucket: String, prefix: String, delimiter: String?, maxKeys: Int, encoding: ListingEncoding, isTruncated: Bool,
        paging: Paging, objects: [Object], commonPrefixes: [String]
    ) {
        self.bucket = bucket
        self.prefix = prefix
        self.delimiter = delimiter
        self.maxKeys = maxKeys
        self.encoding = encoding
        self.isTruncated = isTruncated
        self.paging = paging
        self.objects = objects
        self.commonPrefixes = commonPrefixes
    }

    package func xml() -> [UInt8] {
        let capacity = 1024 + objects.count * 320 + commonPrefixes.count * 128
        return XMLWriter.document("ListBucketResult", namespace: XMLNamespace.s3, capacity: capacity) { writer in
            writer.element("Name", bucket)
            writer.element("Prefix", encoding.encode(prefix))
            writePaging(&writer)
            writer.element("MaxKeys", maxKeys)
            if let delimiter, !delimiter.isEmpty { writer.element("Delimiter", encoding.encode(delimiter)) }
            writer.encodingType(encoding)
            writer.element("IsTruncated", isTruncated)
            for object in objects { write(object, &writer) }
            writer.commonPrefixes(commonPrefixes, encoding)
        }
    }

    private func writePaging(_ writer: inout XMLWriter) {
        switch paging {
        case .markers(let marker, let nextMarker):
            writer.element("Marker", encoding.encode(marker))
            writer.element(ifPresent: "NextMarker", nextMarker.map(encoding.encode))
        case .tokens(let startAfter, let token, let nextToken):
            writer.element(ifPresent: "StartAfter", startAfter.map(encoding.encode))
            writer.element(ifPresent: "ContinuationToken", token)
            writer.element(ifPresent: "NextContinuationToken", nextToken)
            writer.element("KeyCount", objects.count + commonPrefixes.count)
        }
    }

    private func write(_ object: Object, _ writer: inout XMLWriter) {
        writer.open("Contents")
        writer.element("Key", encoding.encode(object.key))
        writer.element("LastModified", object.lastModified)
        writer.element("ETag", object.etag.quoted)
        writer.element(ifPresent: "ChecksumAlgorithm", object.checksumAlgorithm?.rawValue)
        writer.element(ifPresent: "ChecksumType", object.checksumType?.rawValue)
        writer.element("Size", object.size)
        writer.owner(ifPresent: object.owner)
        writer.element("StorageClass", object.storageClass)
        writer.close("Contents")
    }
}

/// The answer of ListObjectVersions.
package struct ListVersionsResult: Sendable {
    /// A version or a delete marker.
    package struct Entry: Sendable {
        /// What a delete marker does not have.
        package struct Content: Sendable {
            package var etag: ETag
            package var size: Int64
            package var storageClass: String
            package var checksumAlgorithm: ChecksumAlgorithm?
            package var checksumType: ChecksumType?

            package init(
                etag: ETag, size: Int64, storageClass: String = "STANDARD",
                checksumAlgorithm: ChecksumAlgorithm? = nil, checksumType: ChecksumType? = nil
            ) {
                self.etag = etag
                self.size = size
                self.storageClass = storageClass
                self.checksumAlgorithm = checksumAlgorithm
                self.checksumType = checksumType
            }
        }

        package var key: String
        package var versionID: String
        package var isLatest: Bool
        package var lastModified: Timestamp
        package var owner: Owner
        /// `nil` for a delete marker.
        package var content: Content?

        package init(
            key: String, versionID: String, isLatest: Bool, lastModified: Timestamp, owner: Owner, content: Content?
        ) {
            self.key = key
            self.versionID = versionID
            self.isLatest = isLatest
            self.lastModified = lastModified
            self.owner = owner
            self.content = content
        }
    }

    package var bucket: String
    package var prefix: String
    package var delimiter: String?
    package var keyMarker: String
    package var versionIDMarker: String
    package var nextKeyMarker: String?
    package var nextVersionIDMarker: String?
    package var maxKeys: Int
    package var encoding: ListingEncoding
    package var isTruncated: Bool
    package var entries: [Entry]
    package var commonPrefixes: [String]

    /// The first page of `bucket`; what the request says more is set after.
    package init(bucket: String, prefix: String, maxKeys: Int, encoding: ListingEncoding, entries: [Entry]) {
        self.bucket = bucket
        self.prefix = prefix
        self.maxKeys = maxKeys
        self.encoding = encoding
        self.entries = entries
        keyMarker = ""
        versionIDMarker = ""
        isTruncated = false
        commonPrefixes = []
    }

    package func xml() -> [UInt8] {
        let capacity = 1024 + entries.count * 480
        return XMLWriter.document("ListVersionsResult", namespace: XMLNamespace.s3, capacity: capacity) { writer in
            writer.element("Name", bucket)
            writer.element("Prefix", encoding.encode(prefix))
            writer.element("KeyMarker", encoding.encode(keyMarker))
            writer.element("VersionIdMarker", versionIDMarker)
            writer.element(ifPresent: "NextKeyMarker", nextKeyMarker.map(encoding.encode))
            writer.element(ifPresent: "NextVersionIdMarker", nextVersionIDMarker)
            writer.element("MaxKeys", maxKeys)
            if let delimiter, !delimiter.isEmpty { writer.element("Delimiter", encoding.encode(delimiter)) }
            writer.encodingType(encoding)
            writer.element("IsTruncated", isTruncated)
            for entry in entries { write(entry, &writer) }
            writer.commonPrefixes(commonPrefixes, encoding)
        }
    }

    private func write(_ entry: Entry, _ writer: inout XMLWriter) {
        let name = entry.content == nil ? "DeleteMarker" : "Version"
        writer.open(name)
        writer.element("Key", encoding.encode(entry.key))
        writer.element("VersionId", entry.versionID)
        writer.element("IsLatest", entry.isLatest)
        writer.element("LastModified", entry.lastModified)
        if let content = entry.content {
            writer.element("ETag", content.etag.quoted)
            writer.element(ifPresent: "ChecksumAlgorithm", content.checksumAlgorithm?.rawValue)
            writer.element(ifPresent: "ChecksumType", content.checksumType?.rawValue)
            writer.element("Size", content.size)
        }
        writer.owner(entry.owner)
        if let content = entry.content { writer.element("StorageClass", content.storageClass) }
        writer.close(name)
    }
}
