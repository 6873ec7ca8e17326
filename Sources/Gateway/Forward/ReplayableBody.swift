import NIOCore
import Storage

/// A request's body on its way to the upstream, remembered while it is small, so that a stale connection does not cost the
/// client its request.
struct ReplayableBody {
    static let maximumBytes = 64 * 1024

    let source: any RequestBody
    private var sent: [ByteBuffer] = []
    private var sentBytes = 0
    private var next = 0
    private var isEnded = false
    /// Everything that was taken from the client can be sent again.
    private(set) var isReplayable = true
    /// Some or all of the request went over another connection before.
    private(set) var wasSent = false

    init(_ source: any RequestBody) {
        self.source = source
        isEnded = source.announcedLength == 0
    }

    /// Whether there is a body at all.
    var isEmpty: Bool { source.announcedLength == 0 }
    /// Whether the next piece is here.
    var isReady: Bool { next < sent.count || isEnded || source.isReady }
    var isChunked: Bool { source.announcedLength == nil }
    var expectsContinue: Bool { source.expectsContinue && sent.isEmpty && isReplayable }

    /// The next piece; `nil` at the end. Throws what the client's connection does.
    mutating func nextPiece() async throws -> ByteBuffer? {
        if next < sent.count {
            defer { next += 1 }
            return sent[next]
        }
        guard !isEnded else { return nil }
        guard let piece = try await source.next() else {
            isEnded = true
            return nil
        }
        sentBytes += piece.readableBytes
        if sentBytes > Self.maximumBytes {
            isReplayable = false
            sent = []
            next = 0
        } else {
            sent.append(piece)
            next += 1
        }
        return piece
    }

    /// Starts again from the first byte; only while ``isReplayable``.
    mutating func rewind() {
        next = 0
        wasSent = true
    }
}
