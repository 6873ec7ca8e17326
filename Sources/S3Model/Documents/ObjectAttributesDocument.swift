/// The answer of GetObjectAttributes: what `x-amz-object-attributes` asked for, the rest stays `nil`.
package struct GetObjectAttributesResponse: Sendable {
    package struct Parts: Sendable {
        package var totalCount: Int
        package var partNumberMarker: Int
        package var nextPartNumberMarker: Int
        package var maxParts: Int
        package var isTruncated: Bool
        package var parts: [Part]

        package init(
            totalCount: Int, partNumberMarker: Int, nextPartNumberMarker: Int, maxParts: Int, isTruncated: Bool,
            parts: [Part]
        ) {
            self.totalCount = totalCount
            self.partNumberMarker = partNumberMarker
            self.nextPartNumberMarker = nextPartNumberMarker
            self.maxParts = maxParts
            self.isTruncated = isTruncated
            self.parts = parts
        }
    }

    package struct Part: Sendable {
        package var number: Int
        package var size: Int64
        package var checksum: ObjectChecksum?

        package init(number: Int, size: Int64, checksum: ObjectChecksum?) {
            self.number = number
            self.size = size
            self.checksum = checksum
        }
    }

    package var etag: ETag?
    package var checksum: ObjectChecksum?
    package var parts: Parts?
    package var storageClass: String?
    package var size: Int64?

    package init() {}

    /// The ETag has no quotes here, unlike everywhere else.
    package func xml() -> [UInt8] {
        XMLWriter.document("GetObjectAttributesResponse", namespace: XMLNamespace.s3) { writer in
            writer.element(ifPresent: "ETag", etag?.rawValue)
            if let checksum {
                // A composite value comes without the number of parts here.
                let value = checksum.value.split(separator: "-", maxSplits: 1).first.map(String.init) ?? ""
                writer.element("Checksum") { writer in
                    writer.checksum(
                        ObjectChecksum(algorithm: checksum.algorithm, type: checksum.type, value: value))
                    writer.checksumType(checksum)
                }
            }
            if let parts { write(parts, &writer) }
            writer.element(ifPresent: "StorageClass", storageClass)
            if let size { writer.element("ObjectSize", size) }
        }
    }

    private func write(_ parts: Parts, _ writer: inout XMLWriter) {
        writer.element("ObjectParts") { writer in
            writer.element("PartsCount", parts.totalCount)
            writer.element("PartNumberMarker", parts.partNumberMarker)
            writer.element("NextPartNumberMarker", parts.nextPartNumberMarker)
            writer.element("MaxParts", parts.maxParts)
            writer.element("IsTruncated", parts.isTruncated)
            for part in parts.parts {
                writer.element("Part") { writer in
                    writer.checksum(part.checksum)
                    writer.element("PartNumber", part.number)
                    writer.element("Size", part.size)
                }
            }
        }
    }
}
