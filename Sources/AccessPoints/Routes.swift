package import S3Model

/// How much traffic each member takes (spec/mrap.md §6.9): one small record that is swapped as a whole (DESIGN §5.4).
package struct Routes: Sendable, Hashable {
    package struct Dial: Sendable, Hashable {
        package let bucket: BucketName
        package let region: RegionName
        /// 0 (passive) ... 100; what lies between is DESIGN §5.5.
        package let percentage: Int

        package init(bucket: BucketName, region: RegionName, percentage: Int) {
            self.bucket = bucket
            self.region = region
            self.percentage = percentage
        }
    }

    /// 1 at creation, one more with every submit.
    package let version: Int64
    /// When this version was submitted.
    package let changed: Timestamp
    /// In the order of the access point's members.
    package let dials: [Dial]

    package init(version: Int64, changed: Timestamp, dials: [Dial]) {
        self.version = version
        self.changed = changed
        self.dials = dials
    }
}

/// One entry of SubmitMultiRegionAccessPointRoutes, as it came: the bucket or the region, or both, which must then belong
/// together.
package struct RouteUpdate: Sendable, Hashable {
    package let bucket: String?
    package let region: String?
    package let percentage: Int

    package init(bucket: String? = nil, region: String? = nil, percentage: Int) {
        self.bucket = bucket
        self.region = region
        self.percentage = percentage
    }
}

extension Routes {
    /// The most entries of one submit (spec/mrap.md §3).
    static let maximumUpdates = 17

    /// The next version, or the error S3 gives (spec/mrap.md §6.10): members that are not named keep their dial, and at
    /// least one has to stay active. Pure.
    package func applying(_ updates: [RouteUpdate], now: Timestamp) throws(S3Error) -> Routes {
        guard dials.count > 1 else {
            throw S3Error(
                .methodNotAllowed, "An access point with a single region has no routes to change: failover needs two.")
        }
        guard !updates.isEmpty, updates.count <= Self.maximumUpdates else {
            throw Self.invalid("RouteUpdates must have 1 to \(Self.maximumUpdates) entries, not \(updates.count).")
        }
        var next: [RegionName: Int] = [:]
        for update in updates {
            let dial = try member(named: update)
            guard (0...100).contains(update.percentage) else {
                throw Self.invalid(
                    "TrafficDialPercentage of \(dial.region) must be 0 to 100, not \(update.percentage).")
            }
            guard next.updateValue(update.percentage, forKey: dial.region) == nil else {
                throw Self.invalid("Region \(dial.region) is named more than once.")
            }
        }
        let changed = dials.map {
            Dial(bucket: $0.bucket, region: $0.region, percentage: next[$0.region] ?? $0.percentage)
        }
        guard changed.contains(where: { $0.percentage > 0 }) else {
            throw Self.invalid("At least one region must stay active: every TrafficDialPercentage would be 0.")
        }
        return Routes(version: version + 1, changed: now, dials: changed)
    }

    private func member(named update: RouteUpdate) throws(S3Error) -> Dial {
        let found: Dial?
        switch (update.bucket, update.region) {
        case (nil, nil): throw Self.invalid("Each route must name its Bucket or its Region.")
        case (let bucket?, nil): found = dials.first { $0.bucket.rawValue == bucket }
        case (nil, let region?): found = dials.first { $0.region.rawValue == region }
        case (let bucket?, let region?):
            found = dials.first { $0.bucket.rawValue == bucket && $0.region.rawValue == region }
        }
        guard let found else {
            let asked = [update.bucket.map { "bucket \($0)" }, update.region.map { "region \($0)" }]
            let members = dials.map { "\($0.bucket) in \($0.region)" }.joined(separator: ", ")
            throw Self.invalid(
                "No member is \(asked.compactMap(\.self).joined(separator: " in ")). The members are \(members).")
        }
        return found
    }

    private static func invalid(_ message: String) -> S3Error { S3Error(.invalidRequest, message) }
}
