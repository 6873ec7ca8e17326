import Synchronization

/// One thread, one seeded order of everything that can run, and a clock that moves only when nothing can: the same seed
/// gives the same run. All tasks of a run are children of the one started by ``run(stepLimit:_:)``.
final class World: TaskExecutor {
    private struct Timer {
        let id: UInt64
        let deadline: UInt64
        let continuation: CheckedContinuation<Bool, Never>
    }

    private struct State {
        var ready: [UnownedJob] = []
        var timers: [Timer] = []
        var nextTimer: UInt64 = 0
        var now: UInt64 = 0
        var events: [String] = []
        var digest: UInt64 = 14_695_981_039_346_656_037
    }

    enum Ending {
        case finished
        /// Nothing can run and nothing sleeps.
        case stuck
        case stepLimit
    }

    /// The only randomness there is.
    let random: SeededRandom
    private let state = Mutex(State())

    init(seed: UInt64) { random = SeededRandom(seed) }

    // MARK: Running

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        state.withLock { $0.ready.append(job) }
    }

    /// Runs `main` and everything it starts to the end, on the calling thread.
    func run(stepLimit: Int, _ main: @escaping @Sendable () async -> Void) -> Ending {
        let done = AtomicFlag()
        // The root of the world: the one task that has no parent, as the executor has to come from somewhere.
        Task(executorPreference: self) {
            await main()
            done.set()
        }
        var steps = 0
        while !done.isSet {
            steps += 1
            if steps > stepLimit { return .stepLimit }
            if let job = nextJob() {
                job.runSynchronously(on: asUnownedTaskExecutor())
            } else if !fireTimer() {
                return .stuck
            }
        }
        return .finished
    }

    private func nextJob() -> UnownedJob? {
        let choice = random.next()
        return state.withLock { state in
            guard !state.ready.isEmpty else { return nil }
            return state.ready.remove(at: Int(choice % UInt64(state.ready.count)))
        }
    }

    private func fireTimer() -> Bool {
        let timer: Timer? = state.withLock { state in
            guard !state.timers.isEmpty else { return nil }
            let timer = state.timers.removeFirst()
            state.now = max(state.now, timer.deadline)
            return timer
        }
        timer?.continuation.resume(returning: true)
        return timer != nil
    }

    // MARK: Time

    /// Virtual nanoseconds since the start.
    var now: UInt64 { state.withLock { $0.now } }
    var milliseconds: UInt64 { now / 1_000_000 }

    func sleep(nanoseconds: UInt64) async throws {
        let id = state.withLock { state in
            state.nextTimer += 1
            return state.nextTimer
        }
        let elapsed = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if Task.isCancelled {
                    continuation.resume(returning: false)
                } else {
                    add(id, nanoseconds, continuation)
                }
            }
        } onCancel: {
            let timer: Timer? = state.withLock { state in
                state.timers.firstIndex { $0.id == id }.map { state.timers.remove(at: $0) }
            }
            timer?.continuation.resume(returning: false)
        }
        if !elapsed { throw CancellationError() }
    }

    /// For what cannot be interrupted, such as a disk.
    func delay(milliseconds: UInt64) async {
        _ = await withCheckedContinuation { continuation in
            let id = state.withLock { state in
                state.nextTimer += 1
                return state.nextTimer
            }
            add(id, milliseconds * 1_000_000, continuation)
        }
    }

    private func add(_ id: UInt64, _ nanoseconds: UInt64, _ continuation: CheckedContinuation<Bool, Never>) {
        state.withLock { state in
            let deadline = state.now + nanoseconds
            let index = state.timers.firstIndex { $0.deadline > deadline } ?? state.timers.count
            state.timers.insert(Timer(id: id, deadline: deadline, continuation: continuation), at: index)
        }
    }

    // MARK: Events

    static let eventsKept = 60

    /// Goes into the run's digest; the last ones are shown when a seed fails.
    func note(_ event: @autoclosure () -> String) {
        let text = event()
        state.withLock { state in
            let line = "\(state.now / 1_000_000) ms \(text)"
            for byte in line.utf8 { state.digest = (state.digest ^ UInt64(byte)) &* 1_099_511_628_211 }
            if state.events.count == Self.eventsKept { state.events.removeFirst() }
            state.events.append(line)
        }
    }

    var events: [String] { state.withLock { $0.events } }
    /// Equal for equal runs.
    var digest: UInt64 { state.withLock { $0.digest } }
}

private final class AtomicFlag: Sendable {
    private let value = Atomic(false)
    var isSet: Bool { value.load(ordering: .acquiring) }
    func set() { value.store(true, ordering: .releasing) }
}
