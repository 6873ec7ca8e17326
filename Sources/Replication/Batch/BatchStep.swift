import Cluster
import S3Model
import Storage

/// What one step of a job does to its window and its numbers. Pure.
struct BatchStep {
    var window: BatchWindow
    /// Whether the report wants the tasks that succeeded, too.
    private let wantsAll: Bool
    private var settled: [Int: String?] = [:]
    private var succeeded: Int64 = 0
    private var failed: Int64 = 0
    private var bytes: Int64 = 0
    private var outcomes: [BatchTaskOutcome] = []

    init(window: BatchWindow, wantsAll: Bool) {
        self.window = window
        self.wantsAll = wantsAll
    }

    /// What is known now of the task at a place of the window.
    mutating func note(_ outcome: ExistingOutcome, at index: Int) {
        switch outcome {
        case .waiting: window.items[index].isEnqueued = true
        case .done: settled[index] = .some(nil)
        case .failed(let reason): settled[index] = reason
        case .gone: settled[index] = "SrcVersionNotFound"
        case .notEligible: settled[index] = "SrcObjectNotEligible"
        }
    }

    /// Takes the tasks that are done, or have failed, out of the window.
    mutating func removeSettled() {
        for (index, failure) in settled.sorted(by: { $0.key < $1.key }) {
            let item = window.items[index]
            if failure == nil {
                succeeded += 1
                bytes += item.bytes
            } else {
                failed += 1
            }
            if failure != nil || wantsAll { outcomes.append(BatchTaskOutcome(item, failure: failure)) }
        }
        window.items = window.items.enumerated().filter { settled[$0.offset] == nil }.map(\.element)
        settled.removeAll()
    }

    /// Adds the numbers to the job, and ends it when nothing is left or too much has failed.
    func count(into job: inout BatchJob, at now: Timestamp) {
        job.progress.succeeded += succeeded
        job.progress.failed += failed
        job.progress.bytes += bytes
        let settled = job.progress.succeeded + job.progress.failed
        // The bucket goes on changing after it was counted; what was done is what counts.
        job.progress.total = max(job.progress.total ?? 0, settled + Int64(window.items.count))
        if job.hasFailedTooOften {
            job.fail("TooManyFailedTasks", "More than half of \(settled) tasks failed.", at: now)
        } else if job.isExhausted, window.items.isEmpty {
            job.progress.total = settled
            job.move(to: .completing, at: now)
        }
    }

    /// The window, and the outcomes for the report.
    func writes(for job: inout BatchJob) throws -> [ControlTransaction.Write] {
        var writes: [ControlTransaction.Write] = [
            .put(
                key: BatchKeys.window(job.id), value: try ControlValue.encode(window, version: BatchWindow.version))
        ]
        guard job.request.report.isEnabled, !outcomes.isEmpty else { return writes }
        job.sequence += 1
        job.unreported += outcomes.count
        writes.append(
            .put(
                key: BatchKeys.outcomes(job.id, job.sequence),
                value: try ControlValue.encode(BatchOutcomes(outcomes), version: BatchOutcomes.version)))
        return writes
    }
}
