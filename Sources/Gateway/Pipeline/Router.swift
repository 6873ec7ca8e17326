package import AccessPoints
package import Cluster
package import Environment
import Policy
package import S3Model
package import Storage

/// Finds the bucket a request acts on: by name in its home region, or behind an access point in the region chosen now.
package struct Router: Sendable {
    /// Those of this process.
    package let regions: [RegionName: RegionStore]
    /// All of the installation: those of ``regions``, and those that other processes have.
    package let configured: Set<RegionName>
    package let directory: BucketDirectory
    package let table: RoutingTable
    /// Where this edge stands.
    package let home: RegionName
    package let places: RegionDirectory
    package let random: any RandomSource
    /// What edges in other processes sign their choice with; `nil` when there can be none.
    package let edgeKey: EdgeKey?
    /// The regions in other processes, for what is still on its way from there.
    package let peerReads: [RegionName: PeerReads]

    package init(
        regions: [RegionName: RegionStore], configured: Set<RegionName> = [], directory: BucketDirectory,
        table: RoutingTable, home: RegionName, places: RegionDirectory, random: any RandomSource,
        edgeKey: EdgeKey? = nil, peerReads: [RegionName: PeerReads] = [:]
    ) {
        self.regions = regions
        self.configured = configured.union(regions.keys)
        self.directory = directory
        self.table = table
        self.home = home
        self.places = places
        self.random = random
        self.edgeKey = edgeKey
        self.peerReads = peerReads
    }

    /// The bucket of `request`, authorized in both phases: first at the access point, then at the bucket
    /// (spec/mrap.md §13.2). Throws `NoSuchBucket`, `NoSuchMultiRegionAccessPoint`, `PermanentRedirect`, `AccessDenied`.
    package func route(_ request: S3Request, to endpoint: Endpoint) throws -> BucketRequest {
        switch endpoint {
        case .bucket(let label, let key, let region):
            if let name = BucketName(label), let location = location(of: name, request) {
                return try bucket(location, key: key, hostRegion: region, request)
            }
            if let entry = accessPoint(label: label, account: nil, request) {
                return try member(of: entry, key: key, request)
            }
            guard BucketName(label) != nil || label.hasSuffix(".mrap") else {
                throw S3Error(
                    .invalidBucketName, "'\(label.prefix(80))' is not a bucket name.",
                    fields: [.init("BucketName", label)])
            }
            throw label.hasSuffix(".mrap")
                ? S3Error(.noSuchMultiRegionAccessPoint, fields: [.init("Alias", label)])
                : S3Error(.noSuchBucket, fields: [.init("BucketName", label)])
        case .accessPoint(let label, let account, let key):
            guard let entry = accessPoint(label: label, account: account, request) else {
                throw S3Error(.noSuchMultiRegionAccessPoint, fields: [.init("Alias", label)])
            }
            return try member(of: entry, key: key, request)
        case .service, .control, .console:
            throw S3Error(.methodNotAllowed)
        }
    }

    /// An access point by alias, or by name (with or without `.mrap`) in the caller's account.
    package func accessPoint(label: String, account: AccountID?, _ request: S3Request) -> RoutingEntry? {
        guard let entry = table.entry(label: label, account: account ?? request.caller.account) else { return nil }
        return account == nil || account == entry.accessPoint.account ? entry : nil
    }

    /// Where a bucket is. A process that sends a request here for good has seen that the bucket was created, of which the
    /// directory here may not have heard yet.
    private func location(of name: BucketName, _ request: S3Request) -> BucketLocation? {
        if let location = directory.location(of: name) { return location }
        guard note(of: request)?.isFinal == true else { return nil }
        for (region, store) in regions {
            if let bucket = try? store.bucket(name) {
                return BucketLocation(name: name, region: region, owner: bucket.owner)
            }
        }
        return nil
    }

    private func bucket(
        _ location: BucketLocation, key: String?, hostRegion: RegionName?, _ request: S3Request
    ) throws -> BucketRequest {
        if let hostRegion, hostRegion != location.region, configured.contains(hostRegion) {
            throw S3Error(
                .permanentRedirect,
                "The bucket is in \(location.region). Send requests to the endpoint of that region, or to one that names none.",
                fields: [
                    .init("Bucket", location.name.rawValue),
                    .init("Endpoint", "\(location.name).s3.\(location.region).amazonaws.com"),
                ],
                headers: [.init("x-amz-bucket-region", location.region.rawValue)])
        }
        try authorize(
            request, action: request.action, arn: "arn:aws:s3:::\(location.name)", owner: location.owner.account)
        return BucketRequest(
            request: request, store: try store(location.region),
            bucket: try store(location.region).bucket(location.name),
            key: try key.map(Self.objectKey), accessPoint: nil, routing: nil)
    }

    private func member(of entry: RoutingEntry, key: String?, _ request: S3Request) throws -> BucketRequest {
        let point = entry.accessPoint
        try authorize(request, action: request.action, arn: point.arn.description, owner: point.account)
        guard let choice = choice(among: entry, request) else {
            throw S3Error(.serviceUnavailable, "No region of the access point \(point.name) is active.")
        }
        let store = try store(choice.member.region)
        if let signature = request.signature, !signature.covers(store.region) {
            throw S3Error(
                .authorizationHeaderMalformed,
                "The signature's region set does not cover \(store.region), which serves this request. Sign for '*'.")
        }
        let bucket = try store.bucket(choice.member.bucket)
        try authorize(request, action: request.action, arn: "arn:aws:s3:::\(bucket.name)", owner: bucket.owner.account)
        return BucketRequest(
            request: request, store: store, bucket: bucket, key: try key.map(Self.objectKey), accessPoint: entry,
            routing: choice.reason)
    }

    /// An edge's choice when one sent the request and knows the routes that hold now; else our own.
    private func choice(among entry: RoutingEntry, _ request: S3Request) -> RouteChooser.Choice? {
        let claim = note(of: request)?.claim
        if let choice = claim?.choice(in: entry), regions[choice.member.region] != nil { return choice }
        return RouteChooser.choose(
            entry, home: claim?.home ?? home, healthy: { regions[$0] != nil }, pin: request.pinnedRegion,
            random: request.operation.isListing ? nil : random.next(), distance: places.distance)
    }

    /// What the process of ours that sent the request says about it; `nil` for what clients send.
    private func note(of request: S3Request) -> ForwardingNote? {
        if let note = request.note { return note }
        return edgeKey.flatMap { key in
            request.header(RouteClaim.header).flatMap { key.note($0, now: request.now) }
        }
    }

    /// Whether another process of the installation has the region.
    func isElsewhere(_ region: RegionName) -> Bool { regions[region] == nil && configured.contains(region) }

    package func store(_ region: RegionName) throws(S3Error) -> RegionStore {
        guard let store = regions[region] else {
            let reason =
                isElsewhere(region)
                ? "The region \(region) is served by another process; the configuration differs."
                : "The region \(region) is not served by this installation any more."
            throw S3Error(.serviceUnavailable, reason, headers: [.init("Retry-After", "1")])
        }
        return store
    }

    package func authorize(_ request: S3Request, action: String, arn: String, owner: AccountID) throws(S3Error) {
        let question = AccessRequest(
            principal: .identity(request.caller), action: action, resource: arn, resourceOwner: owner)
        guard case .deny(let because) = question.decide() else { return }
        throw S3Error(.accessDenied, "Access Denied: \(action) was refused because \(because).")
    }

    static func objectKey(_ text: String) throws(S3Error) -> ObjectKey {
        guard let key = ObjectKey(text) else {
            throw S3Error(
                .keyTooLongError,
                fields: [.init("Size", "\(text.utf8.count)"), .init("MaxSizeAllowed", "\(ObjectKey.maximumByteCount)")])
        }
        return key
    }
}
