/// The answer of CreateMultipartUpload.
package struct InitiateMultipartUploadResult: Sendable {
    package var bucket: String
    package var key: String
    package var uploadID: String

    package init(bucket: String, key: String, uploadID: String) {
        self.bucket = bucket
        self.key = key
        self.uploadID = uploadID
    }

    package func xml() -> [UInt8] {
        XMLWriter.document("InitiateMultipartUploadResult", namespace: XMLNamespace.s3) { writer in
            writer.element("Bucket", bucket)
            writer.element("Key", key)
            writer.element("UploadId", uploadID)
        }
    }
}

/// The body of CompleteMultipartUpload.
package struct CompleteMultipartUpload: Sendable, Hashable {
    package struct Part: Sendable, Hashable {
        package let number: Int
        package let etag: ETag
        /// Those the client repeats, to be compared with what was uploaded.
        package let checksums: [ChecksumAlgorithm: String]
    }

    package static let maximumParts = 10_000

    package let parts: [Part]

    /// Throws `MalformedXML` for no parts or more than 10,000, `InvalidPartOrder` unless the numbers ascend,
    /// `InvalidArgument` for a number outside 1...10,000.
    package static func parse(_ body: some Collection<UInt8>) throws(S3Error) -> CompleteMultipartUpload {
        let root = try XMLReader.parse(body, root: "CompleteMultipartUpload")
        let elements = root.all("Part")
        guard !elements.isEmpty else { throw .malformed("At least one 'Part' is needed to complete an upload.") }
        guard elements.count <= maximumParts else {
            throw .malformed("There are \(elements.count) parts; at most \(maximumParts) are allowed.")
        }
        var parts: [Part] = []
        parts.reserveCapacity(elements.count)
        for element in elements {
            let part = try parse(part: element)
            if let last = parts.last, last.number >= part.number { throw S3Error(.invalidPartOrder) }
            parts.append(part)
        }
        return CompleteMultipartUpload(parts: parts)
    }

    private static func parse(part element: XMLElement) throws(S3Error) -> Part {
        guard let number = try element.integer("PartNumber") else {
            throw .malformed("'Part' must contain 'PartNumber'.")
        }
        guard (1...maximumParts).contains(number) else {
            throw S3Error(
                .invalidArgument, "PartNumber must be an integer between 1 and \(maximumParts), but it is \(number).")
        }
        let etag = try element.required("ETag").trimmedText
        var checksums: [ChecksumAlgorithm: String] = [:]
        for algorithm in ChecksumAlgorithm.allCases {
            if let value = try element.trimmed(algorithm.elementName), !value.isEmpty { checksums[algorithm] = value }
        }
        return Part(number: number, etag: ETag(etag), checksums: checksums)
    }
}

/// The answer of CompleteMultipartUpload.
package struct CompleteMultipartUploadResult: Sendable {
    /// The object's URL.
    package var location: String
    package var bucket: String
    package var key: String
    package var etag: ETag
    package var checksum: ObjectChecksum?

    package init(location: String, bucket: String, key: String, etag: ETag, checksum: ObjectChecksum?) {
        self.location = location
        self.bucket = bucket
        self.key = key
        self.etag = etag
        self.checksum = checksum
    }

    package func xml() -> [UInt8] {
        XMLWriter.document("CompleteMultipartUploadResult", namespace: XMLNamespace.s3) { writer in
            writer.element("Location", location)
            writer.element("Bucket", bucket)
            writer.element("Key", key)
            writer.element("ETag", etag.quoted)
            writer.checksum(checksum)
            writer.checksumType(checksum)
        }
    }
}

/// The answer of CopyObject and of UploadPartCopy, which differ by the root's name.
package struct CopyResult: Sendable {
    package enum Kind: String, Sendable {
        case object = "CopyObjectResult"
        case part = "CopyPartResult"
    }

    package var kind: Kind
    package var lastModified: Timestamp
    package var etag: ETag
    package var checksum: ObjectChecksum?

    package init(kind: Kind, lastModified: Timestamp, etag: ETag, checksum: ObjectChecksum?) {
        self.kind = kind
        self.lastModified = lastModified
        self.etag = etag
        self.checksum = checksum
    }

    package func xml() -> [UInt8] {
        XMLWriter.document(kind.rawValue, namespace: XMLNamespace.s3) { writer in
            writer.element("LastModified", lastModified)
            writer.element("ETag", etag.quoted)
            if kind == .object { writer.checksumType(checksum) }
            writer.checksum(checksum)
        }
    }
}
