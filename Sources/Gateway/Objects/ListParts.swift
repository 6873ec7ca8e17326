import S3Model
import Storage

extension ObjectOperations {
    func listParts(_ target: BucketRequest) throws -> S3Response {
        let key = try target.objectKey()
        let id = try target.uploadID()
        let limit = try target.parameter("max-parts", in: 0...1000) ?? 1000
        let marker = try target.parameter("part-number-marker", in: 0...Int.max) ?? 0
        let upload = try target.store.upload(id, key: key, bucket: target.bucket.name)
        let page = try target.store.parts(
            upload: id, key: key, bucket: target.bucket.name, after: marker, limit: limit)
        var document = ListPartsResult(
            bucket: target.bucket.name.rawValue, key: key.rawValue, uploadID: id, owner: upload.owner,
            maxParts: limit,
            parts: page.parts.map {
                .init(
                    number: $0.number, lastModified: $0.modified, etag: $0.etag, size: $0.size, checksum: $0.checksum)
            })
        document.storageClass = upload.metadata.storageClass ?? "STANDARD"
        document.partNumberMarker = marker
        document.nextPartNumberMarker = page.next
        document.isTruncated = page.next != nil
        document.encoding = try ListingEncoding(query: target.query["encoding-type"])
        document.checksumAlgorithm = upload.checksumAlgorithm
        document.checksumType = upload.checksumType
        return .document(document.xml())
    }
}
