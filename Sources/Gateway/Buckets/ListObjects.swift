import S3Model
import Storage

extension BucketOperations {
    func listObjectsV2(_ target: BucketRequest) throws -> S3Response {
        let parameters = try ListParameters(target)
        var query = parameters.query
        if let text = target.query["continuation-token"] {
            guard let token = ContinuationToken(text), token.region == target.region else {
                throw S3Error.invalidArgument(
                    "The continuation token provided is incorrect", name: "continuation-token", value: text)
            }
            query.after = token.after
        } else {
            query.after = target.query["start-after"] ?? ""
        }
        let page = try target.store.listObjects(query, bucket: target.bucket.name)
        let showsOwner = target.query["fetch-owner"] == "true"
        let paging = ListBucketResult.Paging.tokens(
            startAfter: target.query["start-after"], continuationToken: target.query["continuation-token"],
            nextContinuationToken: page.next.map { ContinuationToken(region: target.region, after: $0).text })
        return Self.document(page, parameters, target, paging: paging, showsOwner: showsOwner)
    }

    func listObjects(_ target: BucketRequest) throws -> S3Response {
        var parameters = try ListParameters(target)
        parameters.query.after = target.query["marker"] ?? ""
        let page = try target.store.listObjects(parameters.query, bucket: target.bucket.name)
        // S3 names the next marker only with a delimiter; without one it is the last key.
        let next = parameters.query.delimiter == nil ? nil : page.next
        let paging = ListBucketResult.Paging.markers(marker: parameters.query.after, nextMarker: next)
        return Self.document(page, parameters, target, paging: paging, showsOwner: true)
    }

    private static func document(
        _ page: ObjectListing, _ parameters: ListParameters, _ target: BucketRequest,
        paging: ListBucketResult.Paging, showsOwner: Bool
    ) -> S3Response {
        .document(
            ListBucketResult(
                bucket: target.bucket.name.rawValue, prefix: parameters.query.prefix,
                delimiter: parameters.query.delimiter, maxKeys: parameters.query.limit,
                encoding: parameters.encoding, isTruncated: page.next != nil, paging: paging,
                objects: page.objects.map { row($0, showsOwner: showsOwner) }, commonPrefixes: page.commonPrefixes
            ).xml())
    }

    private static func row(_ version: ObjectVersion, showsOwner: Bool) -> ListBucketResult.Object {
        ListBucketResult.Object(
            key: version.key.rawValue, lastModified: version.modified, etag: version.object?.etag ?? ETag(""),
            size: version.object?.size ?? 0, storageClass: version.object?.metadata.storageClass ?? "STANDARD",
            checksumAlgorithm: version.object?.checksum?.algorithm, checksumType: version.object?.checksum?.type,
            owner: showsOwner ? version.owner : nil)
    }
}

// MARK: Versions

extension BucketOperations {
    func listObjectVersions(_ target: BucketRequest) throws -> S3Response {
        var parameters = try ListParameters(target)
        parameters.query.after = target.query["key-marker"] ?? ""
        let page = try target.store.listVersions(
            parameters.query, versionMarker: try Self.versionMarker(target), bucket: target.bucket.name)
        var document = ListVersionsResult(
            bucket: target.bucket.name.rawValue, prefix: parameters.query.prefix, maxKeys: parameters.query.limit,
            encoding: parameters.encoding, entries: page.versions.map(Self.entry))
        document.delimiter = parameters.query.delimiter
        document.keyMarker = parameters.query.after
        document.versionIDMarker = target.query["version-id-marker"] ?? ""
        document.nextKeyMarker = page.next?.key
        document.nextVersionIDMarker = page.next?.versionID?.description
        document.isTruncated = page.next != nil
        document.commonPrefixes = page.commonPrefixes
        return .document(document.xml())
    }

    private static func versionMarker(_ target: BucketRequest) throws(S3Error) -> VersionID? {
        guard let text = target.query["version-id-marker"], !text.isEmpty else { return nil }
        guard target.query["key-marker"] != nil else {
            throw .invalidArgument(
                "A version-id marker cannot be specified without a key marker.", name: "version-id-marker", value: text)
        }
        guard let id = VersionID(text) else {
            throw .invalidArgument("Invalid version id specified", name: "version-id-marker", value: text)
        }
        return id
    }

    private static func entry(_ version: ObjectVersion) -> ListVersionsResult.Entry {
        ListVersionsResult.Entry(
            key: version.key.rawValue, versionID: version.versionID.description, isLatest: version.isCurrent,
            lastModified: version.modified, owner: version.owner,
            content: version.object.map {
                .init(
                    etag: $0.etag, size: $0.size, storageClass: $0.metadata.storageClass ?? "STANDARD",
                    checksumAlgorithm: $0.checksum?.algorithm, checksumType: $0.checksum?.type)
            })
    }
}

// MARK: Uploads

extension BucketOperations {
    func listMultipartUploads(_ target: BucketRequest) throws -> S3Response {
        var parameters = try ListParameters(target, maximum: "max-uploads")
        parameters.query.after = target.query["key-marker"] ?? ""
        let marker = target.query["upload-id-marker"].flatMap { $0.isEmpty ? nil : $0 }
        let page = try target.store.listUploads(
            parameters.query, uploadMarker: parameters.query.after.isEmpty ? nil : marker, bucket: target.bucket.name)
        var document = ListMultipartUploadsResult(
            bucket: target.bucket.name.rawValue, prefix: parameters.query.prefix, maxUploads: parameters.query.limit,
            encoding: parameters.encoding,
            uploads: page.uploads.map {
                .init(
                    key: $0.key.rawValue, uploadID: $0.id, owner: $0.owner,
                    storageClass: $0.metadata.storageClass ?? "STANDARD", initiated: $0.initiated,
                    checksumAlgorithm: $0.checksumAlgorithm, checksumType: $0.checksumType)
            })
        document.keyMarker = parameters.query.after
        document.uploadIDMarker = marker ?? ""
        document.nextKeyMarker = page.next?.key
        document.nextUploadIDMarker = page.next?.uploadID
        document.delimiter = parameters.query.delimiter
        document.isTruncated = page.next != nil
        document.commonPrefixes = page.commonPrefixes
        return .document(document.xml())
    }
}

/// What all listings share.
private struct ListParameters {
    var query: ListQuery
    let encoding: ListingEncoding

    init(_ target: BucketRequest, maximum: String = "max-keys") throws(S3Error) {
        encoding = try ListingEncoding(query: target.query["encoding-type"])
        let delimiter = target.query["delimiter"].flatMap { $0.isEmpty ? nil : $0 }
        query = ListQuery(
            prefix: target.query["prefix"] ?? "", delimiter: delimiter,
            limit: try target.parameter(maximum, in: 0...1000) ?? 1000)
    }
}
