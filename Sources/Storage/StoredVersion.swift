package import S3Model

/// A version that is there, whether or not its record can be read.
package enum StoredVersion: Sendable {
    case whole(ObjectVersion)
    case damaged(DamagedVersion)

    /// `nil` when its record is damaged.
    package var version: ObjectVersion? {
        guard case .whole(let version) = self else { return nil }
        return version
    }

    package var position: VersionPosition {
        switch self {
        case .whole(let version): VersionPosition(key: version.key, stamp: version.stamp)
        case .damaged(let damaged): damaged.position
        }
    }

    /// Throws `StorageError.corrupt` when its record is damaged.
    func whole() throws(StorageError) -> ObjectVersion {
        switch self {
        case .whole(let version): return version
        case .damaged(let damaged): throw .corrupt(detail: damaged.detail)
        }
    }
}

/// A version whose record cannot be read: what is known of it without that.
package struct DamagedVersion: Sendable, Hashable {
    package var position: VersionPosition
    package var isNull: Bool
    /// Which record it is and what is wrong with it.
    package var detail: String

    package var versionID: VersionID { isNull ? .null : .stamp(position.stamp) }
}

extension MetadataReader {
    /// The versions of a key whose records cannot be read, newest first.
    func damagedVersions(of key: ObjectKey, bucket: Int64) throws -> [DamagedVersion] {
        var found: [DamagedVersion] = []
        try scanStoredVersions(bucket: bucket, from: (Array(key.rawValue.utf8), nil)) { stored in
            guard stored.position.key == key else { return .stop }
            if case .damaged(let damaged) = stored { found.append(damaged) }
            return .next
        }
        return found
    }

    /// The stamp of a key's null version, whether or not its record can be read.
    func nullStamp(of key: ObjectKey, bucket: Int64) throws -> VersionStamp? {
        do {
            return try nullVersion(bucket: bucket, key: key)?.stamp
        } catch StorageError.corrupt(let detail) {
            guard let damaged = try damagedVersions(of: key, bucket: bucket).first(where: \.isNull) else {
                throw StorageError.corrupt(detail: detail)
            }
            return damaged.position.stamp
        }
    }
}
