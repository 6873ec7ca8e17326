import Environment
import Logging
import NIOCore

/// Runs a task's jobs on one event loop, so that a request never leaves the thread of its connection: 1-3 µs per request
/// instead of two thread hops (spec/performance.md §1).
final class EventLoopTaskExecutor: TaskExecutor {
    private let eventLoop: any EventLoop

    init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        eventLoop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}

/// What all connections of a front share.
struct ConnectionContext: Sendable {
    let configuration: HTTPFrontConfiguration
    let responder: any HTTPResponder
    let authority: CertificateAuthority?
    let isProxied: @Sendable (String) -> Bool
    let registry: ConnectionRegistry
    let time: any TimeSource
    let logger: Logger
    /// One per event loop, made once: a task needs its executor alive for as long as it runs.
    let executors: [ObjectIdentifier: EventLoopTaskExecutor]

    func executor(for eventLoop: any EventLoop) -> EventLoopTaskExecutor {
        executors[ObjectIdentifier(eventLoop)] ?? EventLoopTaskExecutor(eventLoop)
    }
}
