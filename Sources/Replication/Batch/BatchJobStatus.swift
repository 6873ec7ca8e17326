package import S3Model

/// The life of a job (spec/mrap.md §16):
///
///     New → Preparing → (Suspended →) Ready → Active → Completing → Complete
///     Active → Pausing → Paused → Active, while a job of higher priority works in the same region
///     any that is not final → Cancelling → Cancelled, or → Failing → Failed
package enum BatchJobStatus: String, Sendable, Hashable, Codable, CaseIterable {
    case new = "New"
    case preparing = "Preparing"
    case suspended = "Suspended"
    case ready = "Ready"
    case active = "Active"
    case pausing = "Pausing"
    case paused = "Paused"
    case completing = "Completing"
    case complete = "Complete"
    case cancelling = "Cancelling"
    case cancelled = "Cancelled"
    case failing = "Failing"
    case failed = "Failed"

    package var isFinal: Bool { self == .complete || self == .cancelled || self == .failed }

    /// Whether only the report is left to be written.
    package var isEnding: Bool { self == .completing || self == .cancelling || self == .failing }

    /// Whether a job may go from here to `next`.
    package func leads(to next: BatchJobStatus) -> Bool {
        switch (self, next) {
        case (.new, .preparing), (.preparing, .suspended), (.preparing, .ready), (.suspended, .ready),
            (.ready, .active), (.active, .pausing), (.pausing, .paused), (.pausing, .active), (.paused, .active),
            (.active, .completing), (.completing, .complete), (.cancelling, .cancelled), (.failing, .failed):
            true
        case (_, .cancelling): !isFinal && !isEnding
        case (_, .failing): !isFinal && self != .failing
        default: false
        }
    }
}

extension BatchJob {
    /// Takes the job to `next`, and keeps its times. Returns `false`, and changes nothing, where the life of a job does not
    /// lead there.
    @discardableResult
    package mutating func move(to next: BatchJobStatus, at now: Timestamp) -> Bool {
        guard status.leads(to: next) else { return false }
        if status == .active, let since = activeSince {
            activeMilliseconds += max(0, now.milliseconds - since.milliseconds)
            activeSince = nil
        }
        status = next
        trouble = nil
        if next == .active { activeSince = now }
        if next == .suspended {
            suspended = now
            suspendedCause = "AwaitingConfirmation"
        }
        if next == .ready { suspendedCause = nil }
        if next.isFinal { ended = now }
        return true
    }

    /// What UpdateJobStatus asks for. Throws `InvalidRequest`, `JobStatusException`.
    package mutating func request(_ text: String, reason: String?, at now: Timestamp) throws(S3Error) {
        let next: BatchJobStatus
        switch text {
        case "Cancelled": next = .cancelling
        case "Ready": next = .ready
        default:
            throw S3Error(
                .invalidRequest, "requestedJobStatus must be Cancelled or Ready, but it is '\(text.prefix(64))'.")
        }
        // Preparing leads to Ready by itself; a person confirms only what waits for it.
        guard next == .cancelling || status == .suspended, move(to: next, at: now) else {
            throw S3Error(.jobStatusException, "A job that is \(status.rawValue) cannot become \(text).")
        }
        statusUpdateReason = reason
    }

    /// Gives up, and says why.
    package mutating func fail(_ code: String, _ reason: String, at now: Timestamp) {
        guard move(to: .failing, at: now) else { return }
        failures.append(.init(code: code, reason: reason))
    }

    /// A job fails when, after 1,000 tasks, more than half have failed.
    package var hasFailedTooOften: Bool {
        let settled = progress.succeeded + progress.failed
        return settled >= 1_000 && progress.failed * 2 > settled
    }
}

/// What the jobs of one region need next. Pure; the runner carries it out.
package enum BatchJobAction: Sendable, Hashable {
    /// Count what there is to do.
    case prepare
    case activate
    case pause
    case work
    /// Write the report and end.
    case finish
}

package enum BatchSchedule {
    /// In the order in which to do it. One job works at a time: that with the highest priority, of equals the oldest.
    package static func actions(for jobs: [BatchJob]) -> [(id: String, action: BatchJobAction)] {
        let jobs = jobs.sorted(by: precedes)
        var actions: [(String, BatchJobAction)] = jobs.compactMap { job in
            if job.status.isEnding { return (job.id, .finish) }
            return job.status == .new || job.status == .preparing ? (job.id, .prepare) : nil
        }
        let chosen = jobs.first { [.ready, .active, .pausing, .paused].contains($0.status) }
        for job in jobs where job.id != chosen?.id && (job.status == .active || job.status == .pausing) {
            actions.append((job.id, .pause))
        }
        if let chosen { actions.append((chosen.id, chosen.status == .active ? .work : .activate)) }
        return actions
    }

    private static func precedes(_ left: BatchJob, _ right: BatchJob) -> Bool {
        if left.priority != right.priority { return left.priority > right.priority }
        if left.created != right.created { return left.created < right.created }
        return left.id.utf8.lexicographicallyPrecedes(right.id.utf8)
    }
}
