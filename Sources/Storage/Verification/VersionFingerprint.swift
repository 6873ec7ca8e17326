package import S3Model

/// Where a version stands in a bucket: in the order of keys, newest first within a key.
package struct VersionPosition: Sendable, Hashable, Comparable {
    package var key: ObjectKey
    package var stamp: VersionStamp

    package init(key: ObjectKey, stamp: VersionStamp) {
        self.key = key
        self.stamp = stamp
    }

    package static func < (left: Self, right: Self) -> Bool {
        left.key == right.key ? right.stamp < left.stamp : left.key < right.key
    }
}

/// What one region tells another of a version so that they can be compared.
package struct VersionFingerprint: Sendable, Hashable {
    package var position: VersionPosition
    package var digest: VersionDigest
    /// The later of two changes of tags and metadata counts.
    package var attributesStamp: VersionStamp

    package init(_ version: ObjectVersion) {
        position = VersionPosition(key: version.key, stamp: version.stamp)
        digest = VersionDigest(version)
        attributesStamp = version.attributesStamp
    }

    init(position: VersionPosition, digest: VersionDigest, attributesStamp: VersionStamp) {
        self.position = position
        self.digest = digest
        self.attributesStamp = attributesStamp
    }
}

/// Some of a bucket's fingerprints, complete from where the page was asked for up to its end.
package struct FingerprintPage: Sendable {
    package var fingerprints: [VersionFingerprint] = []
    /// Versions whose records cannot be read, of all slots: their digests do not tell.
    package var damaged: [VersionPosition] = []
    /// The last version that was looked at; `nil` when the bucket ends here.
    package var end: VersionPosition?
    /// How many versions were looked at.
    package var visited = 0

    package init() {}
}

/// One version in one region, with the work on it, as of one moment.
package struct VersionStanding: Sendable {
    /// `nil` when it is not there, or its record is damaged.
    package var version: ObjectVersion?
    package var waiting: [OutboxEntry] = []
    package var failed: [OutboxEntry] = []

    package init() {}
}

extension RegionStore {
    /// Throws `NoSuchBucket`.
    package func digests(of bucket: BucketName) throws -> DigestTable {
        let known = try self.bucket(bucket)
        return try metadata.read { try $0.digests(bucket: known.id) }
    }

    /// The versions behind `after` whose keys are in `slots`, of at most `limit` that are looked at, and those of them all
    /// that are damaged. Throws `NoSuchBucket`.
    package func fingerprints(
        of bucket: BucketName, slots: Set<Int>, after: VersionPosition?, visiting limit: Int
    ) throws -> FingerprintPage {
        let known = try self.bucket(bucket)
        let start = after.map { Array($0.key.rawValue.utf8) } ?? []
        return try metadata.read { reader in
            var page = FingerprintPage()
            var last: VersionPosition?
            try reader.scanStoredVersions(bucket: known.id, from: (start, after?.stamp)) { stored in
                let position = stored.position
                // The scan begins with the version it is to begin behind.
                if let after, position <= after { return .next }
                guard page.visited < limit else {
                    page.end = last
                    return .stop
                }
                page.visited += 1
                last = position
                switch stored {
                case .whole(let version):
                    guard slots.contains(DigestTable.slot(of: version.key)) else { break }
                    page.fingerprints.append(VersionFingerprint(version))
                case .damaged: page.damaged.append(position)
                }
                return .next
            }
            return page
        }
    }

    /// Throws `NoSuchBucket`.
    package func standing(of position: VersionPosition, bucket: BucketName) throws -> VersionStanding {
        let known = try self.bucket(bucket)
        return try metadata.read { reader in
            var standing = try reader.work(on: position, bucket: known.id)
            standing.version =
                try reader.storedVersion(bucket: known.id, key: position.key, stamp: position.stamp)?.version
            return standing
        }
    }
}

extension MetadataReader {
    /// The work on one version, all but the version itself.
    func work(on position: VersionPosition, bucket: Int64) throws -> VersionStanding {
        var standing = VersionStanding()
        for entry in try replicationWork(bucket: bucket, key: position.key, stamp: position.stamp) {
            // What has failed has no id.
            if entry.id == 0 { standing.failed.append(entry) } else { standing.waiting.append(entry) }
        }
        return standing
    }
}
