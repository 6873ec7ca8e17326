import Cluster
import Policy
import S3Model
import SigV4
import Storage

extension BucketOperations {
    func createBucket(label: String, hostRegion: RegionName?, _ request: S3Request) async throws -> S3Response {
        if label.hasSuffix(".mrap"), router.accessPoint(label: label, account: nil, request) != nil {
            throw S3Error(.bucketAlreadyOwnedByYou, "'\(label)' is a Multi-Region Access Point that you own.")
        }
        guard let name = BucketName(label) else {
            throw S3Error(
                .invalidBucketName, "'\(label.prefix(80))' is not a valid bucket name.",
                fields: [.init("BucketName", label)])
        }
        try Self.refuseUnsupportedHeaders(request)
        try router.authorize(
            request, action: request.action, arn: "arn:aws:s3:::\(name)", owner: request.caller.account)
        let body = try await request.readDocument(limit: 256 * 1024)
        let document = body.isEmpty ? CreateBucketConfiguration() : try CreateBucketConfiguration.parse(body)
        let placement = BucketPlacement(regions: Set(router.regions.keys), home: router.home)
        let region = try placement.region(
            constraint: document.locationConstraint, host: hostRegion,
            scope: request.signature?.scopeRegion.flatMap { RegionName($0) })
        let store = try router.store(region)
        let owner = request.caller.owner
        let answer = S3Response([.location(hostRegion == nil ? "/\(name)" : "/"), .bucketRegion(region)])
        if document.tags.isEmpty, isRepetition(name, region: region, owner: owner) { return answer }
        try await router.directory.create(name: name, region: region, owner: owner) {
            _ = try await store.createBucket(name, owner: owner)
            if !document.tags.isEmpty { try await store.setTags(document.tags, bucket: name) }
        }
        return answer
    }

    /// In us-east-1 alone, creating a bucket again is a success that changes nothing (AWS CreateBucket reference,
    /// "BucketAlreadyOwnedByYou").
    private func isRepetition(_ name: BucketName, region: RegionName, owner: Owner) -> Bool {
        guard region.rawValue == "us-east-1", let existing = router.directory.location(of: name) else { return false }
        return existing.region == region && existing.owner.account == owner.account
    }

    private static func refuseUnsupportedHeaders(_ request: S3Request) throws(S3Error) {
        if request.header("x-amz-bucket-object-lock-enabled")?.lowercased() == "true" {
            throw S3Error(.notImplemented, "Object Lock is not implemented; create the bucket without it.")
        }
        if let acl = request.header("x-amz-acl"), acl != "private" {
            throw S3Error(
                .invalidRequest, "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting")
        }
        if let ownership = request.header("x-amz-object-ownership"), ownership != "BucketOwnerEnforced" {
            throw S3Error(
                .notImplemented, "Only the object ownership BucketOwnerEnforced is implemented, not '\(ownership)'.")
        }
    }
}
