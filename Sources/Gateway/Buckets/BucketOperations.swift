import AccessPoints
import Cluster
import Policy
import S3Model
import Storage

/// The operations on buckets; one file per family extends this.
package struct BucketOperations: Sendable {
    let router: Router
    let peers: PeerBuckets

    package init(router: Router, peers: PeerBuckets = PeerBuckets()) {
        self.router = router
        self.peers = peers
    }
}

extension BucketOperations {
    func listBuckets(_ request: S3Request) throws -> S3Response {
        try router.authorize(
            request, action: request.action, arn: "arn:aws:s3:::*", owner: request.caller.account)
        let prefix = request.query["prefix"] ?? ""
        let after = request.query["continuation-token"] ?? ""
        let region = request.query["bucket-region"]
        let limit = try Self.maximumBuckets(request.query["max-buckets"])
        let matching = router.directory.all(owner: request.caller.account)
            .filter { $0.name.rawValue.hasPrefix(prefix) && $0.name.rawValue > after }
            .filter { region == nil || $0.region.rawValue == region }
        let page = matching.prefix(limit)
        let rows = page.compactMap { location -> ListAllMyBucketsResult.Bucket? in
            guard let created = creationDate(of: location) else { return nil }
            return .init(name: location.name.rawValue, creationDate: created, region: location.region.rawValue)
        }
        return .document(
            ListAllMyBucketsResult(
                owner: request.caller.owner, buckets: rows,
                continuationToken: page.count < matching.count ? page.last?.name.rawValue : nil,
                prefix: request.query["prefix"]
            ).xml())
    }

    /// From the bucket itself, or, when another process has it, from the directory, which had its confirmation right
    /// behind the creation. `nil` when the region is no longer configured.
    private func creationDate(of location: BucketLocation) -> Timestamp? {
        if let store = router.regions[location.region] { return try? store.bucket(location.name).created }
        return router.configured.contains(location.region) ? router.directory.confirmation(of: location.name) : nil
    }

    private static func maximumBuckets(_ text: String?) throws(S3Error) -> Int {
        guard let text else { return 10_000 }
        guard let value = Int(text), (1...10_000).contains(value) else {
            throw .invalidArgument(
                "Argument max-buckets must be an integer between 1 and 10000", name: "max-buckets", value: text)
        }
        return value
    }

    func headBucket(_ target: BucketRequest) -> S3Response {
        S3Response([.bucketRegion(target.region), .accessPointAlias(target.accessPoint != nil)])
    }

    func getBucketLocation(_ target: BucketRequest) -> S3Response {
        // Through an access point there is no one location; the empty one lets clients proceed (spec/clients.md §3.5).
        let isDefault = target.accessPoint != nil || target.region.rawValue == "us-east-1"
        return .document(LocationConstraint(region: isDefault ? nil : target.region.rawValue).xml())
    }

    func deleteBucket(_ target: BucketRequest) async throws -> S3Response {
        let name = target.bucket.name
        if let point = router.table.accessPoints(using: name).first {
            throw S3Error(
                .bucketHasAccessPointsAttached,
                "The bucket is a member of the Multi-Region Access Point '\(point.name)'. Delete that first.")
        }
        // Asked first, so that nothing is deleted while the control store is away.
        _ = try await router.directory.current(name)
        try await target.store.deleteBucket(name)
        try await release(name, of: target.store)
        return S3Response(status: 204)
    }

    /// Ends a deletion that removed the bucket but did not reach the control store. `false` when there is none to end.
    func finishDeletion(of label: String) async throws -> Bool {
        guard let name = BucketName(label), let region = router.directory.location(of: name)?.region,
            let store = router.regions[region]
        else { return false }
        return try await release(name, of: store)
    }

    @discardableResult
    private func release(_ name: BucketName, of store: RegionStore) async throws -> Bool {
        try await router.directory.release(name, of: store.region) { store.hasBucket(name) }
    }
}
