/// What `/-/status` tells, as plain values; also what `meridian status` reads. Numbers about replication come from the
/// outbox itself, so they are exact.
package struct StatusReport: Sendable, Codable, Hashable {
    /// The version of this form of report.
    package static let currentVersion = 1

    package struct Region: Sendable, Codable, Hashable {
        package var name: String
        package var isHome: Bool
        /// Whether its store answers and can take writes.
        package var isHealthy: Bool
        package var buckets: Int
        /// Why it is not healthy, in words.
        package var detail: String?
        package var latitude: Double?
        package var longitude: Double?
        /// Where its process listens; `nil` for a region of the process that was asked.
        package var address: String?
        /// Whether that process answers; `nil` for a region of the process that was asked.
        package var answers: Bool?
        /// Versions of its buckets that were given up and are FAILED until they are retried; `nil` when it cannot be read.
        package var failedVersions: Int64?

        package init(
            name: String, isHome: Bool, isHealthy: Bool, buckets: Int, detail: String? = nil, latitude: Double? = nil,
            longitude: Double? = nil
        ) {
            self.name = name
            self.isHome = isHome
            self.isHealthy = isHealthy
            self.buckets = buckets
            self.detail = detail
            self.latitude = latitude
            self.longitude = longitude
        }
    }

    package struct Route: Sendable, Codable, Hashable {
        package var bucket: String
        package var region: String
        /// 0...100; 0 is passive.
        package var trafficDial: Int

        package init(bucket: String, region: String, trafficDial: Int) {
            self.bucket = bucket
            self.region = region
            self.trafficDial = trafficDial
        }
    }

    package struct AccessPoint: Sendable, Codable, Hashable {
        package var name: String
        package var alias: String
        package var account: String
        /// As S3 Control has it: READY, CREATING, DELETING …
        package var status: String
        package var routes: [Route]

        package init(name: String, alias: String, account: String, status: String, routes: [Route]) {
            self.name = name
            self.alias = alias
            self.account = account
            self.status = status
            self.routes = routes
        }
    }

    /// What waits, or was given up, for one rule of a bucket.
    package struct Replication: Sendable, Codable, Hashable {
        package var sourceRegion: String
        package var sourceBucket: String
        package var destination: String
        package var rule: String
        /// Work of a disabled rule waits until the rule is enabled. `nil` for a rule that is gone.
        package var isEnabled: Bool?
        package var pendingVersions: Int64
        package var pendingBytes: Int64
        /// Age of the oldest waiting version; what would be lost if the source were lost now.
        package var oldestAgeMilliseconds: Int64
        /// Waiting versions that have failed at least once.
        package var retrying: Int64
        /// Versions given up: FAILED until they are retried.
        package var failedVersions: Int64

        package init(
            sourceRegion: String, sourceBucket: String, destination: String, rule: String, isEnabled: Bool?,
            pendingVersions: Int64, pendingBytes: Int64, oldestAgeMilliseconds: Int64, retrying: Int64,
            failedVersions: Int64 = 0
        ) {
            self.sourceRegion = sourceRegion
            self.sourceBucket = sourceBucket
            self.destination = destination
            self.rule = rule
            self.isEnabled = isEnabled
            self.pendingVersions = pendingVersions
            self.pendingBytes = pendingBytes
            self.oldestAgeMilliseconds = oldestAgeMilliseconds
            self.retrying = retrying
            self.failedVersions = failedVersions
        }

        /// With what has to be known about a rule that is not at work.
        package var ruleText: String { RuleBacklog.text(rule, isEnabled: isEnabled) }
    }

    /// Since the process started.
    package struct Operation: Sendable, Codable, Hashable {
        package var name: String
        package var count: UInt64
        package var clientErrors: UInt64
        package var serverErrors: UInt64
        /// Upper bounds of histogram buckets.
        package var p50Milliseconds: Double?
        package var p99Milliseconds: Double?

        package init(
            name: String, count: UInt64, clientErrors: UInt64, serverErrors: UInt64, p50Milliseconds: Double?,
            p99Milliseconds: Double?
        ) {
            self.name = name
            self.count = count
            self.clientErrors = clientErrors
            self.serverErrors = serverErrors
            self.p50Milliseconds = p50Milliseconds
            self.p99Milliseconds = p99Milliseconds
        }
    }

    package var version: Int
    /// For example `meridian 0.1.0`.
    package var server: String
    package var uptimeMilliseconds: Int64
    package var listeners: [String]
    package var regions: [Region]
    package var accessPoints: [AccessPoint]
    /// Only rules for which something waits or has failed.
    package var replication: [Replication]
    /// Of all regions that can be read.
    package var failedVersions: Int64
    package var operations: [Operation]
    /// Regions that have data in the server's folder but are not configured, so that their buckets are not served; left out
    /// when there are none.
    package var unservedRegions: [String]?

    package init(
        server: String, uptimeMilliseconds: Int64, listeners: [String], regions: [Region],
        accessPoints: [AccessPoint], replication: [Replication], operations: [Operation]
    ) {
        version = Self.currentVersion
        self.server = server
        self.uptimeMilliseconds = uptimeMilliseconds
        self.listeners = listeners
        self.regions = regions
        self.accessPoints = accessPoints
        self.replication = replication
        failedVersions = replication.reduce(0) { $0 + $1.failedVersions }
        self.operations = operations
    }

    /// Every region's store answers and can take writes, those of other processes too. Replication that is behind or has
    /// failed is work, not illness.
    package var isHealthy: Bool { !regions.isEmpty && regions.allSatisfy(\.isHealthy) }

    /// What a person should look at, in plain sentences.
    package var attention: [String] {
        var out = regions.filter { !$0.isHealthy }.map { region in
            let reason = region.detail ?? "unknown"
            return region.answers == false
                ? "The process of region \(region.name) does not answer: \(reason)."
                : "Region \(region.name) is not healthy: \(reason)."
        }
        for region in unservedRegions ?? [] {
            out.append("Region \(region) has data here but is not configured: its buckets are not served.")
        }
        for item in replication where item.retrying > 0 {
            out.append(
                "Replication from \(item.sourceBucket) to \(item.destination) is being retried for \(item.retrying) "
                    + (item.retrying == 1 ? "version." : "versions."))
        }
        return out + failedSentences
    }

    /// One for each bucket, in order of names.
    private var failedSentences: [String] {
        let failed = replication.filter { $0.failedVersions > 0 }
        return Dictionary(grouping: failed, by: \.sourceBucket).sorted { $0.key < $1.key }.map { bucket, items in
            let count = items.reduce(0) { $0 + $1.failedVersions }
            return Quantity.count(count, "version") + " of \(bucket) FAILED to replicate: see `meridian replication "
                + "failures \(bucket)`."
        }
    }

    /// What the heading says beside the health: empty when nothing has failed.
    package var failedText: String {
        failedVersions == 0 ? "" : ", \(Quantity.count(failedVersions, "version")) FAILED to replicate"
    }

    /// What is said when nothing waits and nothing has failed, as far as that is known.
    package var quietText: String {
        regions.contains { $0.failedVersions == nil }
            ? "nothing waits in the regions that can be read" : "nothing waits"
    }
}

/// Where the console takes its report from; the composition implements it.
package protocol StatusSource: Sendable {
    /// The state now. Must not fail: what cannot be read is said in the report.
    func statusReport() async -> StatusReport

    /// Whether this process is well: the regions that it has itself. Asks nobody else, so that the loss of one process
    /// does not make the others look ill to who watches over them.
    func isHealthy() async -> Bool
}
