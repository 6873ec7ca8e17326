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

/// Bytes that are already in memory.
package final class BufferSource: ByteSource {
    private let pieces: Mutex<[ByteBuffer]>

    package init(_ buffer: ByteBuffer) { pieces = Mutex(buffer.readableBytes == 0 ? [] : [buffer]) }

    package func next() async throws -> ByteBuffer? { pieces.withLock { $0.popLast() } }
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
