package import S3Model

extension RegionStore {
    /// The current objects after `query.after`, keys and common prefixes together at most `query.limit`. A common prefix
    /// costs one seek, however many keys are below it.
    package func listObjects(_ query: ListQuery, bucket: BucketName) throws -> ObjectListing {
        let bucket = try self.bucket(bucket)
        var walk = ListingWalk(query)
        var listing = ObjectListing()
        try metadata.read { reader in
            try reader.scanCurrentObjects(bucket: bucket.id, from: walk.start()) { version in
                switch walk.visit(version.key) {
                case .go(let step): return step
                case .item:
                    listing.objects.append(version)
                    listing.objects[listing.objects.count - 1].isCurrent = true
                    return .next
                }
            }
        }
        listing.commonPrefixes = walk.commonPrefixes
        listing.next = walk.next(after: listing.objects.last.map { ($0.key.rawValue, String?.none) })?.0
        return listing
    }

    /// All versions after `query.after`, newest first within a key. `versionMarker` needs `query.after` as its key: then
    /// the versions of that key that come after it are listed too.
    package func listVersions(_ query: ListQuery, versionMarker: VersionID?, bucket: BucketName) throws
        -> VersionListing
    {
        let bucket = try self.bucket(bucket)
        var walk = ListingWalk(query)
        var listing = VersionListing()
        try metadata.read { reader in
            let after = versionMarker == nil ? nil : ObjectKey(query.after)
            let marker = try after.flatMap { try self.stamp(of: versionMarker, key: $0, in: bucket, reader) }
            let start = (key: walk.start(includingAfter: after != nil), stamp: VersionStamp?.none)
            // The newest stamp of the key that is being listed tells which of its versions is current.
            var newest: (key: ObjectKey, stamp: VersionStamp)?
            try reader.scanVersions(bucket: bucket.id, from: start) { version in
                if newest?.key != version.key { newest = (version.key, version.stamp) }
                if let marker, version.key == after, version.stamp >= marker { return .next }
                switch walk.visit(version.key) {
                case .go(let step): return step
                case .item:
                    var version = version
                    version.isCurrent = newest?.stamp == version.stamp
                    listing.versions.append(version)
                    return .next
                }
            }
        }
        listing.commonPrefixes = walk.commonPrefixes
        listing.next = walk.next(after: listing.versions.last.map { ($0.key.rawValue, $0.versionID) })
        return listing
    }

    /// Where a version marker is in the order of its key. A null version that is gone leaves nothing to go by; then the
    /// key is listed from its newest version, which may repeat some but omits none.
    private func stamp(of marker: VersionID?, key: ObjectKey, in bucket: Bucket, _ reader: any MetadataReader) throws
        -> VersionStamp?
    {
        switch marker {
        case nil: nil
        case .stamp(let stamp): stamp
        case .null: try reader.nullVersion(bucket: bucket.id, key: key)?.stamp
        }
    }

    /// Uploads after the key `query.after`; with `uploadMarker`, also those of that key with a greater id, which are the
    /// later ones.
    package func listUploads(_ query: ListQuery, uploadMarker: String?, bucket: BucketName) throws -> UploadListing {
        let bucket = try self.bucket(bucket)
        var walk = ListingWalk(query)
        var listing = UploadListing()
        let marker = query.after.isEmpty ? nil : uploadMarker
        let after = ObjectKey(query.after)
        try metadata.read { reader in
            let start = (key: walk.start(includingAfter: marker != nil), id: "")
            try reader.scanUploads(bucket: bucket.id, from: start) { upload in
                if let marker, upload.key == after, !Self.isAfter(upload.id, marker) { return .next }
                switch walk.visit(upload.key) {
                case .go(let step): return step
                case .item:
                    listing.uploads.append(upload)
                    return .next
                }
            }
        }
        listing.commonPrefixes = walk.commonPrefixes
        listing.next = walk.next(after: listing.uploads.last.map { ($0.key.rawValue, $0.id) })
        return listing
    }

    private static func isAfter(_ id: String, _ marker: String) -> Bool {
        marker.utf8.lexicographicallyPrecedes(id.utf8)
    }
}
