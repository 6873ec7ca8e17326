package import S3Model
import Synchronization

extension RegionStore {
    /// Of one key, the versions whose replication to `destination` is waiting or has failed, with the rule that each goes
    /// by; newest first. This is exactly what the destination would have if replication were instantaneous and does not
    /// have now: nothing that was delivered is here any more, so nothing that was removed there comes back.
    ///
    /// Changes of tags alone promise no version. Throws `NoSuchBucket`.
    package func promised(
        _ key: ObjectKey, version: VersionID?, bucket: BucketName, to destination: BucketName
    ) throws -> [(version: ObjectVersion, rule: String)] {
        let known = try self.bucket(bucket)
        return try metadata.read { reader in
            var rules: [VersionStamp: String] = [:]
            let work = try reader.replicationWork(bucket: known.id, key: key, limit: Self.promisesSearched)
            for entry in work where entry.destination == destination && entry.kind != .attributes {
                rules[entry.stamp] = entry.ruleID
            }
            var found: [(version: ObjectVersion, rule: String)] = []
            for (stamp, rule) in rules.sorted(by: { $0.key > $1.key }) {
                guard let stored = try reader.version(bucket: known.id, key: key, stamp: stamp) else { continue }
                if let version, stored.versionID != version { continue }
                found.append((stored, rule))
            }
            return found
        }
    }

    /// Whether a replica was removed here for good since the process started. Its sender may not have learnt yet that it was
    /// delivered at all, and would promise it once more. The last ``RecentStamps/limit`` are known.
    package func wasErased(_ stamp: VersionStamp) -> Bool { erasedReplicas.withLock { $0.contains(stamp) } }

    /// More work than this on one key is looked at only in part.
    private static let promisesSearched = 1_000

    /// The replication work on a key that waits or has failed. Throws `NoSuchBucket`.
    package func replicationWork(
        on key: ObjectKey, bucket: BucketName
    ) throws -> [(entry: OutboxEntry, isFailed: Bool)] {
        let known = try self.bucket(bucket)
        return try metadata.read { reader in
            try reader.replicationWork(bucket: known.id, key: key, limit: Self.promisesSearched).map { entry in
                (entry, entry.id == 0)
            }
        }
    }

    /// The versions of one key, newest first, delete markers included. Throws `NoSuchBucket`.
    package func versions(of key: ObjectKey, bucket: BucketName, limit: Int) throws -> [ObjectVersion] {
        let known = try self.bucket(bucket)
        let bytes = Array(key.rawValue.utf8)
        return try metadata.read { reader in
            var found: [ObjectVersion] = []
            try reader.scanVersions(bucket: known.id, from: (bytes, nil)) { version in
                guard found.count < limit, version.key == key else { return .stop }
                var shown = version
                shown.isCurrent = found.isEmpty
                found.append(shown)
                return .next
            }
            return found
        }
    }

    /// The version of a key with the greatest stamp, delete markers included, or the one of this id; `nil` without one.
    /// Throws `NoSuchBucket`.
    package func newestOrMarker(_ key: ObjectKey, version: VersionID?, bucket: BucketName) throws -> ObjectVersion? {
        let known = try self.bucket(bucket)
        return try metadata.read { reader in
            switch version {
            case nil: try reader.newestVersion(bucket: known.id, key: key)
            case .null: try reader.nullVersion(bucket: known.id, key: key)
            case .stamp(let stamp):
                try reader.version(bucket: known.id, key: key, stamp: stamp).flatMap { $0.isNull ? nil : $0 }
            }
        }
    }
}

/// The stamps that were put in last.
struct RecentStamps {
    static let limit = 10_000

    private var known: Set<VersionStamp> = []
    private var order: [VersionStamp] = []
    private var next = 0

    func contains(_ stamp: VersionStamp) -> Bool { known.contains(stamp) }

    mutating func insert(_ stamp: VersionStamp) {
        guard known.insert(stamp).inserted else { return }
        if order.count < Self.limit {
            order.append(stamp)
        } else {
            known.remove(order[next])
            order[next] = stamp
            next = (next + 1) % Self.limit
        }
    }
}
