import AccessPoints
import Gateway
import Replication
import S3Model
import Storage

extension ReplicationAdmin {
    /// The parameters name an access point (`name`) or buckets (`buckets`, separated by commas); of one bucket the others
    /// are those that it replicates to and from.
    func verify(_ query: QueryItems, repairs: Bool) async throws -> VerifyReport {
        let members = try verified(query)
        guard members.count > 1 else {
            throw S3Error(.invalidRequest, "There is nothing to compare with: name two buckets or more.")
        }
        let verifier = BucketVerifier(members.map { .init(store: $0.store, bucket: $0.bucket.name) })
        let page = try await verifier.page(after: try cursor(query["after"]), repairs: repairs)
        let names = Set(members.map(\.bucket.name))
        return VerifyReport(
            members: zip(members, page.roots).map { member, root in
                VerifyReport.Member(
                    bucket: member.bucket.name.rawValue, region: member.store.region.rawValue,
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

    private func verified(_ query: QueryItems) throws -> [(store: RegionStore, bucket: Bucket)] {
        if let name = query["name"], !name.isEmpty {
            return try accessPoint(name).members.map { try location($0.bucket.rawValue) }
        }
        var seen: Set<BucketName> = []
        let named = try required("buckets", query).split(separator: ",").map { try location(String($0)) }
            .filter { seen.insert($0.bucket.name).inserted }
        guard named.count == 1, let only = named.first else { return named }
        return [only] + (try neighbours(of: only.bucket))
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
            bucket: finding.bucket.rawValue, source: finding.source.rawValue, isPromised: finding.isPromised,
            rule: finding.rule, reason: finding.reason, isRepaired: finding.isRepaired,
            isDifference: finding.isDifference)
    }
}
