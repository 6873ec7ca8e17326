package import S3Model
package import Storage

/// Compares buckets with each other by their digests, and version by version where these differ.
package struct BucketVerifier: Sendable {
    package struct Member: Sendable {
        package var store: any VerifiedRegion
        package var bucket: BucketName

        package init(store: any VerifiedRegion, bucket: BucketName) {
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
        package var roots: [DigestTable.Node]
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
    /// nothing is ever deleted. With `readsRecords` all records are read even where the digests are equal, which tell
    /// what was written. Throws `NoSuchBucket` and what the stores throw.
    package func page(after: VersionPosition?, repairs: Bool, readsRecords: Bool = false) async throws -> Page {
        let digests = try await ofEach { try await $0.store.digests(of: $0.bucket) }
        var page = Page(roots: digests.map(\.root), comparison: DigestComparison(digests))
        guard readsRecords || !page.comparison.isEqual else { return page }
        let slots = page.comparison.differingSlots
        var position = after
        repeat {
            let start = position
            let pages = try await ofEach { member in
                try await member.store.fingerprints(
                    of: member.bucket, slots: slots, after: start, visiting: limits.step)
            }
            page.visited += pages.reduce(0) { $0 + $1.visited }
            let comparison = FingerprintComparison(pages)
            for var finding in try await judge(comparison.differences) {
                if repairs { finding.isRepaired = try await repair(finding) }
                page.findings.append(finding)
            }
            position = comparison.end
            // Others of this thread have their turn.
            await Task.yield()
            try Task.checkCancellation()
        } while position != nil && page.visited < limits.visited && page.findings.count < limits.findings
        page.next = position
        return page
    }

    /// Asks all members at once, since some may be far away.
    private func ofEach<Value: Sendable>(
        _ ask: @escaping @Sendable (Member) async throws -> Value
    ) async throws -> [Value] {
        try await withThrowingTaskGroup(of: (Int, Value).self) { group in
            for (index, member) in members.enumerated() { group.addTask { (index, try await ask(member)) } }
            var values: [Int: Value] = [:]
            for try await (index, value) in group { values[index] = value }
            return members.indices.compactMap { values[$0] }
        }
    }

    /// A few differences at a time, so that a region in another process is not asked for each of them.
    private func judge(_ positions: [VersionPosition]) async throws -> [Finding] {
        var findings: [Finding] = []
        for start in stride(from: 0, to: positions.count, by: VerificationCall.maximumPositions) {
            let some = Array(positions[start..<min(start + VerificationCall.maximumPositions, positions.count)])
            let buckets = try await ofEach { try await $0.store.bucket($0.bucket) }
            // All of these before any of what follows: the judge relies on it.
            let standings = try await ofEach { try await $0.store.standings(of: some, bucket: $0.bucket) }
            let counterparts = try await ofEach { try await $0.store.counterparts(of: some, bucket: $0.bucket) }
            for (index, position) in some.enumerated() {
                let isNull = standings.contains { $0[index].version?.isNull ?? false }
                let sides = members.indices.map { member in
                    var side = VersionJudge.Side(
                        region: members[member].store.region, bucket: buckets[member],
                        standing: standings[member][index])
                    let counterpart = counterparts[member][index]
                    side.version = counterpart.version
                    side.damaged = counterpart.damaged
                    // A removal and its memory are one transaction, so what is gone by now is remembered by now.
                    side.isErased = counterpart.wasErased
                    side.otherNull = isNull ? counterpart.nullStamp : nil
                    return side
                }
                findings += VersionJudge(position, sides).findings
            }
        }
        return findings
    }

    private func repair(_ finding: Finding) async throws -> Bool {
        guard let repair = finding.repair, let source = members.first(where: { $0.bucket == finding.source }) else {
            return false
        }
        guard !repair.takesReplicas else {
            return try await source.store.resend(finding.position, from: source.bucket, to: finding.bucket)
        }
        return try await source.store.requeue(
            finding.position, kind: repair.kind, from: source.bucket, to: finding.bucket, renews: repair.renews)
    }
}
