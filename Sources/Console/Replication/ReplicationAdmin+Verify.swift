import AccessPoints
import Cluster
import Gateway
import Replication
import S3Model
import Storage

extension ReplicationAdmin {
    /// The parameters name an access point (`name`) or buckets (`buckets`, separated by commas); of one bucket the others
    /// are those that it replicates to and from. With `records=true` every record is read.
    func verify(_ query: QueryItems, repairs: Bool) async throws -> VerifyReport {
        let members = try await compared(query)
        guard members.count > 1 else {
            throw S3Error(.invalidRequest, "There is nothing to compare with: name two buckets or more.")
        }
        let verifier = BucketVerifier(
            try members.map { .init(store: try verifiedRegion($0.region), bucket: $0.bucket.name) })
        let page = try await verifier.page(
            after: try cursor(query["after"]), repairs: repairs, readsRecords: query["records"] == "true")
        let names = Set(members.map(\.bucket.name))
        return VerifyReport(
            members: zip(members, page.roots).map { member, root in
                VerifyReport.Member(
                    bucket: member.bucket.name.rawValue, region: member.region.rawValue,
                    versions: root.versions, digest: root.digest.hex)
            },
            isEqual: page.comparison.isEqual, differingSlots: page.comparison.differingSlots.count,
            exchangedBytes: page.comparison.exchangedBytes, visited: page.visited,
            findings: page.findings.map(VerifyReport.Finding.init), next: page.next.map(Self.text),
            isWithoutRules: !members.contains { member in
                member.bucket.replication?.rules.contains {
                    $0.isEnabled && $0.destination.bucket != member.bucket.name && names.contains($0.destination.bucket)
                } ?? false
            })
    }

    /// Throws `ServiceUnavailable` when a region does not answer: without it nothing is proved.
    private func compared(_ query: QueryItems) async throws -> [(region: RegionName, bucket: Bucket)] {
        if let name = query["name"], !name.isEmpty {
            return try await located(try accessPoint(name)).map { ($0.location.region, $0.bucket) }
        }
        var seen: Set<BucketName> = []
        var named = try required("buckets", query).split(separator: ",").map { try location(String($0)) }
            .filter { seen.insert($0.name).inserted }
        if named.count == 1, let only = named.first {
            let neighbours = await neighbours(of: only)
            if let missing = neighbours.unreachable?.first {
                throw S3Error(
                    .serviceUnavailable,
                    "Region \(missing.region) cannot be asked which buckets belong to \(only.name): \(missing.reason). Verify "
                        + "again when it answers, or name the buckets to compare, of regions that do.")
            }
            named += neighbours.locations
        }
        var members: [(region: RegionName, bucket: Bucket)] = []
        for location in named { members.append((location.region, try await bucket(at: location))) }
        return members
    }

    /// A stamp in 32 hexadecimal digits, then the key, also in hexadecimal digits.
    private static func text(_ position: VersionPosition) -> String {
        Hex.encode(position.stamp.bytes) + Hex.encode(Array(position.key.rawValue.utf8))
    }

    private func cursor(_ text: String?) throws(S3Error) -> VersionPosition? {
        guard let text, !text.isEmpty else { return nil }
        guard let bytes = Hex.decode(text), bytes.count > VersionStamp.byteCount,
            let stamp = VersionStamp(bytes: Array(bytes.prefix(VersionStamp.byteCount))),
            let name = String(validating: bytes.dropFirst(VersionStamp.byteCount), as: UTF8.self),
            let key = ObjectKey(name)
        else {
            throw .argument("The parameter 'after' is the 'next' of an earlier answer.", name: "after", value: text)
        }
        return VersionPosition(key: key, stamp: stamp)
    }
}

extension VerifyReport.Finding {
    fileprivate init(_ finding: Finding) {
        self.init(
            verdict: finding.verdict.rawValue, key: finding.position.key.rawValue,
            versionID: finding.versionID.description, isDeleteMarker: finding.isDeleteMarker,
            bucket: finding.bucket.rawValue, source: finding.source?.rawValue, isPromised: finding.isPromised,
            rule: finding.rule, reason: finding.reason, isRepaired: finding.isRepaired,
            isDifference: finding.isDifference)
    }
}
