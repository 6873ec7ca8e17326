package import Cluster
package import Environment
import NIOCore
package import S3Model
package import Storage
import Synchronization

/// A region in another process, reached with the call `apply` (``ApplyService``).
///
/// Small versions go at once with their bytes. For large ones, and for changes of tags, the peer is asked first: it may
/// have the version, or a part of its bytes.
package final class HTTPPeerLink: PeerLink {
    /// Bytes up to this number go along without asking.
    static let unaskedBytes: Int64 = 64 * 1024
    /// How long a peer that did not answer the last time may take to say that it is back, milliseconds.
    static let probeMilliseconds: Int64 = 1_500

    package let region: RegionName
    private let client: PeerClient
    private let time: any TimeSource
    /// The last call brought no answer: the next one is preceded by a cheap one that is given up soon.
    private let isSuspect = Atomic<Bool>(false)

    package init(_ region: RegionName, over client: PeerClient, time: any TimeSource) {
        self.region = region
        self.client = client
        self.time = time
    }

    /// Throws ``PeerError``, what `body` throws, or, when the task is cancelled, `CancellationError`.
    package func apply(_ push: ReplicaPush, body: (any ByteSource)?) async throws -> ApplyOutcome {
        if isSuspect.load(ordering: .relaxed) { try await probe() }
        let size = push.version.object?.size ?? 0
        var first = ApplyCall.Body.none
        if let body, size > 0, size <= Self.unaskedBytes, push.kind != .attributes {
            first = body is any ResumableSource ? .from(0) : .whole
        }
        switch try await ask(push, first, body) {
        case .done(let outcome): return outcome
        case .refused(let reason): throw PeerError.refused(reason: reason)
        case .unavailable(let reason): throw PeerError.unavailable(reason: reason)
        case .wantsBytes(let offset):
            guard first == .none, let body, (0...size).contains(offset) else { break }
            if case .done(let outcome) = try await send(push, body, from: offset) { return outcome }
        case .awake: break
        }
        throw PeerError.unavailable(reason: "\(region) gave an answer that does not belong to the question")
    }

    /// The answer to the second call, where wanting bytes once more makes no sense.
    private func send(_ push: ReplicaPush, _ body: any ByteSource, from offset: Int64) async throws -> ApplyAnswer {
        let answer: ApplyAnswer
        if let body = body as? any ResumableSource {
            body.resume(at: offset)
            answer = try await ask(push, .from(offset), body)
        } else {
            answer = try await ask(push, .whole, body)
        }
        switch answer {
        case .refused(let reason): throw PeerError.refused(reason: reason)
        case .unavailable(let reason): throw PeerError.unavailable(reason: reason)
        default: return answer
        }
    }

    private func ask(
        _ push: ReplicaPush, _ part: ApplyCall.Body, _ body: (any ByteSource)?
    ) async throws -> ApplyAnswer {
        let size = push.version.object?.size ?? 0
        let length: Int64 =
            switch part {
            case .none: 0
            case .whole: size
            case .from(let offset): size - offset
            }
        var message = PeerMessage(head: ApplyCall.push(push, to: region, part).encoded())
        if length > 0, let body {
            message.content = (ExactSource(body, length: length), length)
            if let body = body as? any ResumableSource { message.noteProgress = { body.noteProgress() } }
        }
        return try await answer(to: message)
    }

    private func answer(to message: PeerMessage) async throws -> ApplyAnswer {
        do {
            let answer = try ApplyAnswer(try await client.call(ApplyCall.name, message).head)
            isSuspect.store(false, ordering: .relaxed)
            return answer
        } catch let fault as PeerFault {
            // Also when it refuses the call as such: another release, or another key, may be set right.
            isSuspect.store(true, ordering: .relaxed)
            throw PeerError.unavailable(reason: fault.description)
        } catch let error as RecordError {
            throw PeerError.unavailable(reason: "the answer of \(region) \(error.reason)")
        }
    }

    private func probe() async throws {
        let answer = try await time.limit(milliseconds: Self.probeMilliseconds) {
            try await self.answer(to: PeerMessage(head: ApplyCall.probe.encoded()))
        }
        guard answer != nil else {
            throw PeerError.unavailable(reason: "no answer from \(region) within \(Self.probeMilliseconds) ms")
        }
    }
}

/// Exactly as many bytes as were announced: more or fewer would break the call for both sides.
final class ExactSource: ByteSource {
    private let source: any ByteSource
    private let left: Atomic<Int64>

    init(_ source: any ByteSource, length: Int64) {
        self.source = source
        left = Atomic(length)
    }

    func next() async throws -> ByteBuffer? {
        let left = left.load(ordering: .relaxed)
        guard left > 0 else { return nil }
        guard let piece = try await source.next(), Int64(piece.readableBytes) <= left else {
            throw StorageError.corrupt(detail: "the bytes of a version are not as many as its record says")
        }
        self.left.store(left - Int64(piece.readableBytes), ordering: .relaxed)
        return piece
    }
}
