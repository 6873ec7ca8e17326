import S3Model
import Storage

extension ObjectOperations {
    func putObject(_ target: BucketRequest) async throws -> S3Response {
        let key = try target.objectKey()
        try target.refuseUnsupportedWriteHeaders()
        var put = ObjectPut(
            bucket: target.bucket.name, key: key, owner: target.bucket.owner, metadata: try target.objectMetadata())
        put.tags = try target.headerTags()
        put.conditions = try target.writeConditions()
        let prepared = put
        let stored = try await receive(target, computing: .crc64nvme) { staged, checksum in
            var put = prepared
            put.checksum = checksum
            return try await target.store.putObject(put, content: staged)
        }
        return S3Response(Self.facts(of: stored, in: target))
    }

    /// What every answer to a write says of the new version.
    static func facts(of version: ObjectVersion, in target: BucketRequest) -> [S3Response.Fact] {
        var facts: [S3Response.Fact] = []
        // S3 names the new version where it gets an id of its own, not the null version of a suspended bucket.
        if !version.isNull { facts.append(.versionID(version.versionID)) }
        if let content = version.object {
            facts.append(.etag(content.etag))
            if let checksum = content.checksum { facts.append(.checksum(checksum)) }
        }
        return facts
    }
}
