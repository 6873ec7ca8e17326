import S3Model
import Storage

/// All regions hold the same versions with the same attributes, and the same one is current.
enum ConvergenceChecker {
    static func violations(_ outcome: Outcome) -> [String] {
        let exempt = outcome.exempt
        return outcome.snapshots.flatMap { snapshot in
            outcome.snapshots.filter { $0.region != snapshot.region }.flatMap { other in
                missing(snapshot, in: other, outcome)
                    + differences(snapshot, other, exempt: exempt, comparesTags: !outcome.faults.rulesChange)
            }
        }
            + resurrected(outcome)
            + outcome.snapshots.flatMap { currents($0) }
    }

    /// A removal counts in the region where it was asked for: there the version is missing, and if that is the region that
    /// made it, those that did not have it yet may never get it.
    private static func missing(_ left: Snapshot, in right: Snapshot, _ outcome: Outcome) -> [String] {
        let unruled = outcome.unruled
        return left.all.compactMap { version in
            guard right.version(version.stamp, of: version.key) == nil, !unruled.contains(version.stamp) else {
                return nil
            }
            let isRemoved = outcome.ledger.erasures.contains { erasure in
                erasure.stamp == version.stamp
                    && (erasure.region == right.region || erasure.region.stampID == version.stamp.region)
            }
            return isRemoved
                ? nil : "\(name(version)) is in \(left.region) (\(version.replication)) and not in \(right.region)"
        }
    }

    /// What a client removed for good, and was told so, never comes back there.
    private static func resurrected(_ outcome: Outcome) -> [String] {
        outcome.ledger.erasures.filter { $0.wasHere && $0.done != nil }.compactMap { erasure in
            let back = outcome.snapshots.first { $0.region == erasure.region }?.all
                .first { $0.stamp == erasure.stamp }
            return back.map { "\(name($0)) is back in \(erasure.region), where it was removed for good" }
        }
    }

    private static func name(_ version: ObjectVersion) -> String {
        "\(version.key) \(version.stamp.milliseconds % 10_000_000).\(version.stamp.counter)"
    }

    private static func differences(
        _ left: Snapshot, _ right: Snapshot, exempt: Set<VersionStamp>, comparesTags: Bool
    ) -> [String] {
        var found: [String] = []
        for version in left.all where !exempt.contains(version.stamp) {
            guard let other = right.version(version.stamp, of: version.key) else { continue }
            if comparable(version, comparesTags) != comparable(other, comparesTags) {
                found.append("\(name(version)) differs between \(left.region) and \(right.region)")
            }
        }
        for (key, versions) in left.versions {
            let keyIsExempt = (versions + (right.versions[key] ?? [])).contains { exempt.contains($0.stamp) }
            if !keyIsExempt, left.current[key] != right.current[key] {
                found.append("the current version of \(key) differs between \(left.region) and \(right.region)")
            }
        }
        return found
    }

    /// A version without what each region has of its own.
    private static func comparable(_ version: ObjectVersion, _ withTags: Bool) -> ObjectVersion {
        var plain = version
        plain.replication = .none
        plain.isCurrent = false
        if !withTags { plain.attributesStamp = .zero }
        if case .object(var content) = plain.content {
            content.data = .empty
            if !withTags { content.tags = [] }
            plain.content = .object(content)
        }
        return plain
    }

    /// The greatest stamp is current, unless it is a delete marker.
    private static func currents(_ snapshot: Snapshot) -> [String] {
        snapshot.versions.compactMap { key, versions in
            guard let newest = versions.max(by: { $0.stamp < $1.stamp }) else { return nil }
            let expected = newest.isDeleteMarker ? nil : newest.stamp
            return snapshot.current[key] == expected ? nil : "\(snapshot.region) shows another version of \(key)"
        }
    }
}
