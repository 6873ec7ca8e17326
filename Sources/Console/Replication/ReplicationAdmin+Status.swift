import AccessPoints
import Cluster
import Gateway
import S3Model
import Storage

extension ReplicationAdmin {
    func status() async -> ReplicationReport {
        let answers = await askAll(ReplicationReport.self, "GET", "replication/status")
        var report = ReplicationReport(rules: [], links: [])
        for answer in answers.reports {
            report.rules += answer.report.rules
            report.links += answer.report.links
        }
        report.unreachable = answers.unreachable
        return report
    }

    func failures(_ query: QueryItems) async throws -> FailureReport {
        let location = try location(try required("bucket", query))
        return try await ask(
            FailureReport.self, location.region, "GET", "replication/failures",
            ["bucket": location.name.rawValue, "after": query["after"] ?? "0"])
    }

    func retry(_ query: QueryItems) async throws -> RetryReport {
        if let location = try namedBucket(query) {
            return try await ask(
                RetryReport.self, location.region, "POST", "replication/retry", ["bucket": location.name.rawValue])
        }
        let answers = await askAll(RetryReport.self, "POST", "replication/retry")
        var report = RetryReport(buckets: answers.reports.flatMap(\.report.buckets))
        report.unreachable = answers.unreachable
        return report
    }

    func conflicts(_ query: QueryItems) async throws -> ConflictReport {
        if let location = try namedBucket(query) {
            return try await ask(
                ConflictReport.self, location.region, "GET", "replication/conflicts",
                ["bucket": location.name.rawValue])
        }
        let answers = await askAll(ConflictReport.self, "GET", "replication/conflicts")
        var report = ConflictReport(
            conflicts: answers.reports.flatMap(\.report.conflicts),
            isTruncated: answers.reports.contains { $0.report.isTruncated })
        report.unreachable = answers.unreachable
        return report
    }

    private func namedBucket(_ query: QueryItems) throws(S3Error) -> BucketLocation? {
        guard let name = query["bucket"], !name.isEmpty else { return nil }
        return try location(name)
    }
}

// MARK: One object

extension ReplicationAdmin {
    /// The parameter `object` is BUCKET/KEY, or an access point's name or alias and a key.
    func object(_ query: QueryItems) async throws -> ObjectReport {
        let text = try required("object", query)
        guard let slash = text.firstIndex(of: "/"), let key = ObjectKey(String(text[text.index(after: slash)...])),
            !key.rawValue.isEmpty
        else {
            throw S3Error.argument(
                "An object is named as BUCKET/KEY or ACCESS-POINT/KEY.", name: "object", value: text)
        }
        let (locations, unreachable) = try await related(String(text[..<slash]))
        let regions = await inParallel(locations) { location in
            do {
                return try await ask(
                    ObjectReport.Region.self, location.region, "GET", "replication/object",
                    ["bucket": location.name.rawValue, "key": key.rawValue])
            } catch {
                return ObjectReport.Region(
                    region: location.region.rawValue, bucket: location.name.rawValue, versions: [],
                    trouble: Self.reason(error))
            }
        }
        let histories = Set(regions.map { $0.versions.map { "\($0.versionID) \($0.isCurrent) \($0.etag ?? "")" } })
        let isQuiet = regions.allSatisfy { $0.trouble == nil && $0.versions.allSatisfy(\.work.isEmpty) }
        return ObjectReport(
            key: key.rawValue, regions: regions, isSame: histories.count == 1 && isQuiet && unreachable == nil,
            unreachable: unreachable)
    }

    /// The members of an access point, or a bucket with all that it replicates to and from; and the regions that could
    /// not be asked whether they have such.
    private func related(_ name: String) async throws -> (locations: [BucketLocation], [UnreachableRegion]?) {
        if let entry = try? accessPoint(name) {
            return (entry.members.compactMap { directory.location(of: $0.bucket) }, nil)
        }
        let start = try location(name)
        let neighbours = await neighbours(of: start)
        return ([start] + neighbours.locations, neighbours.unreachable)
    }

    /// The buckets that a bucket replicates to and from, in the order of regions and names.
    func neighbours(
        of start: BucketLocation
    ) async -> (locations: [BucketLocation], unreachable: [UnreachableRegion]?) {
        let all = await askAll([Bucket].self, "GET", "buckets") { try $0.decode(BucketsReport.self).decoded() }
        let own = all.reports.flatMap(\.report).first { $0.name == start.name }
        var found: [BucketLocation] = []
        for (region, buckets) in all.reports {
            for bucket in buckets where bucket.name != start.name {
                let leadsHere = bucket.replication?.rules.contains { $0.destination.bucket == start.name }
                let leadsThere = own?.replication?.rules.contains { $0.destination.bucket == bucket.name }
                guard leadsHere == true || leadsThere == true else { continue }
                found.append(BucketLocation(name: bucket.name, region: region, owner: bucket.owner))
            }
        }
        // Destinations in regions that do not answer.
        for rule in own?.replication?.rules ?? [] {
            guard let location = directory.location(of: rule.destination.bucket), location.name != start.name,
                !found.contains(where: { $0.name == location.name })
            else { continue }
            found.append(location)
        }
        return (found, all.unreachable)
    }
}
