package import Cluster
import NIOCore
package import S3Model
package import Storage

/// Puts the files of a report into its bucket, in whatever region that is, as the bucket's owner.
package struct BatchReportWriter: Sendable {
    private let stores: [RegionName: RegionStore]
    private let locate: @Sendable (BucketName) -> BucketLocation?

    package init(
        stores: [RegionName: RegionStore], locate: @escaping @Sendable (BucketName) -> BucketLocation?
    ) {
        self.stores = stores
        self.locate = locate
    }

    /// Returns the MD5 in hexadecimal. Throws `NoSuchBucket`, `KeyTooLongError`.
    func put(_ bytes: [UInt8], key text: String, type: String, bucket: BucketName) async throws -> String {
        guard let location = locate(bucket), let store = stores[location.region] else {
            throw S3Error(.noSuchBucket, fields: [.init("BucketName", bucket.rawValue)])
        }
        guard let key = ObjectKey(text) else { throw S3Error(.keyTooLongError) }
        let content = try await store.stage(BufferSource(ByteBuffer(bytes: bytes)), digests: DigestPlan())
        var metadata = ObjectMetadata()
        metadata.contentType = type
        let put = ObjectPut(bucket: bucket, key: key, owner: location.owner, metadata: metadata)
        return try await store.putObject(put, content: content).etag
    }
}

extension ObjectVersion {
    fileprivate var etag: String { object?.etag.rawValue ?? "" }
}

extension BatchJobRunner {
    /// Outcomes per file of a report, roughly.
    static let outcomesPerPart = 10_000

    /// Writes the outcomes that are in no file yet. Does nothing when another change of the job came first: the next step
    /// does it.
    func flush(_ job: BatchJob) async throws {
        var stored = try await registry.stored(job.id, job.account)
        let (parts, records) = try await writeParts(of: stored.job)
        stored.job.reportParts += parts
        stored.job.unreported = 0
        _ = try await control.commitIfUnchanged(try stored.transaction(records.map { .delete(key: $0) }))
    }

    private func writeParts(of job: BatchJob) async throws -> (parts: [BatchJob.ReportPart], records: [String]) {
        let records = try await control.snapshot(prefix: BatchKeys.outcomes(job.id)).records
        guard let bucket = job.request.report.bucket, !records.isEmpty else { return ([], records.map(\.key)) }
        let outcomes = try records.flatMap {
            try ControlValue.decode(BatchOutcomes.self, from: $0.value, version: BatchOutcomes.version).outcomes
        }
        var parts: [BatchJob.ReportPart] = []
        for succeeded in [true, false] {
            let chosen = outcomes.filter { ($0.failure == nil) == succeeded }
            guard !chosen.isEmpty else { continue }
            let number = job.reportParts.count + parts.count + 1
            let key = BatchReport.partKey(of: job, number: number, succeeded: succeeded)
            let md5 = try await writer.put(
                BatchReport.csv(chosen, bucket: job.source?.rawValue ?? ""), key: key, type: "text/csv",
                bucket: bucket)
            parts.append(BatchJob.ReportPart(succeeded: succeeded, key: key, md5: md5))
        }
        return (parts, records.map(\.key))
    }

    /// Writes the rest of the report and ends the job. When the report's bucket cannot take it, the job fails.
    func finish(_ before: StoredBatchJob) async throws {
        var stored = before
        let (parts, records) = try await report(&stored.job)
        stored.job.reportParts += parts
        stored.job.unreported = 0
        switch stored.job.status {
        case .completing: stored.job.move(to: .complete, at: registry.now)
        case .cancelling: stored.job.move(to: .cancelled, at: registry.now)
        default: stored.job.move(to: .failed, at: registry.now)
        }
        let writes: [ControlTransaction.Write] =
            [.delete(key: BatchKeys.open(stored.job.id)), .delete(key: BatchKeys.window(stored.job.id))]
            + records.map { .delete(key: $0) }
        _ = try await control.commitIfUnchanged(try stored.transaction(writes))
    }

    private func report(_ job: inout BatchJob) async throws -> (parts: [BatchJob.ReportPart], records: [String]) {
        guard let bucket = job.request.report.bucket else { return ([], []) }
        do {
            let (parts, records) = try await writeParts(of: job)
            var complete = job
            complete.reportParts += parts
            // A job that was cancelled or failed before it did anything has no report, as on AWS.
            guard job.status == .completing || !complete.reportParts.isEmpty else { return (parts, records) }
            let manifest = try BatchReport.manifest(of: complete, bucket: bucket.rawValue, at: registry.now)
            let key = BatchReport.manifestKey(of: job)
            let md5 = try await writer.put(manifest, key: key, type: "application/json", bucket: bucket)
            _ = try await writer.put(Array(md5.utf8), key: key + ".md5", type: "text/plain", bucket: bucket)
            return (parts, records)
        } catch  where error is S3Error || Self.isDamage(error) {
            let reason = (error as? S3Error)?.message ?? "\(error)"
            job.fail("ReportNotWritten", "The report could not be written: \(reason)", at: registry.now)
            let records = try await control.snapshot(prefix: BatchKeys.outcomes(job.id)).records
            return ([], records.map(\.key))
        }
    }
}
