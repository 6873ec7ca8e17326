/// The body of DeleteObjects.
package struct Delete: Sendable, Hashable {
    package struct Object: Sendable, Hashable {
        package var key: String
        package var versionID: String?
        /// Delete only if the current version has this ETag.
        package var etag: ETag?
        /// Delete only if the current version was last modified then (to the second) and has this size.
        package var lastModified: Timestamp?
        package var size: Int64?
    }

    package static let maximumObjects = 1000

    package var objects: [Object]
    /// Answer with the failures only.
    package var isQuiet: Bool

    private static let shape: DocumentShape = [
        "Quiet": [:],
        "Object": ["Key": [:], "VersionId": [:], "ETag": [:], "LastModifiedTime": [:], "Size": [:]],
    ]

    /// Throws `MalformedXML` unless there are 1 to 1,000 objects, each with a key.
    package static func parse(_ body: some Collection<UInt8>) throws(S3Error) -> Delete {
        let root = try XMLReader.parse(body, root: "Delete", shape: shape)
        let elements = root.all("Object")
        guard (1...maximumObjects).contains(elements.count) else {
            throw .malformed("'Delete' must have 1 to \(maximumObjects) objects, not \(elements.count).")
        }
        var objects: [Object] = []
        objects.reserveCapacity(elements.count)
        for element in elements { objects.append(try parse(object: element)) }
        return Delete(objects: objects, isQuiet: try root.boolean("Quiet") ?? false)
    }

    private static func parse(object element: XMLElement) throws(S3Error) -> Object {
        var object = Object(key: try element.required("Key").text)
        guard !object.key.isEmpty else { throw .malformed("A 'Key' is empty.") }
        if let version = try element.trimmed("VersionId"), !version.isEmpty { object.versionID = version }
        if let etag = try element.trimmed("ETag"), !etag.isEmpty { object.etag = ETag(etag) }
        if let text = try element.trimmed("LastModifiedTime"), !text.isEmpty {
            guard let time = Timestamp(httpDate: text) ?? Timestamp(iso8601: text) else {
                throw .malformed("'LastModifiedTime' must be a date, but it is '\(text.prefix(64))'.")
            }
            object.lastModified = time
        }
        object.size = try element.integer("Size").map(Int64.init)
        return object
    }
}

/// The answer of DeleteObjects. The status is 200 even when every object failed.
package struct DeleteResult: Sendable {
    package struct Deleted: Sendable {
        package var key: String
        /// As asked for.
        package var versionID: String?
        /// Set when a delete marker was made or removed.
        package var deleteMarkerVersionID: String?

        package init(key: String, versionID: String? = nil, deleteMarkerVersionID: String? = nil) {
            self.key = key
            self.versionID = versionID
            self.deleteMarkerVersionID = deleteMarkerVersionID
        }
    }

    package struct Failure: Sendable {
        package var key: String
        package var versionID: String?
        package var error: S3Error

        package init(key: String, versionID: String?, error: S3Error) {
            self.key = key
            self.versionID = versionID
            self.error = error
        }
    }

    package var deleted: [Deleted]
    package var failures: [Failure]
    package var isQuiet: Bool

    package init(deleted: [Deleted], failures: [Failure], isQuiet: Bool) {
        self.deleted = deleted
        self.failures = failures
        self.isQuiet = isQuiet
    }

    package func xml() -> [UInt8] {
        let capacity = 256 + (isQuiet ? 0 : deleted.count * 160) + failures.count * 256
        return XMLWriter.document("DeleteResult", namespace: XMLNamespace.s3, capacity: capacity) { writer in
            if !isQuiet {
                for row in deleted { write(row, &writer) }
            }
            for row in failures {
                writer.element("Error") { writer in
                    writer.element("Key", row.key)
                    writer.element(ifPresent: "VersionId", row.versionID)
                    writer.element("Code", row.error.code.rawValue)
                    writer.element("Message", row.error.message)
                }
            }
        }
    }

    private func write(_ row: Deleted, _ writer: inout XMLWriter) {
        writer.element("Deleted") { writer in
            writer.element("Key", row.key)
            writer.element(ifPresent: "VersionId", row.versionID)
            if let marker = row.deleteMarkerVersionID {
                writer.element("DeleteMarker", true)
                writer.element("DeleteMarkerVersionId", marker)
            }
        }
    }
}
