import CChecksums
import Crypto

/// Computes one of S3's additional checksums over bytes that come in pieces. The value is big-endian, as S3 writes it.
package struct ChecksumHasher: Sendable {
    private enum State: Sendable {
        case crc32(UInt32)
        case crc32c(UInt32)
        case crc64nvme(UInt64)
        case sha1(Insecure.SHA1)
        case sha256(SHA256)
    }

    package let algorithm: ChecksumAlgorithm
    private var state: State

    package init(_ algorithm: ChecksumAlgorithm) {
        self.algorithm = algorithm
        state =
            switch algorithm {
            case .crc32: .crc32(0)
            case .crc32c: .crc32c(0)
            case .crc64nvme: .crc64nvme(0)
            case .sha1: .sha1(Insecure.SHA1())
            case .sha256: .sha256(SHA256())
            }
    }

    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        switch state {
        case .crc32(let crc): state = .crc32(meridian_crc32(crc, bytes.baseAddress, bytes.count))
        case .crc32c(let crc): state = .crc32c(meridian_crc32c(crc, bytes.baseAddress, bytes.count))
        case .crc64nvme(let crc): state = .crc64nvme(meridian_crc64nvme(crc, bytes.baseAddress, bytes.count))
        case .sha1(var hasher):
            // Released before the update, so that the hasher is the only owner of its buffer and does not copy it.
            state = .crc32(0)
            hasher.update(bufferPointer: bytes)
            state = .sha1(hasher)
        case .sha256(var hasher):
            state = .crc32(0)
            hasher.update(bufferPointer: bytes)
            state = .sha256(hasher)
        }
    }

    package mutating func update(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { update($0) }
    }

    /// ``ChecksumAlgorithm/byteCount`` bytes. More may be added after.
    package func finish() -> [UInt8] {
        switch state {
        case .crc32(let crc), .crc32c(let crc): Checksums.bigEndian(crc)
        case .crc64nvme(let crc): Checksums.bigEndian(crc)
        case .sha1(let hasher): Array(hasher.finalize())
        case .sha256(let hasher): Array(hasher.finalize())
        }
    }
}
