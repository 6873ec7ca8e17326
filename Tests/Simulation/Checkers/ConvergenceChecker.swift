import S3Model
import Storage

/// All regions hold the same versions with the same attributes, and the same one is current.
enum ConvergenceChecker {
    static func violations(_ outcome: Outcome) -> [String] {
        let exempt = outcome.exempt
        return outcome.snapshots.flatMap { snapshot in
            outcome.snapshots.filter { $0.region != snapshot.region }.flatMap { other in
                differences(snapshot, other, exempt: exempt, comparesTags: !outcome.faults.rulesChange)
            }
        }
            + outcome.snapshots.flatMap { currents($0) }
    }

    private static func differences(
        _ left: Snapshot, _ right: Snapshot, exempt: Set<VersionStamp>, comparesTags: Bool
    ) -> [String] {
        var found: [String] = []
        for version in left.all where !exempt.contains(version.stamp) {
            let name = "\(version.key) \(version.stamp.milliseconds % 10_000_000).\(version.stamp.counter)"
            guard let other = right.version(version.stamp, of: version.key) else {
                found.append("\(name) is in \(left.region) (\(version.replication)) and not in \(right.region)")
                continue
            }
            if comparable(version, comparesTags) != comparable(other, comparesTags) {
                found.append("\(name) differs between \(left.region) and \(right.region)")
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
