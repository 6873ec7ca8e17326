package import Environment
package import Logging
import Synchronization

/// Tells other processes what is below one prefix of the control store, now and after every change there. Changes
/// elsewhere in the store wake nobody.
package final class ControlFeed: Sendable {
    private struct State {
        var records: [ControlRecord] = []
        /// The revision at which the records became what they are.
        var revision: Int64 = -1
        var document: [UInt8] = []
    }

    package let prefix: String
    private let store: any ControlStore
    private let time: any TimeSource
    private let log: Logger
    private let state = Mutex(State())
    private let waiters = RevisionWaiters(revision: -1)

    package init(prefix: String, store: any ControlStore, time: any TimeSource, log: Logger = Logger(label: "feed")) {
        self.prefix = prefix
        self.store = store
        self.time = time
        self.log = log
    }

    /// Follows the control store until the task is cancelled.
    package func run() async {
        await store.follow(prefix: prefix, time: time, log: log) { self.publish($0) }
    }

    /// The encoded ``ControlFeedDocument`` once its revision is above `revision`; `nil` when the task is cancelled, after
    /// `patience` has passed without a change, or when the feed is closed.
    package func document(after revision: Int64, patience milliseconds: Int64) async -> [UInt8]? {
        if let document = current(after: revision) { return document }
        return await withTaskGroup(of: Void.self) { group in
            group.addTask { _ = try? await self.waiters.changed(after: revision) }
            group.addTask { try? await self.time.sleep(milliseconds: milliseconds) }
            await group.next()
            group.cancelAll()
            return current(after: revision)
        }
    }

    /// Everyone who waits goes away with nothing, so that a server can stop.
    package func close() { waiters.close() }

    private func current(after revision: Int64) -> [UInt8]? {
        state.withLock { $0.revision > revision ? $0.document : nil }
    }

    private func publish(_ snapshot: ControlSnapshot) {
        let isSame = state.withLock { $0.revision >= 0 && $0.records == snapshot.records }
        guard !isSame else { return }
        do {
            let document = try ControlFeedDocument(prefix: prefix, snapshot: snapshot).encoded()
            state.withLock { state in
                guard snapshot.revision > state.revision else { return }
                state = State(records: snapshot.records, revision: snapshot.revision, document: document)
            }
            waiters.advance(to: snapshot.revision)
        } catch {
            log.error("the feed cannot be encoded", metadata: ["prefix": "\(prefix)", "error": "\(error)"])
        }
    }
}
