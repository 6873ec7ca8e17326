package import Cluster
package import Environment
package import S3Model
package import Storage

/// Accepts jobs and changes of jobs. The work is ``BatchJobRunner``'s, which sees them in the control store.
package struct BatchJobRegistry: Sendable {
    /// Jobs of one account that have not ended.
    package static let openLimit = 1_000
    package static let pageLimit = 1_000
    /// Ended jobs are kept as long as on AWS: 90 days.
    static let retentionMilliseconds: Int64 = 90 * 86_400_000

    let control: any ControlStore
    let locate: @Sendable (BucketName) -> BucketLocation?
    let bucket: @Sendable (BucketLocation) async throws -> Bucket?
    let shareProcess: @Sendable (RegionName, RegionName) -> Bool
    let time: any TimeSource
    let random: any RandomSource

    /// - Parameters:
    ///   - locate: where a bucket lives; `nil` when no region has it.
    ///   - bucket: the bucket as its region has it now; `nil` when no process has that region.
    ///   - shareProcess: whether two regions are in one process, so that a job of one can write its report into the other.
    package init(
        control: any ControlStore, locate: @escaping @Sendable (BucketName) -> BucketLocation?,
        bucket: @escaping @Sendable (BucketLocation) async throws -> Bucket?,
        shareProcess: @escaping @Sendable (RegionName, RegionName) -> Bool = { _, _ in true },
        time: any TimeSource, random: any RandomSource
    ) {
        self.control = control
        self.locate = locate
        self.bucket = bucket
        self.shareProcess = shareProcess
        self.time = time
        self.random = random
    }

    package var now: Timestamp { Timestamp(milliseconds: time.wallMilliseconds()) }

    // MARK: Creating

    /// The new job, or that of an earlier request with the same token and contents. With `destinations`, only what goes to
    /// these buckets. Throws `InvalidRequest`, `NoSuchBucket`, `AccessDenied`, `IdempotencyException`,
    /// `TooManyRequestsException`.
    package func create(
        _ request: CreateJobRequest, account: AccountID, destinations: [BucketName]? = nil
    ) async throws -> BatchJob {
        let tokenKey = BatchKeys.token(request.clientRequestToken, account)
        while true {
            if let record = try await control.record(tokenKey) {
                let token = try ControlValue.decode(BatchToken.self, from: record.value, version: BatchToken.version)
                let job = try await self.job(token.job, account: account)
                guard job.request == request else {
                    throw S3Error(
                        .idempotencyException, "The ClientRequestToken was used for another job, \(job.id).")
                }
                return job
            }
            let source = try await check(request, account: account)
            try await checkLimit(account)
            var job = BatchJob(
                id: Self.identifier(random), account: account, region: source.region, request: request, created: now)
            job.destinations = destinations?.map(\.rawValue)
            if try await control.commitIfUnchanged(try Self.creation(of: job, tokenKey: tokenKey)) { return job }
        }
    }

    private static func creation(of job: BatchJob, tokenKey: String) throws -> ControlTransaction {
        let key = BatchKeys.job(job.id, job.account)
        let open = OpenBatchJob(account: job.account, region: job.region)
        var transaction = ControlTransaction()
        transaction.expectations = [.absent(key: key), .absent(key: tokenKey)]
        transaction.writes = [
            .put(key: key, value: try ControlValue.encode(job, version: BatchJob.version)),
            .put(
                key: BatchKeys.open(job.id), value: try ControlValue.encode(open, version: OpenBatchJob.version)),
            .put(
                key: tokenKey,
                value: try ControlValue.encode(BatchToken(job: job.id), version: BatchToken.version)),
        ]
        return transaction
    }

    private func check(_ request: CreateJobRequest, account: AccountID) async throws -> BucketLocation {
        let expected = request.manifest.expectedBucketOwner
        let source = try owned(BucketName(arn: request.manifest.sourceBucketARN), account, "The source bucket")
        guard expected == nil || expected == source.owner.account.rawValue else {
            throw S3Error(.accessDenied, "Access Denied: the source bucket is not owned by the expected account.")
        }
        guard let bucket = try await bucket(source) else {
            throw S3Error(.serviceUnavailable, "The region \(source.region) is not served by this installation.")
        }
        guard bucket.replication?.rules.isEmpty == false else {
            throw S3Error(
                .invalidRequest,
                "The source bucket \(source.name) has no replication configuration, which the job needs.")
        }
        if request.report.isEnabled {
            let report = try owned(request.report.bucket, account, "The report's bucket")
            guard shareProcess(source.region, report.region) else {
                throw S3Error(
                    .invalidRequest,
                    "The report's bucket \(report.name) is in \(report.region), which runs in another process than "
                        + "\(source.region), the region of the source bucket: the report could not be written there. "
                        + "Choose a bucket in \(source.region).")
            }
        }
        return source
    }

    private func owned(_ name: BucketName?, _ account: AccountID, _ what: String) throws(S3Error) -> BucketLocation {
        guard let name, let location = locate(name) else {
            throw S3Error(.invalidRequest, "\(what)\(name.map { " \($0)" } ?? "") does not exist.")
        }
        guard location.owner.account == account else {
            throw S3Error(.accessDenied, "Access Denied: \(what.lowercased()) \(name) belongs to another account.")
        }
        return location
    }

    private func checkLimit(_ account: AccountID) async throws {
        let open = try await control.snapshot(prefix: BatchKeys.open).records.filter {
            try ControlValue.decode(OpenBatchJob.self, from: $0.value, version: OpenBatchJob.version).account == account
        }
        guard open.count < Self.openLimit else {
            throw S3Error(
                .tooManyRequestsException, "The account has \(open.count) jobs that have not ended; no more are taken.")
        }
    }

    /// A random UUID (RFC 9562, version 4), as AWS names jobs.
    private static func identifier(_ random: any RandomSource) -> String {
        var bytes = random.bytes(16)
        bytes[6] = bytes[6] & 0x0F | 0x40
        bytes[8] = bytes[8] & 0x3F | 0x80
        let hex = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
        let groups = [hex[0..<4], hex[4..<6], hex[6..<8], hex[8..<10], hex[10..<16]]
        return groups.map { $0.joined() }.joined(separator: "-")
    }

    // MARK: Reading

    /// Throws `NoSuchJob`.
    package func job(_ id: String, account: AccountID) async throws -> BatchJob { try await stored(id, account).job }

    func stored(_ id: String, _ account: AccountID) async throws -> StoredBatchJob {
        // Only what can be an id becomes a key.
        guard (5...36).contains(id.utf8.count), id.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x2F }),
            let record = try await control.record(BatchKeys.job(id, account))
        else { throw S3Error(.noSuchJob, fields: [.init("JobId", String(id.prefix(64)))]) }
        return try StoredBatchJob(record)
    }

    /// Newest first. `statuses` empty for all. Throws `InvalidRequest`, `InvalidNextTokenException`.
    package func list(
        account: AccountID, statuses: Set<BatchJobStatus>, maxResults: Int?, nextToken: String?
    ) async throws -> (jobs: [BatchJob], nextToken: String?) {
        let limit = maxResults ?? Self.pageLimit
        guard (1...Self.pageLimit).contains(limit) else {
            throw S3Error(.invalidRequest, "maxResults must be 1 to \(Self.pageLimit), but it is \(limit).")
        }
        var last: PagePlace?
        if let nextToken {
            guard let place = PagePlace(token: nextToken) else {
                throw S3Error(.invalidNextTokenException, "The nextToken is none of ListJobs.")
            }
            last = place
        }
        let records = try await control.snapshot(prefix: BatchKeys.jobs(account)).records
        let jobs = try records.map { try StoredBatchJob($0).job }
            .filter { statuses.isEmpty || statuses.contains($0.status) }
            .sorted { PagePlace($0) < PagePlace($1) }
            .filter { job in last.map { $0 < PagePlace(job) } ?? true }
        let page = Array(jobs.prefix(limit))
        return (page, jobs.count > limit ? page.last.map { PagePlace($0).token } : nil)
    }

    // MARK: Changing

    /// Throws `NoSuchJob`, `InvalidRequest`, `JobStatusException`.
    package func setStatus(
        _ id: String, account: AccountID, to requested: String, reason: String?
    ) async throws -> BatchJob {
        guard (reason ?? "").unicodeScalars.count <= 256 else {
            throw S3Error(.invalidRequest, "statusUpdateReason must have at most 256 characters.")
        }
        return try await change(id, account) { job throws(S3Error) in
            try job.request(requested, reason: reason, at: self.now)
        }
    }

    /// Throws `NoSuchJob`, `InvalidRequest`, `JobStatusException`.
    package func setPriority(_ id: String, account: AccountID, to priority: Int) async throws -> BatchJob {
        guard (0...Int(Int32.max)).contains(priority) else {
            throw S3Error(.invalidRequest, "priority must be a number from 0 to 2147483647.")
        }
        return try await change(id, account) { job throws(S3Error) in
            guard !job.status.isFinal else {
                throw S3Error(.jobStatusException, "A job that is \(job.status.rawValue) has no priority any more.")
            }
            job.priority = priority
        }
    }

    private func change(
        _ id: String, _ account: AccountID, _ body: (inout BatchJob) throws(S3Error) -> Void
    ) async throws -> BatchJob {
        while true {
            var stored = try await self.stored(id, account)
            try body(&stored.job)
            if try await control.commitIfUnchanged(try stored.transaction()) { return stored.job }
        }
    }

    /// Forgets jobs of a region that ended too long ago, with their tokens.
    func prune(_ region: RegionName) async throws {
        let oldest = now.milliseconds - Self.retentionMilliseconds
        for record in try await control.snapshot(prefix: "batch/job/").records {
            guard let stored = try? StoredBatchJob(record), stored.job.region == region, let ended = stored.job.ended,
                ended.milliseconds < oldest
            else { continue }
            var transaction = ControlTransaction()
            transaction.expectations = [.unchanged(key: record.key, revision: record.revision)]
            transaction.writes = [
                .delete(key: record.key),
                .delete(key: BatchKeys.token(stored.job.request.clientRequestToken, stored.job.account)),
            ]
            _ = try await control.commitIfUnchanged(transaction)
        }
    }
}

/// A job's place in the list: newest first, of one time by id.
private struct PagePlace: Comparable {
    var created: Int64
    var id: String

    init(_ job: BatchJob) {
        created = job.created.milliseconds
        id = job.id
    }

    /// Version 1: base64 of `1`, the time, a colon and the id.
    init?(token: String) {
        guard token.utf8.count <= 256, let bytes = Base64.decode(token),
            let text = String(validating: bytes, as: UTF8.self), text.utf8.first == UInt8(ascii: "1")
        else { return nil }
        let fields = text.dropFirst().split(separator: ":", maxSplits: 1)
        guard fields.count == 2, let created = Int64(fields[0]) else { return nil }
        self.created = created
        id = String(fields[1])
    }

    var token: String { Base64.encode(Array("1\(created):\(id)".utf8)) }

    static func < (left: Self, right: Self) -> Bool {
        if left.created != right.created { return left.created > right.created }
        return left.id.utf8.lexicographicallyPrecedes(right.id.utf8)
    }
}
