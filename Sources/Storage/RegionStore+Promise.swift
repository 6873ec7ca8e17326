package import S3Model

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
