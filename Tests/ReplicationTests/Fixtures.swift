import S3Model
import Storage

enum Fixtures {
    static let origin = RegionName(literal: "eu-west-1")
    static let owner = Owner(account: account("111122223333"), canonicalID: "c0ffee", displayName: "alice")

    static func account(_ digits: String) -> AccountID {
        guard let account = AccountID(digits) else { preconditionFailure("not an account: \(digits)") }
        return account
    }

    static func bucketName(_ text: String) -> BucketName {
        guard let name = BucketName(text) else { preconditionFailure("not a bucket name: \(text)") }
        return name
    }

    static func rule(
        _ id: String, to destination: String, schema: ReplicationRule.Schema = .v2, priority: Int? = nil,
        prefix: String = "", tags: [Tag] = []
    ) -> ReplicationRule {
        var rule = ReplicationRule(id: id, schema: schema, destination: .init(bucket: bucketName(destination)))
        rule.priority = priority
        rule.prefix = prefix
        rule.tags = tags
        return rule
    }

    static func bucket(_ name: String, rules: [ReplicationRule]) -> Bucket {
        var bucket = Bucket(id: 7, name: bucketName(name), owner: owner, created: Timestamp(milliseconds: 1))
        bucket.versioning = .enabled
        bucket.replication = ReplicationConfiguration(role: "arn:aws:iam::111122223333:role/r", rules: rules)
        return bucket
    }

    static func version(
        _ key: String, at milliseconds: UInt64 = 1_000, region: RegionName = origin, size: Int64 = 3, tags: [Tag] = [],
        status: ReplicationStatus = .none
    ) -> ObjectVersion {
        var content = ObjectContent(size: size, etag: ETag("e"), metadata: ObjectMetadata(), data: .empty)
        content.tags = tags
        return ObjectVersion(
            key: ObjectKey(stored: key),
            stamp: VersionStamp(milliseconds: milliseconds, counter: 0, region: region.stampID), isNull: false,
            content: .object(content), modified: Timestamp(milliseconds: Int64(milliseconds)), owner: owner,
            replication: status)
    }

    static func deleteMarker(_ key: String, region: RegionName = origin) -> ObjectVersion {
        ObjectVersion(
            key: ObjectKey(stored: key), stamp: VersionStamp(milliseconds: 2_000, counter: 0, region: region.stampID),
            isNull: false, content: .deleteMarker, modified: Timestamp(milliseconds: 2_000), owner: owner)
    }
}
