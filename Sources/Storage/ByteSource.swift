package import NIOCore
import Synchronization

/// Bytes that are pulled piece by piece by one consumer, which is also the back-pressure.
///
/// `ByteBuffer` is the currency for bytes in every layer above the model, so that an object's bytes are not copied
/// between the socket and the store (docs/design/0002).
package protocol ByteSource: AnyObject, Sendable {
    /// The next non-empty piece, or `nil` at the end. Not called again after `nil` or an error.
    func next() async throws -> ByteBuffer?
}

/// Bytes of which some may be at the other end already, after an earlier try.
package protocol ResumableSource: ByteSource {
    /// The first byte wanted is the one at `offset`. May be said several times before the first `next()`; the last counts.
    func resume(at offset: Int64)
    /// The other end is at work on the bytes that it has, and takes more after that. Said again and again, so that whoever
    /// waits here sees that it is alive.
    func noteProgress()
}

extension ResumableSource {
    package func noteProgress() {}
}

/// Bytes that are already in memory.
package final class BufferSource: ResumableSource {
    private let buffer: ByteBuffer
    /// Where the next piece begins.
    private let offset = Mutex(0)

    package init(_ buffer: ByteBuffer) { self.buffer = buffer }

    package func next() async throws -> ByteBuffer? {
        offset.withLock { offset in
            let start = offset
            offset = buffer.readableBytes
            return start < offset
                ? buffer.getSlice(at: buffer.readerIndex + start, length: offset - start) : nil
        }
    }

    package func resume(at offset: Int64) {
        self.offset.withLock { $0 = min(Int(clamping: offset), buffer.readableBytes) }
    }
}

extension ByteSource {
    /// All remaining bytes. Throws `StorageError.io` past `limit`.
    package func collect(upTo limit: Int) async throws -> ByteBuffer {
        var all = ByteBuffer()
        while var piece = try await next() {
            guard all.readableBytes + piece.readableBytes <= limit else {
                throw StorageError.io(operation: "collect", detail: "more than \(limit) bytes")
            }
            if all.readableBytes == 0 { all = piece } else { all.writeBuffer(&piece) }
        }
        return all
    }
}
