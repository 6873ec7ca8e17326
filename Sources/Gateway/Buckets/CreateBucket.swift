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
        let placement = BucketPlacement(regions: router.configured, home: router.home)
        let region = try placement.region(
            constraint: document.locationConstraint, host: hostRegion,
            scope: request.signature?.scopeRegion.flatMap { RegionName($0) })
        let owner = request.caller.owner
        let answer = S3Response([.location(hostRegion == nil ? "/\(name)" : "/"), .bucketRegion(region)])
        if document.tags.isEmpty, try await isRepetition(name, region: region, owner: owner) {
            return answer
        }
        guard let store = router.regions[region] else {
            try await createElsewhere(name, owner: owner, tags: document.tags, in: region)
            return answer
        }
        try await router.directory.create(name: name, region: region, owner: owner) {
            try await store.createClaimedBucket(name, owner: owner, tags: document.tags)
        }
        return answer
    }

    /// In a region that another process has. When that breaks off in the middle, the claim stays unconfirmed, and the
    /// owner can repeat the creation.
    private func createElsewhere(_ name: BucketName, owner: Owner, tags: [Tag], in region: RegionName) async throws {
        do {
            // Asked before the name is claimed, so that a region that is away leaves no claim behind.
            _ = try await peers.versioning(of: name, in: region)
            try await router.directory.create(name: name, region: region, owner: owner) {
                try await peers.create(name, owner: owner, tags: tags, in: region)
            }
        } catch is PeerFault {
            throw PeerBuckets.unavailable(region)
        }
    }

    /// In us-east-1 alone, creating a bucket again is a success that changes nothing (AWS CreateBucket reference,
    /// "BucketAlreadyOwnedByYou").
    private func isRepetition(_ name: BucketName, region: RegionName, owner: Owner) async throws -> Bool {
        guard region.rawValue == "us-east-1" else { return false }
        // Read through: what another process has just deleted may still be in memory here.
        guard let existing = try await router.directory.current(name)?.location else { return false }
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
