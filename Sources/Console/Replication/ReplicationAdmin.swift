package import AccessPoints
package import Cluster
package import Environment
package import Gateway
package import Replication
package import S3Model
package import Storage

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What the commands `meridian replication …` ask for; one file per group of commands extends this.
package struct ReplicationAdmin: AdminResponding {
    /// Versions of one key shown per region.
    package static let versionsShown = 20

    let stores: [RegionName: RegionStore]
    let services: [ReplicationService]
    let directory: BucketDirectory
    let table: RoutingTable
    let registry: AccessPointRegistry
    let limits: BandwidthLimits
    let jobs: BatchJobRegistry
    let time: any TimeSource

    package init(
        stores: [RegionName: RegionStore], services: [ReplicationService], directory: BucketDirectory,
        table: RoutingTable, registry: AccessPointRegistry, limits: BandwidthLimits, jobs: BatchJobRegistry,
        time: any TimeSource
    ) {
        self.stores = stores
        self.services = services
        self.directory = directory
        self.table = table
        self.registry = registry
        self.limits = limits
        self.jobs = jobs
        self.time = time
    }

    package func perform(method: String, path: String, query: QueryItems) async throws -> [UInt8] {
        switch (method, path) {
        case ("GET", "replication/status"): try encode(status())
        case ("GET", "replication/object"): try encode(object(query))
        case ("GET", "replication/failures"): try encode(failures(query))
        case ("POST", "replication/retry"): try encode(await retry(query))
        case ("POST", "replication/limit"): try encode(await limit(query))
        case ("GET", "replication/conflicts"): try encode(conflicts(query))
        case ("GET", "replication/mesh"): try encode(meshPlan(query).report)
        case ("POST", "replication/mesh"): try encode(await applyMesh(query))
        case ("POST", "resync"): try encode(await startResync(query))
        case ("GET", "resync"): try encode(await resync(query))
        case ("POST", "resync/confirm"): try encode(await decideResync(query, "Ready"))
        case ("POST", "resync/cancel"): try encode(await decideResync(query, "Cancelled"))
        case ("POST", "access-point/reads"): try encode(await setReads(query))
        case ("GET", "verify"): try encode(await verify(query, repairs: false))
        case ("POST", "verify"): try encode(await verify(query, repairs: true))
        default:
            throw S3Error(.methodNotAllowed, "There is no command \(method) \(path.prefix(80)).")
        }
    }

    private func encode(_ report: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        return Array(try encoder.encode(report))
    }

    // MARK: What the commands name

    func required(_ name: String, _ query: QueryItems) throws(S3Error) -> String {
        guard let value = query[name], !value.isEmpty else {
            throw S3Error.argument("The parameter '\(name)' is missing.", name: name, value: "")
        }
        return value
    }

    func region(_ name: String, _ query: QueryItems) throws(S3Error) -> RegionName {
        let text = try required(name, query)
        guard let region = RegionName(text), stores[region] != nil else {
            let known = stores.keys.sorted().map(\.rawValue).joined(separator: ", ")
            throw S3Error.argument(
                "There is no region '\(text.prefix(80))'; there are \(known).", name: name, value: text)
        }
        return region
    }

    func location(_ text: String) throws(S3Error) -> (store: RegionStore, bucket: Bucket) {
        guard let name = BucketName(text), let location = directory.location(of: name),
            let store = stores[location.region]
        else { throw S3Error(.noSuchBucket, fields: [.init("BucketName", text)]) }
        return (store, try store.bucket(name))
    }

    /// All buckets, or the one that is named.
    func buckets(_ query: QueryItems) throws(S3Error) -> [(store: RegionStore, bucket: Bucket)] {
        if let name = query["bucket"], !name.isEmpty { return [try location(name)] }
        return stores.values.sorted { $0.region < $1.region }.flatMap { store in
            store.listBuckets().map { (store, $0) }
        }
    }

    func accessPoint(_ reference: String) throws(S3Error) -> RoutingEntry {
        let found = table.entries().first {
            $0.accessPoint.name.rawValue == reference || $0.accessPoint.alias.rawValue == reference
        }
        guard let found else {
            throw S3Error(.noSuchMultiRegionAccessPoint, fields: [.init("Name", reference)])
        }
        return found
    }

    /// The name of the region whose part of a stamp this is, when it is one of those here.
    func origin(of stamp: VersionStamp) -> String? {
        stores.keys.first { $0.stampID == stamp.region }?.rawValue
    }
}

extension S3Error {
    static func argument(_ message: String, name: String, value: String) -> S3Error {
        S3Error(
            .invalidArgument, message,
            fields: [.init("ArgumentName", name), .init("ArgumentValue", String(value.prefix(80)))])
    }
}

// MARK: Failures, limits, settings

extension ReplicationAdmin {
    func failures(_ query: QueryItems) throws -> FailureReport {
        let (store, bucket) = try location(try required("bucket", query))
        let after = query["after"].flatMap { Int64($0) } ?? 0
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

    func retry(_ query: QueryItems) async throws -> RetryReport {
        var report = RetryReport(buckets: [])
        for (store, bucket) in try buckets(query) {
            let outcome = try await store.retryFailures(of: bucket.name)
            guard outcome.retried + outcome.withoutRule > 0 else { continue }
            report.buckets.append(
                .init(
                    bucket: bucket.name.rawValue, retried: outcome.retried, withoutRule: outcome.withoutRule))
        }
        return report
    }

    func limit(_ query: QueryItems) async throws -> LimitReport {
        let from = try region("from", query)
        let to = try region("to", query)
        let text = try required("rate", query)
        let rate = text == "none" ? nil : Int64(text)
        guard text == "none" || (rate ?? 0) >= BandwidthLimits.least else {
            throw S3Error.argument(
                "The rate is 'none' or a number of bytes per second of at least \(BandwidthLimits.least).",
                name: "rate", value: text)
        }
        try await limits.set(from: from, to: to, bytesPerSecond: rate)
        return LimitReport(from: from.rawValue, to: to.rawValue, bytesPerSecond: rate)
    }

    func setReads(_ query: QueryItems) async throws -> ReadsReport {
        let entry = try accessPoint(try required("name", query))
        let text = try required("mode", query)
        guard let mode = ReadThroughMode(rawValue: text) else {
            let known = ReadThroughMode.allCases.map(\.rawValue).joined(separator: ", ")
            throw S3Error.argument("The mode is one of \(known).", name: "mode", value: text)
        }
        let point = try await registry.setReads(
            entry.accessPoint.name.rawValue, account: entry.accessPoint.account, mode: mode)
        return ReadsReport(accessPoint: point.name.rawValue, mode: mode.rawValue)
    }
}
