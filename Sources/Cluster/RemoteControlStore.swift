package import Environment
package import Logging

/// Brings a ``ControlCall`` to the process that has the control store, and its ``ControlAnswer`` back.
package protocol ControlTransport: Sendable {
    /// Throws when there is no answer, whatever became of the call.
    func answer(toControlCall call: [UInt8]) async throws -> [UInt8]
}

/// The control store of another process. ``BucketDirectory`` and all others run over it unchanged.
///
/// A commit that brought no answer may have happened or not: the caller gets `ControlStoreError.unavailable` either way,
/// and nothing repeats it by itself. Those who try again read first, and find what they wrote.
package final class RemoteControlStore: ControlStore {
    /// How long an answer may take, milliseconds; the question for changes has its own patience.
    static let patienceMilliseconds: Int64 = 10_000

    private let transport: any ControlTransport
    private let time: any TimeSource
    private let log: Logger
    private let waiters = RevisionWaiters(revision: 0)

    package init(transport: any ControlTransport, time: any TimeSource, log: Logger = Logger(label: "control")) {
        self.transport = transport
        self.time = time
        self.log = log
    }

    package func snapshot(prefix: String) async throws -> ControlSnapshot {
        guard case .snapshot(let snapshot) = try await ask(.snapshot(prefix: prefix)) else { throw Self.strange }
        return snapshot
    }

    package func record(_ key: String) async throws -> ControlRecord? {
        guard case .record(let record) = try await ask(.record(key: key)) else { throw Self.strange }
        return record
    }

    package func commit(_ transaction: ControlTransaction) async throws -> Int64 {
        guard case .revision(let revision) = try await ask(.commit(transaction)) else { throw Self.strange }
        waiters.advance(to: revision)
        return revision
    }

    /// Returns when ``run()`` has heard of a higher revision. While the other process is away this waits.
    package func changed(after revision: Int64) async throws -> Int64 { try await waiters.changed(after: revision) }

    package func close() async throws { waiters.close() }

    /// Asks the other process for its revision, again and again, for all who wait here, until the task is cancelled.
    /// While it does not answer it is asked again with growing pauses.
    package func run() async {
        var pause: Int64 = 0
        while !Task.isCancelled {
            do {
                guard case .revision(let revision) = try await ask(.changed(after: waiters.revision)) else {
                    throw Self.strange
                }
                waiters.advance(to: revision)
                if pause > 0 { log.notice("the control store answers again") }
                pause = 0
            } catch {
                if Task.isCancelled { return }
                if pause == 0 {
                    log.warning("control store away, keeping what is known", metadata: ["error": "\(error)"])
                }
                pause = min(max(pause * 2, 50), 2_000)
                guard (try? await time.sleep(milliseconds: pause)) != nil else { return }
            }
        }
    }

    /// Throws ``ControlStoreError`` alone, or `CancellationError`.
    private func ask(_ call: ControlCall) async throws -> ControlAnswer {
        let answer: ControlAnswer
        do {
            let bytes = try call.encoded()
            if case .changed = call {
                answer = try ControlAnswer.decode(try await transport.answer(toControlCall: bytes))
            } else {
                answer = try ControlAnswer.decode(try await answerSoon(to: bytes))
            }
        } catch let error as CancellationError {
            throw error
        } catch let error as ControlStoreError {
            throw error
        } catch {
            throw ControlStoreError.unavailable(reason: "\(error)")
        }
        if case .failed(let error) = answer { throw error }
        return answer
    }

    private func answerSoon(to call: [UInt8]) async throws -> [UInt8] {
        let answer = try await time.limit(milliseconds: Self.patienceMilliseconds) { [transport] in
            try await transport.answer(toControlCall: call)
        }
        guard let answer else {
            throw ControlStoreError.unavailable(reason: "no answer within \(Self.patienceMilliseconds) ms")
        }
        return answer
    }

    private static var strange: ControlStoreError { .unavailable(reason: "the answer is to another question") }
}
