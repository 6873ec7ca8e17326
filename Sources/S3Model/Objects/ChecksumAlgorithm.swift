/// The additional checksums S3 keeps with an object. Others that newer models name are refused with 400.
package enum ChecksumAlgorithm: String, Sendable, Hashable, CaseIterable {
    case crc32 = "CRC32"
    case crc32c = "CRC32C"
    case crc64nvme = "CRC64NVME"
    case sha1 = "SHA1"
    case sha256 = "SHA256"

    /// `x-amz-checksum-…`, lower case.
    package var headerName: String {
        switch self {
        case .crc32: "x-amz-checksum-crc32"
        case .crc32c: "x-amz-checksum-crc32c"
        case .crc64nvme: "x-amz-checksum-crc64nvme"
        case .sha1: "x-amz-checksum-sha1"
        case .sha256: "x-amz-checksum-sha256"
        }
    }

    package var byteCount: Int {
        switch self {
        case .crc32, .crc32c: 4
        case .crc64nvme: 8
        case .sha1: 20
        case .sha256: 32
        }
    }

    /// The element name in XML documents, for example `ChecksumCRC32C`.
    package var elementName: String { "Checksum\(rawValue)" }

    /// Whether the checksum of a whole multipart object can be made from those of its parts by arithmetic.
    package var combines: Bool {
        switch self {
        case .crc32, .crc32c, .crc64nvme: true
        case .sha1, .sha256: false
        }
    }
}

/// How a multipart object's checksum was made.
package enum ChecksumType: String, Sendable, Hashable {
    case fullObject = "FULL_OBJECT"
    case composite = "COMPOSITE"
}

/// A checksum that is kept with an object or a part.
package struct ObjectChecksum: Hashable, Sendable {
    package let algorithm: ChecksumAlgorithm
    package let type: ChecksumType
    /// Base64; a composite one ends in `-<part count>`.
    package let value: String

    package init(algorithm: ChecksumAlgorithm, type: ChecksumType, value: String) {
        self.algorithm = algorithm
        self.type = type
        self.value = value
    }
}
