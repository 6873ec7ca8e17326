import AccessPoints
import Cluster
import Gateway
import Replication
import S3Model
import Storage

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension ReplicationAdmin {
    struct PlannedMesh {
        var plan: MeshPlan
        var members: [(region: RegionName, bucket: Bucket)]
        var report: MeshReport
    }

    func meshPlan(_ query: QueryItems) async throws -> PlannedMesh {
        let entry = try accessPoint(try required("name", query))
        let members = try await located(entry).map { (region: $0.location.region, bucket: $0.bucket) }
        let plan = MeshPlan(
            members: members.map { _, bucket in
                MeshPlan.Member(
                    bucket: bucket.name, account: bucket.owner.account, versioning: bucket.versioning,
                    replication: bucket.replication)
            })
        let report = MeshReport(
            accessPoint: entry.accessPoint.name.rawValue,
            members: zip(members, plan.changes).map { member, change in
                MeshReport.Member(
                    bucket: change.bucket.rawValue, region: member.region.rawValue, lines: change.lines)
            },
            isComplete: plan.isEmpty, carriesLess: plan.changes.contains(where: \.carriesLess),
            token: members.map { "\($0.bucket.id).\($0.bucket.revision)" }.joined(separator: "-"), isDone: false)
        return PlannedMesh(plan: plan, members: members, report: report)
    }

    /// Does the plan that the person has seen; any change of a member since makes it another plan, and nothing is done.
    func applyMesh(_ query: QueryItems) async throws -> MeshReport {
        var planned = try await meshPlan(query)
        guard try required("token", query) == planned.report.token else {
            throw S3Error(.preconditionFailed, "The members have changed since the plan was shown. Look at it again.")
        }
        // Every destination has to be versioned before the first rule leads to it.
        for (member, change) in zip(planned.members, planned.plan.changes) where change.enablesVersioning {
            _ = try await ask(
                BucketsReport.self, member.region, "POST", "bucket/versioning", ["bucket": change.bucket.rawValue])
        }
        let validator = ReplicationValidator(
            locate: { directory.location(of: $0) },
            versioning: { try await verified[$0.region]?.bucket($0.name).versioning })
        var changes: [(RegionName, Bucket)] = []
        for (member, change) in zip(planned.members, planned.plan.changes) {
            guard let configuration = change.configuration else { continue }
            var bucket = try await verifiedRegion(member.region).bucket(change.bucket)
            try await validator.validate(configuration, source: bucket)
            bucket.replication = configuration
            changes.append((member.region, bucket))
        }
        for (region, bucket) in changes {
            _ = try await ask(
                BucketsReport.self, region, "POST", "bucket/replication", ["bucket": bucket.name.rawValue],
                body: Data(VerificationAnswer.encode(bucket)))
        }
        planned.report.isDone = !planned.plan.isEmpty
        planned.report.isComplete = true
        return planned.report
    }

    /// The members of an access point with the buckets as they are now.
    func located(_ entry: RoutingEntry) async throws -> [(location: BucketLocation, bucket: Bucket)] {
        var found: [(location: BucketLocation, bucket: Bucket)] = []
        for member in entry.members {
            let location = try location(member.bucket.rawValue)
            found.append((location, try await bucket(at: location)))
        }
        return found
    }
}
