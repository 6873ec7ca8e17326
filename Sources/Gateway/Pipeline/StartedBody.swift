import NIOCore
import Storage
import Synchronization

/// A body whose first piece is there already: read and checked before the head was written, so that damage in it is
/// answered with an error instead of a cut connection.
final class StartedBody: ByteSource {
    private let first: Mutex<ByteBuffer?>
    private let rest: any ByteSource

    private init(_ first: ByteBuffer, rest: any ByteSource) {
        self.first = Mutex(first)
        self.rest = rest
    }

    func next() async throws -> ByteBuffer? {
        if let piece = first.withLock({ $0.take() }) { return piece }
        return try await rest.next()
    }

    /// Reads the first piece of a body that is to be streamed. Throws what its source throws.
    static func start(_ response: inout HTTPResponse) async throws {
        guard case .stream(let source, let length) = response.body, length != 0 else { return }
        guard let first = try await source.next() else { return }
        if let length, Int64(first.readableBytes) == length {
            response.body = .buffer(first)
        } else {
            response.body = .stream(StartedBody(first, rest: source), length: length)
        }
    }
}
