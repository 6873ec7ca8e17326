package import S3Model
package import Storage

/// A job that replicates what was in a bucket before its rules (spec/mrap.md §16), as it is stored.
package struct BatchJob: Sendable, Hashable, Codable {
    package static let version: UInt8 = 1

    package struct Progress: Sendable, Hashable, Codable {
        /// Tasks and their bytes, counted while the job was prepared; `nil` before.
        package var total: Int64?
        package var totalBytes: Int64 = 0
        package var succeeded: Int64 = 0
        package var failed: Int64 = 0
        /// Of the tasks that succeeded.
        package var bytes: Int64 = 0
        package init() {}
    }

    /// One file of the report.
    package struct ReportPart: Sendable, Hashable, Codable {
        package var succeeded: Bool
        package var key: String
        package var md5: String

        package init(succeeded: Bool, key: String, md5: String) {
            self.succeeded = succeeded
            self.key = key
            self.md5 = md5
        }
    }

    package var id: String
    package var account: AccountID
    /// Where the source bucket is.
    package var region: RegionName
    package var request: CreateJobRequest
    /// Only to these buckets; `nil` for all that the rules name. No operation of S3 sets it.
    package var destinations: [String]?
    package var status = BatchJobStatus.new
    package var priority: Int
    package var created: Timestamp
    package var ended: Timestamp?
    package var suspended: Timestamp?
    package var suspendedCause: String?
    package var statusUpdateReason: String?
    package var failures: [BatchJobDescription.Failure] = []
    /// Why the last step could not be done, while it is tried again. Records of older versions have none.
    package var trouble: BatchJobDescription.Failure?
    package var progress = Progress()
    package var activeSince: Timestamp?
    package var activeMilliseconds: Int64 = 0
    /// The last version that was looked at: by the count while preparing, else by the work.
    package var position: BatchPosition?
    /// All versions have been looked at.
    package var isExhausted = false
    package var reportParts: [ReportPart] = []
    /// Outcomes that are in no file of the report yet.
    package var unreported = 0
    /// Rises with every record of outcomes.
    package var sequence = 0

    package init(
        id: String, account: AccountID, region: RegionName, request: CreateJobRequest, created: Timestamp
    ) {
        self.id = id
        self.account = account
        self.region = region
        self.request = request
        self.created = created
        priority = request.priority
    }

    package var arn: String { "arn:aws:s3:\(region):\(account):job/\(id)" }

    /// As S3 Control shows it.
    package func description(at now: Timestamp) -> BatchJobDescription {
        var shown = BatchJobDescription(
            id: id, arn: arn, request: request, status: status.rawValue, priority: priority, created: created)
        shown.progress.total = progress.total
        shown.progress.succeeded = progress.succeeded
        shown.progress.failed = progress.failed
        let running = activeSince.map { max(0, now.milliseconds - $0.milliseconds) } ?? 0
        shown.progress.activeSeconds = (activeMilliseconds + running) / 1_000
        shown.statusUpdateReason = statusUpdateReason
        // S3 has no place for trouble that may pass; a job that goes on and still has a reason is one that waits.
        shown.failures = failures + (trouble.map { [$0] } ?? [])
        shown.terminated = ended
        shown.suspended = suspended
        shown.suspendedCause = suspendedCause
        return shown
    }
}

/// One version in the order of a bucket.
package struct BatchPosition: Sendable, Hashable, Codable {
    package var key: String
    /// The version's stamp, written as a version id.
    package var stamp: String

    package init(_ reference: VersionReference) {
        key = reference.key.rawValue
        stamp = VersionID.stamp(reference.stamp).description
    }

    /// `nil` when the record was damaged.
    package var reference: VersionReference? {
        guard let key = ObjectKey(key), case .stamp(let stamp)? = VersionID(stamp) else { return nil }
        return VersionReference(key: key, stamp: stamp)
    }
}

/// The tasks of a job that are under way: bounded, and stored before anything is done for them, so that after a crash the
/// same tasks go on. What had been done already is then done twice, which changes nothing.
package struct BatchWindow: Sendable, Hashable, Codable {
    package static let version: UInt8 = 1

    package struct Item: Sendable, Hashable, Codable {
        package var position: BatchPosition
        package var isNull: Bool
        package var bytes: Int64
        package var isEnqueued = false

        package init(_ version: ObjectVersion) {
            position = BatchPosition(version.reference)
            isNull = version.isNull
            bytes = version.object?.size ?? 0
        }
    }

    package var items: [Item] = []
    package init() {}
}

/// What became of one task, until it is in a file of the report.
package struct BatchTaskOutcome: Sendable, Hashable, Codable {
    package var key: String
    package var versionID: String
    /// `nil` when it succeeded; else one of S3's reasons where S3 has one (spec/mrap.md §15.13).
    package var failure: String?

    package init(_ item: BatchWindow.Item, failure: String?) {
        key = item.position.key
        versionID = item.isNull ? "null" : item.position.stamp
        self.failure = failure
    }
}

/// Outcomes that were settled together.
package struct BatchOutcomes: Sendable, Hashable, Codable {
    package static let version: UInt8 = 1
    package var outcomes: [BatchTaskOutcome]

    package init(_ outcomes: [BatchTaskOutcome]) { self.outcomes = outcomes }
}
