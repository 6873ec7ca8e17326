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

    /// The regions of this process.
    package let regions: [RegionName: RegionAdmin]
    /// The processes that have the other regions.
    let peers: [RegionName: any PeerCalling]
    /// All regions, for comparing buckets.
    let verified: [RegionName: any VerifiedRegion]
    let directory: BucketDirectory
    let table: RoutingTable
    let registry: AccessPointRegistry
    let limits: BandwidthLimits
    let jobs: BatchJobRegistry
    let time: any TimeSource

    /// - Parameters:
    ///   - stores: the regions of this process, and `services` what sends from them.
    ///   - peers: the processes that have the other regions.
    package init(
        stores: [RegionName: RegionStore], services: [ReplicationService],
        peers: [RegionName: any PeerCalling] = [:], directory: BucketDirectory,
        table: RoutingTable, registry: AccessPointRegistry, limits: BandwidthLimits, jobs: BatchJobRegistry,
        time: any TimeSource
    ) {
        let names = Set(stores.keys).union(peers.keys).sorted()
        regions = stores.mapValues { store in
            RegionAdmin(
                store: store, service: services.first { $0.region == store.region },
                locate: { directory.location(of: $0) }, names: names, time: time)
        }
        self.peers = peers.filter { stores[$0.key] == nil }
        var verified = stores.mapValues { $0 as any VerifiedRegion }
        for (name, peer) in self.peers { verified[name] = RemoteRegion(name, at: peer, time: time) }
        self.verified = verified
        self.directory = directory
        self.table = table
        self.registry = registry
        self.limits = limits
        self.jobs = jobs
        self.time = time
    }

    package func perform(method: String, path: String, query: QueryItems) async throws -> [UInt8] {
        switch (method, path) {
        case ("GET", "replication/status"): try encode(await status())
        case ("GET", "replication/object"): try encode(await object(query))
        case ("GET", "replication/failures"): try encode(await failures(query))
        case ("POST", "replication/retry"): try encode(await retry(query))
        case ("POST", "replication/limit"): try encode(await limit(query))
        case ("GET", "replication/conflicts"): try encode(await conflicts(query))
        case ("GET", "replication/mesh"): try encode(await meshPlan(query).report)
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
        guard let region = RegionName(text), names.contains(region) else {
            throw S3Error.argument(
                "There is no region '\(text.prefix(80))'; there are "
                    + "\(names.map(\.rawValue).joined(separator: ", ")).", name: name, value: text)
        }
        return region
    }

    /// In name order.
    var names: [RegionName] { verified.keys.sorted() }

    func location(_ text: String) throws(S3Error) -> BucketLocation {
        guard let name = BucketName(text), let location = directory.location(of: name) else {
            throw S3Error(.noSuchBucket, fields: [.init("BucketName", text)])
        }
        return location
    }

    /// The bucket as its region has it now. Throws `ServiceUnavailable` when that cannot be asked.
    func bucket(at location: BucketLocation) async throws -> Bucket {
        try await verifiedRegion(location.region).bucket(location.name)
    }

    func verifiedRegion(_ name: RegionName) throws(S3Error) -> any VerifiedRegion {
        guard let region = verified[name] else {
            throw S3Error(.serviceUnavailable, "The region \(name) is not served by this installation.")
        }
        return region
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
}

extension S3Error {
    static func argument(_ message: String, name: String, value: String) -> S3Error {
        S3Error(
            .invalidArgument, message,
            fields: [.init("ArgumentName", name), .init("ArgumentValue", String(value.prefix(80)))])
    }
}

// MARK: Limits and settings

extension ReplicationAdmin {
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
