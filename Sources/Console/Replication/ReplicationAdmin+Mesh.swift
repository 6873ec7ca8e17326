import AccessPoints
import Cluster
import Gateway
import Replication
import S3Model
import Storage

extension ReplicationAdmin {
    struct PlannedMesh {
        var plan: MeshPlan
        var members: [(store: RegionStore, bucket: Bucket)]
        var report: MeshReport
    }

    func meshPlan(_ query: QueryItems) throws -> PlannedMesh {
        let entry = try accessPoint(try required("name", query))
        let members = try entry.members.map { try location($0.bucket.rawValue) }
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
                    bucket: change.bucket.rawValue, region: member.store.region.rawValue, lines: change.lines)
            },
            isComplete: plan.isEmpty,
            token: members.map { "\($0.bucket.id).\($0.bucket.revision)" }.joined(separator: "-"), isDone: false)
        return PlannedMesh(plan: plan, members: members, report: report)
    }

    /// Does the plan that the person has seen; any change of a member since makes it another plan, and nothing is done.
    func applyMesh(_ query: QueryItems) async throws -> MeshReport {
        var planned = try meshPlan(query)
        guard try required("token", query) == planned.report.token else {
            throw S3Error(.preconditionFailed, "The members have changed since the plan was shown. Look at it again.")
        }
        // Every destination has to be versioned before the first rule leads to it.
        for (member, change) in zip(planned.members, planned.plan.changes) where change.enablesVersioning {
            try await member.store.setVersioning(.enabled, bucket: change.bucket)
        }
        let validator = ReplicationValidator(
            locate: { directory.location(of: $0) },
            versioning: { try stores[$0.region]?.bucket($0.name).versioning })
        var changes: [(RegionStore, BucketName, ReplicationConfiguration)] = []
        for (member, change) in zip(planned.members, planned.plan.changes) {
            guard let configuration = change.configuration else { continue }
            try await validator.validate(configuration, source: try member.store.bucket(change.bucket))
            changes.append((member.store, change.bucket, configuration))
        }
        for (store, bucket, configuration) in changes {
            try await store.setReplication(configuration, bucket: bucket)
        }
        planned.report.isDone = true
        return planned.report
    }

    func conflicts(_ query: QueryItems) throws -> ConflictReport {
        let limit = 1_000
        var report = ConflictReport(conflicts: [], isTruncated: false)
        for (store, bucket) in try buckets(query) {
            let found = try store.conflicts(in: bucket.name, limit: limit + 1)
            report.isTruncated = report.isTruncated || found.count > limit
            report.conflicts += found.prefix(limit).map { conflict in
                ConflictReport.Conflict(
                    bucket: bucket.name.rawValue, region: store.region.rawValue, key: conflict.key.rawValue,
                    winner: VersionID.stamp(conflict.winner).description,
                    loser: VersionID.stamp(conflict.loser).description, loserRegion: origin(of: conflict.loser),
                    found: conflict.found.milliseconds)
            }
        }
        return report
    }
}
