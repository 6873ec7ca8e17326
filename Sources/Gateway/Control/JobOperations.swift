import Policy
import Replication
import S3Model

// The jobs of S3 Control: the subset that replicates what is in a bucket already (spec/mrap.md §16).

extension ControlOperations {
    /// `nil` for operations that are none on jobs.
    func performOnJob(_ request: S3Request, _ id: String, _ account: AccountID) async throws -> S3Response? {
        switch request.operation {
        case .createJob:
            try authorize(request, job: "*", account)
            return try await createJob(request, account)
        case .listJobs:
            try authorize(request, job: "*", account)
            return try await listJobs(request, account)
        case .describeJob:
            try authorize(request, job: id, account)
            let job = try await jobs.job(id, account: account)
            return .document(job.description(at: request.now).xml())
        case .updateJobStatus:
            try authorize(request, job: id, account)
            let job = try await jobs.setStatus(
                id, account: account, to: request.query["requestedJobStatus"] ?? "",
                reason: request.query["statusUpdateReason"])
            return .document(BatchJobResults.status(job.description(at: request.now)))
        case .updateJobPriority:
            try authorize(request, job: id, account)
            guard let priority = try number("priority", request) else {
                throw S3Error(.invalidRequest, "The parameter priority is missing.")
            }
            let job = try await jobs.setPriority(id, account: account, to: priority)
            return .document(BatchJobResults.priority(job.description(at: request.now)))
        default: return nil
        }
    }

    private func authorize(_ request: S3Request, job: String, _ account: AccountID) throws(S3Error) {
        try router.authorize(
            request, action: request.action, arn: "arn:aws:s3:*:\(account):job/\(job)", owner: account)
    }

    private func createJob(_ request: S3Request, _ account: AccountID) async throws -> S3Response {
        let document = try CreateJobRequest.parse(try await request.readDocument(limit: Self.documentLimit))
        return .document(BatchJobResults.created(try await jobs.create(document, account: account).id))
    }

    private func listJobs(_ request: S3Request, _ account: AccountID) async throws -> S3Response {
        var statuses: Set<BatchJobStatus> = []
        for text in request.query.all("jobStatuses") where !text.isEmpty {
            guard let status = BatchJobStatus(rawValue: text) else {
                throw S3Error(.invalidRequest, "There is no job status '\(text.prefix(64))'.")
            }
            statuses.insert(status)
        }
        let token = request.query["nextToken"].flatMap { $0.isEmpty ? nil : $0 }
        let page = try await jobs.list(
            account: account, statuses: statuses, maxResults: try number("maxResults", request), nextToken: token)
        return .document(
            BatchJobResults.list(page.jobs.map { $0.description(at: request.now) }, nextToken: page.nextToken))
    }

    private func number(_ name: String, _ request: S3Request) throws(S3Error) -> Int? {
        guard let text = request.query[name], !text.isEmpty else { return nil }
        guard let value = Int(text) else {
            throw S3Error(.invalidRequest, "\(name) must be a number, but it is '\(text.prefix(64))'.")
        }
        return value
    }
}
