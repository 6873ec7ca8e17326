package import S3Model

extension RegionStore {
    /// Of one key, the versions whose replication to `destination` is waiting or has failed, with the rule that each goes
    /// by; newest first. This is exactly what the destination would have if replication were instantaneous and does not
    /// have now: nothing that was delivered is here any more, so nothing that was removed there comes back.
    ///
    /// Only work of rules for which `isWanted` is true counts, and the newest `limit` of the rest are told: what it costs
    /// depends on these alone, not on how much waits. Changes of tags alone promise no version. Throws `NoSuchBucket`.
    package func promised(
        _ key: ObjectKey, version: VersionID?, bucket: BucketName, to destination: BucketName, limit: Int = .max,
        rules isWanted: (String) -> Bool = { _ in true }
    ) throws -> [(version: ObjectVersion, rule: String)] {
        let known = try self.bucket(bucket)
        return try metadata.read { reader in
            var found: [(version: ObjectVersion, rule: String)] = []
            func add(_ stamp: VersionStamp, _ rule: String) throws {
                // A version that waits and has failed is told once.
                guard isWanted(rule), found.last?.version.stamp != stamp,
                    let stored = try reader.version(bucket: known.id, key: key, stamp: stamp)
                else { return }
                if let version, stored.versionID != version { return }
                found.append((stored, rule))
            }
            let wanted: VersionStamp?
            switch version {
            case nil:
                try reader.scanPromises(bucket: known.id, key: key, destination: destination) { stamp, rule in
                    guard found.count < limit else { return false }
                    try add(stamp, rule)
                    return found.count < limit
                }
                return found
            case .null: wanted = try reader.nullStamp(of: key, bucket: known.id)
            case .stamp(let stamp): wanted = stamp
            }
            guard let wanted else { return [] }
            for entry in try reader.replicationWork(bucket: known.id, key: key, stamp: wanted)
            where entry.destination == destination && entry.kind != .attributes {
                try add(wanted, entry.ruleID)
            }
            return found
        }
    }

    /// The replication work on a version that waits or has failed. Throws `NoSuchBucket`.
    package func replicationWork(
        on version: VersionReference, bucket: BucketName
    ) throws -> [(entry: OutboxEntry, isFailed: Bool)] {
        let known = try self.bucket(bucket)
        return try metadata.read { reader in
            try reader.replicationWork(bucket: known.id, key: version.key, stamp: version.stamp).map { entry in
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
