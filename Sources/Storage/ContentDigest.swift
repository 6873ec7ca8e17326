import CChecksums
import Crypto
package import NIOCore
package import S3Model
import Synchronization

/// Running digests of one body. Fed by one writer at a time, on whatever thread has the bytes hot.
package final class ContentDigest: Sendable {
    private struct State {
        var md5: Insecure.MD5?
        var sha256: SHA256?
        var checksum: RunningChecksum?
    }

    private let state: Mutex<State>

    package init(_ plan: DigestPlan) {
        state = Mutex(
            State(
                md5: plan.md5 ? Insecure.MD5() : nil, sha256: plan.sha256 ? SHA256() : nil,
                checksum: plan.checksum.map { RunningChecksum($0) }))
    }

    package func update(_ bytes: ByteBuffer) { bytes.withUnsafeReadableBytes { update($0) } }

    package func update(_ bytes: UnsafeRawBufferPointer) {
        state.withLock { state in
            // In pieces that stay in the first-level caches, so that three digests read memory once.
            var start = 0
            while start < bytes.count {
                let end = min(bytes.count, start + 16 * 1024)
                let piece = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
                state.md5?.update(bufferPointer: piece)
                state.sha256?.update(bufferPointer: piece)
                state.checksum?.update(piece)
                start = end
            }
        }
    }

    /// The digests of everything so far, raw bytes.
    package func finish() -> ContentDigests {
        state.withLock { state in
            var digests = ContentDigests()
            digests.md5 = state.md5.map { Array($0.finalize()) }
            digests.sha256 = state.sha256.map { Array($0.finalize()) }
            digests.checksum = state.checksum?.finish()
            return digests
        }
    }
}

/// One of S3's additional checksums, running.
struct RunningChecksum {
    private enum Kind {
        case crc32(UInt32)
        case crc32c(UInt32)
        case crc64nvme(UInt64)
        case sha1(Insecure.SHA1)
        case sha256(SHA256)
    }

    private var kind: Kind

    init(_ algorithm: ChecksumAlgorithm) {
        switch algorithm {
        case .crc32: kind = .crc32(0)
        case .crc32c: kind = .crc32c(0)
        case .crc64nvme: kind = .crc64nvme(0)
        case .sha1: kind = .sha1(Insecure.SHA1())
        case .sha256: kind = .sha256(SHA256())
        }
    }

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        switch kind {
        case .crc32(let value): kind = .crc32(meridian_crc32(value, bytes.baseAddress, bytes.count))
        case .crc32c(let value): kind = .crc32c(meridian_crc32c(value, bytes.baseAddress, bytes.count))
        case .crc64nvme(let value): kind = .crc64nvme(meridian_crc64nvme(value, bytes.baseAddress, bytes.count))
        case .sha1(var hasher):
            hasher.update(bufferPointer: bytes)
            kind = .sha1(hasher)
        case .sha256(var hasher):
            hasher.update(bufferPointer: bytes)
            kind = .sha256(hasher)
        }
    }

    /// Big-endian, as S3 encodes them.
    func finish() -> [UInt8] {
        switch kind {
        case .crc32(let value), .crc32c(let value): withUnsafeBytes(of: value.bigEndian) { Array($0) }
        case .crc64nvme(let value): withUnsafeBytes(of: value.bigEndian) { Array($0) }
        case .sha1(let hasher): Array(hasher.finalize())
        case .sha256(let hasher): Array(hasher.finalize())
        }
    }
}

extension ContentDigests {
    /// The ETag of an object or part of these bytes; `nil` when no MD5 was asked for.
    package var etag: ETag? {
        guard let md5 else { return nil }
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(md5.count * 2)
        for byte in md5 {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return ETag(String(decoding: text, as: UTF8.self))
    }
}
