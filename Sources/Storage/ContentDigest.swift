import Crypto
package import NIOCore
package import S3Model
import Synchronization

/// Running digests of one body. Fed by one writer at a time, on whatever thread has the bytes hot.
package final class ContentDigest: Sendable {
    private struct State {
        var md5: Insecure.MD5?
        var sha256: SHA256?
        var checksum: ChecksumHasher?
    }

    private let state: Mutex<State>

    package init(_ plan: DigestPlan) {
        state = Mutex(
            State(
                md5: plan.md5 ? Insecure.MD5() : nil, sha256: plan.sha256 ? SHA256() : nil,
                checksum: plan.checksum.map { ChecksumHasher($0) }))
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
