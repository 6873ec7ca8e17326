package import S3Model
package import Storage

/// Compares buckets with each other by their digests, and version by version where these differ.
package struct BucketVerifier: Sendable {
    package struct Member: Sendable {
        package var store: RegionStore
        package var bucket: BucketName

        package init(store: RegionStore, bucket: BucketName) {
            self.store = store
            self.bucket = bucket
        }
    }

    package struct Limits: Sendable {
        /// Versions that each bucket is asked for at a time: what a thread is busy with without a pause.
        package var step = 2_000
        /// Versions looked at, over all buckets, until a page ends.
        package var visited = 200_000
        /// Findings until a page ends.
        package var findings = 1_000

        package init() {}
    }

    package struct Page: Sendable {
        /// The digests when the page began, in the order of the members.
        package var roots: [DigestTree.Node]
        package var comparison: DigestComparison
        package var visited = 0
        package var findings: [Finding] = []
        /// Where the next page begins; `nil` when this is the last.
        package var next: VersionPosition?
    }

    private let members: [Member]
    private let limits: Limits

    package init(_ members: [Member], limits: Limits = Limits()) {
        self.members = members
        self.limits = limits
    }

    /// What differs behind `after`. With `repairs` what the rules promise is put into the outbox of a bucket that has it;
    /// nothing is ever deleted. Throws `NoSuchBucket` and what the stores throw.
    package func page(after: VersionPosition?, repairs: Bool) async throws -> Page {
        let trees = try members.map { try $0.store.digests(of: $0.bucket) }
        var page = Page(roots: trees.map(\.root), comparison: DigestComparison(trees))
        guard !page.comparison.isEqual else { return page }
        var position = after
        repeat {
            let pages = try members.map { member in
                try member.store.fingerprints(
                    of: member.bucket, slots: page.comparison.differingSlots, after: position, visiting: limits.step)
            }
            page.visited += pages.reduce(0) { $0 + $1.visited }
            let comparison = FingerprintComparison(pages)
            for difference in comparison.differences {
                for var finding in try judge(difference) {
                    if repairs { finding.isRepaired = try await repair(finding) }
                    page.findings.append(finding)
                }
            }
            position = comparison.end
            // Others of this thread have their turn.
            await Task.yield()
            try Task.checkCancellation()
        } while position != nil && page.visited < limits.visited && page.findings.count < limits.findings
        page.next = position
        return page
    }

    private func judge(_ position: VersionPosition) throws -> [Finding] {
        var sides = try members.map { member in
            VersionJudge.Side(
                region: member.store.region, bucket: try member.store.bucket(member.bucket),
                standing: try member.store.standing(of: position, bucket: member.bucket))
        }
        for index in sides.indices {
            let member = members[index]
            sides[index].version = try member.store.version(at: position, bucket: member.bucket)
            guard sides[index].version == nil else { continue }
            // A removal and its memory are one transaction, so what is gone by now is remembered by now.
            sides[index].isErased = try member.store.wasErased(position.stamp, bucket: member.bucket)
            let isNull = sides.contains { $0.standing.version?.isNull ?? false }
            guard isNull, let null = try member.store.nullVersion(of: position.key, bucket: member.bucket) else {
                continue
            }
            sides[index].hasLaterNull = position.stamp < null.stamp
        }
        return VersionJudge(position, sides).findings
    }

    private func repair(_ finding: Finding) async throws -> Bool {
        guard let repair = finding.repair, let source = members.first(where: { $0.bucket == finding.source }) else {
            return false
        }
        return try await source.store.requeue(
            finding.position, kind: repair.kind, from: finding.source, to: finding.bucket, renews: repair.renews)
    }
}
