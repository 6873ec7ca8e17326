import NIOCore
import S3Model
import Storage

extension S3Request {
    /// The whole body of a request that carries a document, checked against its announced digests. Throws
    /// `EntityTooLarge` past `limit` bytes. With `ignoringChecksum` the checksum headers are not the document's: in
    /// CompleteMultipartUpload they are the finished object's.
    func readDocument(ignoringChecksum: Bool = false, limit: Int64) async throws -> [UInt8] {
        let expectations = try PayloadExpectations(self, ignoringChecksum: ignoringChecksum)
        let source = try PayloadSource(request: self, limit: limit)
        let digest = ContentDigest(
            DigestPlan(
                md5: expectations.contentMD5 != nil, sha256: expectations.sha256 != nil,
                checksum: expectations.checksum?.algorithm))
        var bytes: [UInt8] = []
        while let piece = try await source.next() {
            digest.update(piece)
            bytes.append(contentsOf: piece.readableBytesView)
        }
        try expectations.check(digest.finish(), trailers: source.trailers)
        return bytes
    }

    /// The same request as a read of `version` of another object: what a copy source is authorized as.
    func reading(version: String?) -> S3Request {
        S3Request(copying: self, operation: .getObject, query: QueryItems(version: version))
    }
}
