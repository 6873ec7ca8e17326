import AccessPoints
import Cluster
import Environment
import Gateway
import Replication
import S3Model
import Storage

/// The answer of `/-/admin/resync…`: a job of S3 Control that brings what is in a bucket to where its rules say.
package struct ResyncReport: Sendable, Codable, Hashable {
    package var version = 1
    package var job: String
    package var bucket: String
    package var region: String
    /// `nil` for all that the rules name.
    package var destinations: [String]?
    /// One of S3's words, for example `Active`.
    package var status: String
    /// Whether the job has ended.
    package var isFinal: Bool
    /// `nil` until the versions are counted.
    package var versions: Int64?
    package var bytes: Int64
    package var succeeded: Int64
    package var succeededBytes: Int64
    package var failed: Int64
    package var reasons: [String]
}

extension ReplicationAdmin {
    /// Makes a job that counts and then waits for `resync/confirm`. The parameter `bucket` is the source; `to` one
    /// destination; `access-point` stands for all members but the source.
    func startResync(_ query: QueryItems) async throws -> ResyncReport {
        let location = try location(try required("bucket", query))
        let bucket = try await bucket(at: location)
        let destinations = try resyncDestinations(query, from: bucket)
        var request = CreateJobRequest(
            report: BatchJobReport(),
            clientRequestToken: "resync-\(time.wallMilliseconds())-\(time.monotonicNanoseconds())",
            manifest: BatchManifestGenerator(sourceBucketARN: "arn:aws:s3:::\(bucket.name)"), priority: 10,
            roleARN: bucket.replication?.role ?? "")
        request.manifest.filter.eligibleForReplication = true
        request.description = "meridian resync"
        request.confirmationRequired = true
        let job = try await jobs.create(request, account: bucket.owner.account, destinations: destinations)
        return report(job, location.region)
    }

    private func resyncDestinations(_ query: QueryItems, from bucket: Bucket) throws -> [BucketName]? {
        let rules = bucket.replication?.rules.filter(\.isEnabled) ?? []
        let known = Set(rules.map(\.destination.bucket))
        let wanted: [BucketName]
        switch (query["to"].flatMap { $0.isEmpty ? nil : $0 }, query["access-point"].flatMap { $0.isEmpty ? nil : $0 })
        {
        case (nil, nil): return nil
        case (let text?, nil): wanted = [try self.location(text).name]
        case (nil, let name?):
            wanted = try accessPoint(name).members.map(\.bucket).filter { $0 != bucket.name }
        case (_?, let name?):
            throw S3Error.argument("Give 'to' or 'access-point', not both.", name: "access-point", value: name)
        }
        if let missing = wanted.first(where: { !known.contains($0) }) {
            throw S3Error(
                .invalidRequest,
                "No enabled rule of \(bucket.name) leads to \(missing). Write one first, for example with 'meridian replication mesh'."
            )
        }
        return wanted
    }

    func resync(_ query: QueryItems) async throws -> ResyncReport {
        let location = try location(try required("bucket", query))
        return report(
            try await jobs.job(try required("job", query), account: location.owner.account), location.region)
    }

    func decideResync(_ query: QueryItems, _ status: String) async throws -> ResyncReport {
        let location = try location(try required("bucket", query))
        let job = try await jobs.setStatus(
            try required("job", query), account: location.owner.account, to: status, reason: nil)
        return report(job, location.region)
    }

    private func report(_ job: BatchJob, _ region: RegionName) -> ResyncReport {
        ResyncReport(
            job: job.id, bucket: job.source?.rawValue ?? "", region: region.rawValue, destinations: job.destinations,
            status: job.status.rawValue, isFinal: job.status.isFinal, versions: job.progress.total,
            bytes: job.progress.totalBytes, succeeded: job.progress.succeeded, succeededBytes: job.progress.bytes,
            failed: job.progress.failed, reasons: job.failures.map(\.reason))
    }
}
