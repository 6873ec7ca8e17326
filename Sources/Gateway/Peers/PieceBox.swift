import NIOCore
import Synchronization

/// Holds one piece of a body for its only reader.
final class PieceBox: Sendable {
    private let piece = Mutex<ByteBuffer?>(nil)

    func put(_ new: ByteBuffer) { piece.withLock { $0 = new } }
    func take() -> ByteBuffer? { piece.withLock { $0.take() } }
}
