import NIOCore
import Synchronization

/// What the front has done so far; a snapshot for metrics.
package struct HTTPFrontCounters: Sendable, Equatable {
    package var connectionsOpen = 0
    package var connectionsAccepted = 0
    /// Over the connection limit.
    package var connectionsRefused = 0
    package var requestsInFlight = 0
    package var requestsStarted = 0
}

/// Every open connection of a front, counted and reachable for shutdown. A connection stays registered until its
/// socket is closed *and* the task of its last request has ended.
final class ConnectionRegistry: Sendable {
    private struct State {
        var channels: [ObjectIdentifier: any Channel] = [:]
        /// Succeeds when the last connection is gone; set by shutdown.
        var drained: EventLoopPromise<Void>?
    }

    private let state = Mutex(State())
    private let open = Atomic<Int>(0)
    private let accepted = Atomic<Int>(0)
    private let refused = Atomic<Int>(0)
    private let inFlight = Atomic<Int>(0)
    private let started = Atomic<Int>(0)
    private let draining = Atomic<Bool>(false)
    private let maximumConnections: Int

    init(maximumConnections: Int) { self.maximumConnections = maximumConnections }

    var counters: HTTPFrontCounters {
        HTTPFrontCounters(
            connectionsOpen: open.load(ordering: .relaxed), connectionsAccepted: accepted.load(ordering: .relaxed),
            connectionsRefused: refused.load(ordering: .relaxed),
            requestsInFlight: inFlight.load(ordering: .relaxed), requestsStarted: started.load(ordering: .relaxed))
    }

    /// Whether shutdown has begun: no request is started any more, and every response closes its connection.
    var isDraining: Bool { draining.load(ordering: .relaxed) }

    enum Admission {
        case admitted
        /// One too many; still counted and to be removed like any other.
        case refused
        /// So many over the limit, or so late, that it is not worth an answer.
        case dropped
    }

    func add(_ channel: any Channel) -> Admission {
        accepted.add(1, ordering: .relaxed)
        guard !isDraining else { return .dropped }
        let count = open.add(1, ordering: .relaxed).newValue
        guard count <= maximumConnections else {
            refused.add(1, ordering: .relaxed)
            guard count <= maximumConnections + max(16, maximumConnections / 8) else {
                open.subtract(1, ordering: .relaxed)
                return .dropped
            }
            state.withLock { $0.channels[ObjectIdentifier(channel)] = channel }
            return .refused
        }
        state.withLock { $0.channels[ObjectIdentifier(channel)] = channel }
        return .admitted
    }

    func remove(_ channel: any Channel) {
        let drained: EventLoopPromise<Void>? = state.withLock { state in
            guard state.channels.removeValue(forKey: ObjectIdentifier(channel)) != nil else { return nil }
            open.subtract(1, ordering: .relaxed)
            return state.channels.isEmpty ? state.drained.take() : nil
        }
        drained?.succeed()
    }

    func requestStarted() {
        inFlight.add(1, ordering: .relaxed)
        started.add(1, ordering: .relaxed)
    }

    func requestFinished() { inFlight.subtract(1, ordering: .relaxed) }

    /// Tells every connection to finish what it is doing and to close. The future succeeds when all are gone.
    func drain(on eventLoop: any EventLoop) -> EventLoopFuture<Void> {
        draining.store(true, ordering: .relaxed)
        let promise = eventLoop.makePromise(of: Void.self)
        let channels = state.withLock { state in
            if !state.channels.isEmpty { state.drained = promise }
            return Array(state.channels.values)
        }
        if channels.isEmpty { promise.succeed() }
        for channel in channels { channel.pipeline.fireUserInboundEventTriggered(DrainConnection()) }
        return promise.futureResult
    }

    /// Cuts what is still open.
    func closeAll() {
        for channel in state.withLock({ Array($0.channels.values) }) { channel.close(promise: nil) }
    }

    /// Gives up waiting for connections that do not end.
    func abandon() {
        let drained = state.withLock { $0.drained.take() }
        drained?.succeed()
    }
}

/// User event: close as soon as the running request, if any, is answered.
struct DrainConnection: Sendable {}
