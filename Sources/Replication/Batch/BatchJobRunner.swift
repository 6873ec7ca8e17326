import Cluster
import Environment
package import Logging
import S3Model
package import Storage
import Synchronization

/// Carries out the jobs whose source buckets are in one region. Each step is small and ends with a transaction in the
/// control store, so a crash between two of them loses nothing and the next start goes on from the last one. There is one
/// runner per region.
package final class BatchJobRunner: Sendable {
    /// What a pass left to wait for.
    package enum Pass: Sendable, Hashable {
        /// There is more to do at once.
        case busy
        /// Tasks are on their way.
        case waiting
        /// No job needs anything; `revision` is the control store's from before the pass.
        case idle(revision: Int64)
    }

    let store: RegionStore
    let registry: BatchJobRegistry
    let writer: BatchReportWriter
    let log: Logger
    private let delays = Mutex(BatchDelays())
    private var time: any TimeSource { registry.time }
    var control: any ControlStore { registry.control }

    package init(store: RegionStore, registry: BatchJobRegistry, writer: BatchReportWriter, log: Logger) {
        self.store = store
        self.registry = registry
        self.writer = writer
        self.log = log
    }

    /// Runs until the task is cancelled.
    package func run() async {
        var trouble: Int64 = 100
        var poll: Int64 = 20
        var nextPruning = time.wallMilliseconds()
        while !Task.isCancelled {
            do {
                switch try await pass() {
                case .busy: poll = 20
                case .waiting:
                    try await time.sleep(milliseconds: poll)
                    poll = min(poll * 2, 320)
                case .idle(let revision):
                    if time.wallMilliseconds() >= nextPruning {
                        try await registry.prune(store.region)
                        nextPruning = time.wallMilliseconds() + 3_600_000
                    }
                    _ = try await control.changed(after: revision)
                }
                trouble = 100
            } catch {
                if Task.isCancelled { return }
                log.warning(
                    "batch jobs wait", metadata: ["region": "\(store.region)", "error": "\(error)", "ms": "\(trouble)"])
                guard (try? await time.sleep(milliseconds: trouble)) != nil else { return }
                trouble = min(trouble * 2, 10_000)
            }
        }
    }

    /// One step of every job that needs one. The trouble of one job is kept to it: see ``note(_:on:)``. Throws when the
    /// control store is away or the region's store is closed, which holds up all.
    package func pass() async throws -> Pass {
        let snapshot = try await control.snapshot(prefix: BatchKeys.open)
        var open: [String: StoredBatchJob] = [:]
        for record in snapshot.records {
            let id = String(record.key.dropFirst(BatchKeys.open.count))
            do {
                let marker = try ControlValue.decode(
                    OpenBatchJob.self, from: record.value, version: OpenBatchJob.version)
                guard marker.region == store.region else { continue }
                open[id] = try await registry.stored(id, marker.account)
            } catch  where !(error is ControlStoreError) {
                // One unreadable job does not hold up the others.
                log.error("unreadable batch job", metadata: ["job": "\(id)", "error": "\(error)"])
            }
        }
        let ids = Set(open.keys)
        delays.withLock { $0.keep(ids) }
        var result = Pass.idle(revision: snapshot.revision)
        for (id, action) in BatchSchedule.actions(for: open.values.map(\.job)) {
            guard let stored = open[id] else { continue }
            let isBusy = try await step(action, on: stored)
            if isBusy { result = .busy } else if result != .busy { result = .waiting }
        }
        return result
    }

    /// ``perform(_:on:)``, unless the job's last trouble is too recent; keeps a job's trouble from the others.
    private func step(_ action: BatchJobAction, on stored: StoredBatchJob) async throws -> Bool {
        let id = stored.job.id
        let now = time.monotonicNanoseconds() / 1_000_000
        guard delays.withLock({ $0.isOver(for: id, at: now) }) else { return false }
        do {
            let isBusy = try await perform(action, on: stored)
            delays.withLock { $0.clear(id) }
            return isBusy
        } catch let error as ControlStoreError {
            throw error
        } catch StorageError.closed {
            throw StorageError.closed
        } catch let error as CancellationError {
            throw error
        } catch {
            return try await note(error, on: stored)
        }
    }

    /// Damage does not pass: the job fails, with the reason. Any other trouble may, so the step is tried again, after a
    /// while, and until then the job shows the reason. Returns whether the job failed.
    private func note(_ error: any Error, on before: StoredBatchJob) async throws -> Bool {
        // The step may have changed the job before it met trouble.
        var stored = try await registry.stored(before.job.id, before.job.account)
        let now = registry.now
        if Self.isDamage(error), stored.job.status.leads(to: .failing) {
            log.error("a batch job fails", metadata: ["job": "\(stored.job.id)", "error": "\(error)"])
            stored.job.fail("DamagedData", "\(error)", at: now)
            return try await control.commitIfUnchanged(try stored.transaction())
        }
        let wait = delays.withLock {
            $0.extend(for: stored.job.id, at: time.monotonicNanoseconds() / 1_000_000)
        }
        log.warning(
            "a batch job waits", metadata: ["job": "\(stored.job.id)", "error": "\(error)", "ms": "\(wait)"])
        let trouble = BatchJobDescription.Failure(code: "Retrying", reason: "\(error)")
        guard stored.job.trouble != trouble, !stored.job.status.isFinal else { return false }
        stored.job.trouble = trouble
        _ = try await control.commitIfUnchanged(try stored.transaction())
        return false
    }

    /// Whether reading the same again would find the same.
    static func isDamage(_ error: any Error) -> Bool {
        if case StorageError.corrupt = error { return true }
        return error is ControlValue.Unreadable
    }

    /// Returns whether something was done; else the job waits for its tasks.
    private func perform(_ action: BatchJobAction, on before: StoredBatchJob) async throws -> Bool {
        var stored = before
        stored.job.trouble = nil
        let now = registry.now
        switch action {
        case .prepare: try await prepare(&stored)
        case .activate: stored.job.move(to: .active, at: now)
        case .pause:
            stored.job.move(to: .pausing, at: now)
            stored.job.move(to: .paused, at: now)
        case .work: return try await work(before)
        case .finish:
            try await finish(before)
            return true
        }
        _ = try await control.commitIfUnchanged(try stored.transaction())
        return true
    }

    // MARK: Counting

    /// Versions looked at in one snapshot, so that no read takes long; and snapshots per step.
    private static let pageSize = 500
    private static let pagesPerStep = 10

    /// Counts the next stretch of the bucket; at its end the job is ready, or waits for a person.
    private func prepare(_ stored: inout StoredBatchJob) async throws {
        let now = registry.now
        stored.job.move(to: .preparing, at: now)
        for _ in 0..<Self.pagesPerStep {
            guard let (bucket, page) = try nextPage(of: &stored.job) else { return }
            for version in page where stored.job.takes(version, in: bucket) {
                stored.job.progress.total = (stored.job.progress.total ?? 0) + 1
                stored.job.progress.totalBytes += version.object?.size ?? 0
            }
            if let last = page.last { stored.job.position = BatchPosition(last.reference) }
            guard page.count < Self.pageSize else {
                await Task.yield()
                continue
            }
            stored.job.position = nil
            if stored.job.progress.total == nil { stored.job.progress.total = 0 }
            stored.job.move(to: stored.job.request.confirmationRequired ? .suspended : .ready, at: now)
            return
        }
    }

    /// The versions behind the job's position; `nil` when there is no source to read any more, and the job fails.
    private func nextPage(of job: inout BatchJob) throws -> (bucket: Bucket, page: [ObjectVersion])? {
        do {
            guard let source = job.source else { throw S3Error(.noSuchBucket) }
            let bucket = try store.bucket(source)
            guard bucket.replication != nil else {
                job.fail(
                    "SrcBucketReplicationConfigMissing", "The source bucket has no replication configuration any more.",
                    at: registry.now)
                return nil
            }
            let after = job.position?.reference
            return (bucket, try store.existingVersions(of: source, after: after, limit: Self.pageSize))
        } catch let error as S3Error where error.code == .noSuchBucket {
            job.fail("SrcBucketNotFound", "The source bucket does not exist any more.", at: registry.now)
            return nil
        }
    }

    // MARK: Working

    /// Tasks under way at a time, and in one transaction of the region.
    static let windowSize = 512
    static let transactionSize = 256

    private func work(_ before: StoredBatchJob) async throws -> Bool {
        var stored = before
        stored.job.trouble = nil
        let window = try await window(of: stored.job.id)
        var step = BatchStep(window: window, wantsAll: stored.job.request.report.scope == .allTasks)
        let hasStarted: Bool
        do {
            hasStarted = try await enqueue(stored.job, &step)
            if !hasStarted {
                try settle(stored.job, &step)
                if step.window.items.count <= Self.windowSize / 2 { try refill(&stored.job, &step) }
            }
        } catch let error as S3Error where error.code == .noSuchBucket {
            stored.job.fail("SrcBucketNotFound", "The source bucket does not exist any more.", at: registry.now)
            return try await control.commitIfUnchanged(try stored.transaction())
        }
        step.count(into: &stored.job, at: registry.now)
        guard stored.job != before.job || step.window != window else { return false }
        let writes = try step.writes(for: &stored.job)
        _ = try await control.commitIfUnchanged(try stored.transaction(writes))
        if stored.job.unreported >= Self.outcomesPerPart { try await flush(stored.job) }
        // What was settled alone is no reason to look again at once.
        return hasStarted || stored.job.position != before.job.position || stored.job.status != before.job.status
    }

    private func window(of id: String) async throws -> BatchWindow {
        guard let record = try await control.record(BatchKeys.window(id)) else { return BatchWindow() }
        return try ControlValue.decode(BatchWindow.self, from: record.value, version: BatchWindow.version)
    }

    /// Starts the next tasks that are in the window but not in the outbox. Returns whether there were any.
    private func enqueue(_ job: BatchJob, _ step: inout BatchStep) async throws -> Bool {
        let indices = step.window.items.indices.filter { !step.window.items[$0].isEnqueued }
            .prefix(Self.transactionSize)
        guard !indices.isEmpty, let source = job.source else { return false }
        // Within a key the oldest first, so that a destination meets its versions in the order they were made.
        let tasks = indices.compactMap { index in
            step.window.items[index].position.reference.map { (index: index, reference: $0) }
        }.sorted {
            $0.reference.key != $1.reference.key
                ? $0.reference.key < $1.reference.key : $0.reference.stamp < $1.reference.stamp
        }
        let plan = job.plan
        let now = registry.now
        let outcomes = try await store.enqueueExisting(tasks.map(\.reference), bucket: source) { version, bucket in
            plan.entries(for: version, in: bucket, at: now)
        }
        for (task, outcome) in zip(tasks, outcomes) { step.note(outcome, at: task.index) }
        step.removeSettled()
        return true
    }

    /// Takes out of the window what is done or has failed.
    private func settle(_ job: BatchJob, _ step: inout BatchStep) throws {
        guard let source = job.source, !step.window.items.isEmpty else { return }
        let tasks = step.window.items.enumerated().compactMap { index, item in
            item.position.reference.map { (index: index, reference: $0) }
        }
        let outcomes = try store.existingOutcomes(
            of: tasks.map(\.reference), bucket: source, destinations: job.plan.destinations)
        for (task, outcome) in zip(tasks, outcomes) { step.note(outcome, at: task.index) }
        step.removeSettled()
    }

    /// Puts the next tasks into the window. They are started by a later step, when the window is stored.
    private func refill(_ job: inout BatchJob, _ step: inout BatchStep) throws {
        for _ in 0..<Self.pagesPerStep where !job.isExhausted {
            guard let (bucket, page) = try nextPage(of: &job) else { return }
            for version in page {
                guard step.window.items.count < Self.windowSize else { return }
                job.position = BatchPosition(version.reference)
                if job.takes(version, in: bucket) { step.window.items.append(BatchWindow.Item(version)) }
            }
            if page.count < Self.pageSize { job.isExhausted = true }
        }
    }
}
