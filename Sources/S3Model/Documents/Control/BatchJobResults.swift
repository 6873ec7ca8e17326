/// A job as DescribeJob and ListJobs show it (spec/mrap.md §16).
package struct BatchJobDescription: Sendable {
    package struct Failure: Sendable, Hashable, Codable {
        package var code: String
        package var reason: String

        package init(code: String, reason: String) {
            self.code = code
            self.reason = reason
        }
    }

    package struct Progress: Sendable, Hashable {
        /// `nil` until the manifest is made.
        package var total: Int64?
        package var succeeded: Int64 = 0
        package var failed: Int64 = 0
        package var activeSeconds: Int64 = 0

        package init() {}
    }

    package var id: String
    package var arn: String
    package var request: CreateJobRequest
    package var status: String
    package var priority: Int
    package var progress = Progress()
    package var statusUpdateReason: String?
    package var failures: [Failure] = []
    package var created: Timestamp
    package var terminated: Timestamp?
    package var suspended: Timestamp?
    package var suspendedCause: String?

    package init(
        id: String, arn: String, request: CreateJobRequest, status: String, priority: Int, created: Timestamp
    ) {
        self.id = id
        self.arn = arn
        self.request = request
        self.status = status
        self.priority = priority
        self.created = created
    }

    /// The answer of DescribeJob.
    package func xml() -> [UInt8] {
        XMLWriter.control("DescribeJobResult") { writer in
            writer.element("Job") { write(&$0) }
        }
    }

    private func write(_ writer: inout XMLWriter) {
        writer.element("JobId", id)
        writer.element("ConfirmationRequired", request.confirmationRequired)
        writer.element(ifPresent: "Description", request.description)
        writer.element("JobArn", arn)
        writer.element("Status", status)
        writer.element("Operation") { $0.empty("S3ReplicateObject") }
        writer.element("Priority", priority)
        writeProgress(&writer, withTimers: true)
        writer.element(ifPresent: "StatusUpdateReason", statusUpdateReason)
        writer.element("FailureReasons") { writer in
            for failure in failures {
                writer.element("member") { writer in
                    writer.element("FailureCode", failure.code)
                    writer.element("FailureReason", failure.reason)
                }
            }
        }
        writer.element("Report") { request.report.write(&$0) }
        writer.element("CreationTime", created)
        if let terminated { writer.element("TerminationDate", terminated) }
        writer.element("RoleArn", request.roleARN)
        if let suspended { writer.element("SuspendedDate", suspended) }
        writer.element(ifPresent: "SuspendedCause", suspendedCause)
        writer.element("ManifestGenerator") { writer in
            writer.element("S3JobManifestGenerator") { request.manifest.write(&$0) }
        }
    }

    fileprivate func writeListed(_ writer: inout XMLWriter) {
        writer.element("JobId", id)
        writer.element(ifPresent: "Description", request.description)
        writer.element("Operation", "S3ReplicateObject")
        writer.element("Priority", priority)
        writer.element("Status", status)
        writer.element("CreationTime", created)
        if let terminated { writer.element("TerminationDate", terminated) }
        writeProgress(&writer, withTimers: false)
    }

    private func writeProgress(_ writer: inout XMLWriter, withTimers: Bool) {
        writer.element("ProgressSummary") { writer in
            if let total = progress.total { writer.element("TotalNumberOfTasks", total) }
            writer.element("NumberOfTasksSucceeded", progress.succeeded)
            writer.element("NumberOfTasksFailed", progress.failed)
            guard withTimers else { return }
            writer.element("Timers") { $0.element("ElapsedTimeInActiveSeconds", progress.activeSeconds) }
        }
    }
}

/// The answers of the other operations on jobs.
package enum BatchJobResults {
    package static func created(_ id: String) -> [UInt8] {
        XMLWriter.control("CreateJobResult") { $0.element("JobId", id) }
    }

    package static func list(_ jobs: [BatchJobDescription], nextToken: String?) -> [UInt8] {
        XMLWriter.control("ListJobsResult") { writer in
            writer.element(ifPresent: "NextToken", nextToken)
            writer.element("Jobs") { writer in
                for job in jobs { writer.element("member") { job.writeListed(&$0) } }
            }
        }
    }

    package static func status(_ job: BatchJobDescription) -> [UInt8] {
        XMLWriter.control("UpdateJobStatusResult") { writer in
            writer.element("JobId", job.id)
            writer.element("Status", job.status)
            writer.element(ifPresent: "StatusUpdateReason", job.statusUpdateReason)
        }
    }

    package static func priority(_ job: BatchJobDescription) -> [UInt8] {
        XMLWriter.control("UpdateJobPriorityResult") { writer in
            writer.element("JobId", job.id)
            writer.element("Priority", job.priority)
        }
    }
}

extension BatchJobReport {
    fileprivate func write(_ writer: inout XMLWriter) {
        writer.element(ifPresent: "Bucket", bucketARN)
        if isEnabled { writer.element("Format", Self.format) }
        writer.element("Enabled", isEnabled)
        writer.element(ifPresent: "Prefix", prefix)
        writer.element(ifPresent: "ReportScope", scope?.rawValue)
    }
}

extension BatchManifestGenerator {
    fileprivate func write(_ writer: inout XMLWriter) {
        writer.element(ifPresent: "ExpectedBucketOwner", expectedBucketOwner)
        writer.element("SourceBucket", sourceBucketARN)
        writer.element("EnableManifestOutput", false)
        writer.element("Filter") { filter.write(&$0) }
    }
}

extension BatchManifestFilter {
    fileprivate func write(_ writer: inout XMLWriter) {
        if let eligibleForReplication { writer.element("EligibleForReplication", eligibleForReplication) }
        if let createdAfter { writer.element("CreatedAfter", createdAfter) }
        if let createdBefore { writer.element("CreatedBefore", createdBefore) }
        writer.members("ObjectReplicationStatuses", statuses.map(\.rawValue))
        if !(prefixes.isEmpty && suffixes.isEmpty && substrings.isEmpty) {
            writer.element("KeyNameConstraint") { writer in
                writer.members("MatchAnyPrefix", prefixes)
                writer.members("MatchAnySuffix", suffixes)
                writer.members("MatchAnySubstring", substrings)
            }
        }
        if let sizeGreaterThan { writer.element("ObjectSizeGreaterThanBytes", sizeGreaterThan) }
        if let sizeLessThan { writer.element("ObjectSizeLessThanBytes", sizeLessThan) }
        writer.members("MatchAnyStorageClass", storageClasses)
    }
}

extension XMLWriter {
    /// A list without a location name; nothing for an empty one.
    fileprivate mutating func members(_ name: String, _ values: [String]) {
        guard !values.isEmpty else { return }
        element(name) { writer in
            for value in values { writer.element("member", value) }
        }
    }
}
