package import Cluster
package import Environment
package import Replication
package import S3Model
package import Storage

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What the commands `meridian replication …` need of one region, in the process that has it.
package struct RegionAdmin: Sendable {
    static let conflictsShown = 1_000

    let store: RegionStore
    /// `nil` where nothing is sent from.
    let service: ReplicationService?
    let locate: @Sendable (BucketName) -> BucketLocation?
    /// All regions of the installation, for the names of stamps.
    let names: [RegionName]
    let time: any TimeSource

    package init(
        store: RegionStore, service: ReplicationService?,
        locate: @escaping @Sendable (BucketName) -> BucketLocation?, names: [RegionName], time: any TimeSource
    ) {
        self.store = store
        self.service = service
        self.locate = locate
        self.names = names
        self.time = time
    }

    /// JSON. Throws `S3Error` for what cannot be done, and what the store throws.
    func answer(_ call: AdminCall) async throws -> [UInt8] {
        switch (call.method, call.path) {
        case ("GET", "replication/status"): try encode(status())
        case ("GET", "replication/object"): try encode(object(call))
        case ("GET", "replication/failures"): try encode(failures(call))
        case ("POST", "replication/retry"): try encode(await retry(call))
        case ("GET", "replication/conflicts"): try encode(conflicts(call))
        case ("GET", "buckets"): try encode(BucketsReport(store.listBuckets()))
        case ("POST", "bucket/versioning"): try encode(await enableVersioning(call))
        case ("POST", "bucket/replication"): try encode(await setReplication(call))
        default:
            throw S3Error(.methodNotAllowed, "There is no command \(call.method.prefix(8)) \(call.path.prefix(80)).")
        }
    }

    private func encode(_ report: some Encodable) throws -> [UInt8] { Array(try JSONEncoder().encode(report)) }

    /// All buckets of the region, or the one that is named.
    private func buckets(_ call: AdminCall) throws -> [Bucket] {
        call.query["bucket"] == nil ? store.listBuckets() : [try store.bucket(try call.bucket())]
    }

    /// The name of the region whose part of a stamp this is, when it is one of the installation.
    func origin(of stamp: VersionStamp) -> String? { names.first { $0.stampID == stamp.region }?.rawValue }

    // MARK: Failures and conflicts

    private func failures(_ call: AdminCall) throws -> FailureReport {
        let bucket = try store.bucket(try call.bucket())
        let after = call.query["after"].flatMap { Int64($0) } ?? 0
        let found = try store.failures(of: bucket.name, after: after, limit: 1_000)
        return FailureReport(
            bucket: bucket.name.rawValue,
            failures: found.map { failure in
                FailureReport.Failure(
                    id: failure.id, key: failure.entry.key.rawValue,
                    versionID: VersionID.stamp(failure.entry.stamp).description,
                    destination: failure.entry.destination.rawValue, rule: failure.entry.ruleID,
                    reason: failure.reason, attempts: failure.entry.attempts, failed: failure.failed.milliseconds)
            })
    }

    private func retry(_ call: AdminCall) async throws -> RetryReport {
        var report = RetryReport(buckets: [])
        for bucket in try buckets(call) {
            let outcome = try await store.retryFailures(of: bucket.name)
            guard outcome.retried + outcome.withoutRule + outcome.damaged > 0 else { continue }
            report.buckets.append(
                .init(
                    bucket: bucket.name.rawValue, retried: outcome.retried, withoutRule: outcome.withoutRule,
                    damaged: outcome.damaged))
        }
        return report
    }

    private func conflicts(_ call: AdminCall) throws -> ConflictReport {
        var report = ConflictReport(conflicts: [], isTruncated: false)
        for bucket in try buckets(call) {
            let found = try store.conflicts(in: bucket.name, limit: Self.conflictsShown + 1)
            report.isTruncated = report.isTruncated || found.count > Self.conflictsShown
            report.conflicts += found.prefix(Self.conflictsShown).map { conflict in
                ConflictReport.Conflict(
                    bucket: bucket.name.rawValue, region: store.region.rawValue, key: conflict.key.rawValue,
                    winner: VersionID.stamp(conflict.winner).description,
                    loser: VersionID.stamp(conflict.loser).description, loserRegion: origin(of: conflict.loser),
                    found: conflict.found.milliseconds)
            }
        }
        return report
    }

    // MARK: Settings of buckets

    private func enableVersioning(_ call: AdminCall) async throws -> BucketsReport {
        let name = try call.bucket()
        try await store.setVersioning(.enabled, bucket: name)
        return BucketsReport([try store.bucket(name)])
    }

    /// The body is the bucket as it is to be; only its rules are taken.
    private func setReplication(_ call: AdminCall) async throws -> BucketsReport {
        let name = try call.bucket()
        guard let body = call.body, let wanted = VerificationAnswer.bucket(Array(body), name: name) else {
            throw S3Error(.invalidRequest, "The body is no bucket with rules.")
        }
        try await store.setReplication(wanted.replication, bucket: name)
        return BucketsReport([try store.bucket(name)])
    }
}

/// Buckets as one process tells another of them.
struct BucketsReport: Codable {
    struct Entry: Codable {
        var name: String
        /// As ``VerificationAnswer`` has it.
        var record: Data
    }

    var version = 1
    var buckets: [Entry]

    init(_ buckets: [Bucket]) {
        self.buckets = buckets.map { Entry(name: $0.name.rawValue, record: Data(VerificationAnswer.encode($0))) }
    }

    /// Throws `ServiceUnavailable` for records of another version than this program's.
    func decoded() throws(S3Error) -> [Bucket] {
        var decoded: [Bucket] = []
        for entry in buckets {
            guard let name = BucketName(entry.name),
                let bucket = VerificationAnswer.bucket(Array(entry.record), name: name)
            else { throw S3Error(.serviceUnavailable, "The bucket '\(entry.name.prefix(80))' cannot be read.") }
            decoded.append(bucket)
        }
        return decoded
    }
}
