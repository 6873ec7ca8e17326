import Replication
import S3Model
import Storage

/// What `meridian verify` says after the quiet phase is what the other checkers see.
enum VerifyChecker {
    static func violations(_ outcome: Outcome) -> [String] {
        let exempt = outcome.exempt
        var found = outcome.snapshots.compactMap { snapshot -> String? in
            var expected = DigestTable()
            for version in snapshot.all { expected.insert(version) }
            return snapshot.digests == expected
                ? nil : "\(snapshot.region) keeps other digests than those of its versions"
        }
        for finding in outcome.findings where finding.verdict == .erased {
            guard !outcome.ledger.erased.contains(finding.position.stamp) else { continue }
            found.append("verify says that nobody's removal is one, in \(finding.bucket): \(finding.position.key)")
        }
        for finding in outcome.findings where !exempt.contains(finding.position.stamp) {
            // Tags that were changed while rules were off stay where they were changed.
            if outcome.faults.rulesChange, finding.verdict == .differentMetadata { continue }
            found.append("verify finds \(finding.verdict) in \(finding.bucket): \(finding.position.key)")
        }
        let first = outcome.snapshots.first?.digests.root
        if exempt.isEmpty, !outcome.faults.rulesChange, !outcome.snapshots.allSatisfy({ $0.digests.root == first }) {
            found.append("the digests of the regions differ")
        }
        return found
    }
}

extension BucketVerifier {
    /// All findings, by pages that are small enough for several.
    static func findings(_ members: [Member]) async throws -> [Finding] {
        var limits = Limits()
        limits.step = 7
        limits.visited = 60
        limits.findings = 5
        var found: [Finding] = []
        var position: VersionPosition?
        repeat {
            let page = try await BucketVerifier(members, limits: limits).page(after: position, repairs: false)
            found += page.findings
            position = page.next
        } while position != nil
        return found
    }
}
