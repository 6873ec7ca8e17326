package import NIOCore
package import S3Model
package import Storage

/// What an operation answers, in S3's terms. Handlers state facts; ``ResponseEncoder`` alone knows which header or
/// framing says them.
package struct S3Response: Sendable {
    package enum Payload: Sendable {
        case none
        /// An XML document.
        case document([UInt8])
        case json([UInt8])
        case object(ObjectAnswer)
    }

    package var status: Int
    package var facts: [Fact]
    package var payload: Payload

    package init(status: Int = 200, _ facts: [Fact] = [], payload: Payload = .none) {
        self.status = status
        self.facts = facts
        self.payload = payload
    }

    package static func document(_ xml: [UInt8], _ facts: [Fact] = []) -> S3Response {
        S3Response(facts, payload: .document(xml))
    }

    /// One thing an answer says beside its payload.
    package enum Fact: Sendable, Hashable {
        case versionID(VersionID)
        case deleteMarker
        case etag(ETag)
        case checksum(ObjectChecksum)
        case checksumAlgorithm(ChecksumAlgorithm, ChecksumType?)
        case copySourceVersion(VersionID)
        case lastModified(Timestamp)
        case location(String)
        case bucketRegion(RegionName)
        case accessPointAlias(Bool)
        /// The region that had what the routed region is about to get.
        case servedBy(RegionName)
    }
}

/// The answer to GetObject and HeadObject.
package struct ObjectAnswer: Sendable {
    package let version: ObjectVersion
    package let content: ObjectContent
    /// The bytes served; the whole object when `isPartial` is false.
    package let range: Range<Int64>
    package let isPartial: Bool
    /// `x-amz-mp-parts-count`, for requests by part number.
    package let partsCount: Int?
    /// The checksum to show: only when the client asked for it and the answer is what it covers.
    package let checksum: ObjectChecksum?
    /// `response-content-type` and its relatives: header names with values.
    package let overrides: [(name: String, value: String)]
    package let bytes: Bytes

    package enum Bytes: Sendable {
        /// HEAD.
        case none
        case buffer(ByteBuffer)
        case source(any ByteSource)
    }
}
