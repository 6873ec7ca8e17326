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
        let region = try regionForNewBucket(document.locationConstraint, hostRegion: hostRegion, request)
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

    /// Which region a new bucket goes to. The request's own region is what its host names or what its signature is for;
    /// us-east-1 there means "no preference", because every client signs for it when nothing is configured. With a
    /// preference, LocationConstraint must say the same (AWS: `IllegalLocationConstraintException`).
    private func regionForNewBucket(
        _ constraint: String?, hostRegion: RegionName?, _ request: S3Request
    ) throws(S3Error) -> RegionName {
        let scope = request.signature?.scopeRegion.flatMap { RegionName($0) }
        let own = [hostRegion, scope].compactMap { $0 }.first { router.regions[$0] != nil }
        let preferred = own?.rawValue == "us-east-1" ? nil : own
        guard let constraint, !constraint.isEmpty else {
            guard let preferred else { return router.home }
            throw S3Error(
                .illegalLocationConstraintException,
                "The unspecified location constraint is incompatible for the region specific endpoint this request was sent to (\(preferred))."
            )
        }
        let alias = constraint == "EU" ? "eu-west-1" : constraint
        guard let region = RegionName(alias), router.regions[region] != nil else {
            throw S3Error(
                .invalidLocationConstraint,
                "The specified location-constraint '\(constraint.prefix(64))' is not valid. Regions here: \(regionNames).",
                fields: [.init("LocationConstraint", String(constraint.prefix(64)))])
        }
        guard preferred == nil || preferred == region else {
            throw S3Error(
                .illegalLocationConstraintException,
                "The \(region) location constraint is incompatible for the region specific endpoint this request was sent to (\(preferred?.rawValue ?? ""))."
            )
        }
        return region
    }

    private var regionNames: String { router.regions.keys.sorted().map(\.rawValue).joined(separator: ", ") }

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
