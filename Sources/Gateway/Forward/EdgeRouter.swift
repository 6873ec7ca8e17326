package import AccessPoints
package import Cluster
package import Environment
import NIOHTTP1
package import S3Model

/// Which region a request belongs to, told by its address alone: for edges, and for processes that have some of the
/// regions. Pure but for its inputs: table, directory and the random draw.
package struct EdgeRouter: Sendable {
    let endpoints: EndpointResolver
    let table: RoutingTable
    /// Where buckets are; `nil` at an edge, which knows none and leaves them to its origin.
    let directory: BucketDirectory?
    /// Where this edge stands.
    let home: RegionName
    let places: RegionDirectory
    /// The account of each access key: names of access points belong to accounts.
    let accounts: [String: AccountID]
    let random: any RandomSource

    package init(
        endpoints: EndpointResolver, table: RoutingTable, directory: BucketDirectory? = nil, home: RegionName,
        places: RegionDirectory, accounts: [String: AccountID], random: any RandomSource
    ) {
        self.endpoints = endpoints
        self.table = table
        self.directory = directory
        self.home = home
        self.places = places
        self.accounts = accounts
        self.random = random
    }

    enum Decision: Equatable {
        /// Nothing that is known here, or nothing that can be understood.
        case unknown
        /// An access point, and the member that was chosen.
        case accessPoint(RouteClaim)
        case bucket(BucketLocation)
        /// CreateBucket. Told apart only where there is a directory.
        case creation
        /// A request to the service itself, for example ListBuckets.
        case service
        /// A request to the Security Token Service.
        case token
        /// A request to S3 Control.
        case control
        /// A page of the process itself, which is never forwarded.
        case own(path: String)
    }

    /// Never refuses: what cannot be understood is for whoever answers the request, which says why.
    /// - Parameters:
    ///   - claim: the choice of the edge that sent the request; it holds while that edge knew the same routes.
    ///   - healthy: whether a region is thought to be up.
    func decide(
        _ request: HTTPRequest, claim: RouteClaim? = nil, healthy: (RegionName) -> Bool = { _ in true }
    ) -> Decision {
        guard let target = try? RequestTarget(parsing: request.target, skipsSignature: true) else { return .unknown }
        let host = target.authority ?? request.headers.first(name: "host")
        guard let endpoint = try? endpoints.resolve(host: host, path: target.rawPath) else { return .unknown }
        let entry: RoutingEntry?
        switch endpoint {
        case .console(let path): return .own(path: path)
        case .control: return .control
        case .service: return TokenService.isAddressed(request, host: host) ? .token : .service
        case .bucket(let label, let key, _):
            if let directory {
                if key == nil, Self.isCreation(request, target, endpoint) { return .creation }
                if let name = BucketName(label), let location = directory.location(of: name) {
                    return .bucket(location)
                }
            }
            entry = self.entry(label: label, account: nil, target, request)
        case .accessPoint(let label, let account, _):
            entry = self.entry(label: label, account: account, target, request)
        }
        guard let entry else { return .unknown }
        if let choice = claim?.choice(in: entry), choice.reason == .pinned || healthy(choice.member.region) {
            return .accessPoint(self.claim(choice, in: entry, home: claim?.home))
        }
        let choice = RouteChooser.choose(
            entry, home: claim?.home ?? home, healthy: healthy, pin: target.query.pinnedRegion,
            random: Self.isListing(request, target, endpoint) ? nil : random.next(), distance: places.distance)
        return choice.map { .accessPoint(self.claim($0, in: entry, home: claim?.home)) } ?? .unknown
    }

    private func claim(_ choice: RouteChooser.Choice, in entry: RoutingEntry, home: RegionName?) -> RouteClaim {
        RouteClaim(
            region: choice.member.region, reason: choice.reason, home: home ?? self.home,
            routesVersion: entry.routes.version)
    }

    private static func isCreation(_ request: HTTPRequest, _ target: RequestTarget, _ endpoint: Endpoint) -> Bool {
        guard request.method == "PUT" else { return false }
        let call = try? OperationCall(
            method: request.method, endpoint: endpoint, target: target, headers: request.headers)
        return call?.operation == .createBucket
    }

    private static func isListing(_ request: HTTPRequest, _ target: RequestTarget, _ endpoint: Endpoint) -> Bool {
        guard request.method == "GET", endpoint.key == nil else { return false }
        let call = try? OperationCall(
            method: request.method, endpoint: endpoint, target: target, headers: request.headers)
        return call?.operation.isListing ?? false
    }

    private func entry(
        label: String, account: AccountID?, _ target: RequestTarget, _ request: HTTPRequest
    ) -> RoutingEntry? {
        if let entry = table.entry(label: label, account: account) { return entry }
        guard account == nil, let key = Self.accessKeyID(of: request, target.query) else { return nil }
        return accounts[key].flatMap { table.entry(label: label, account: $0) }
    }

    /// The access key that a request says it is signed with. Nothing is verified here; the region does that.
    static func accessKeyID(of request: HTTPRequest, _ query: QueryItems) -> String? {
        if let value = request.headers.first(name: "authorization") {
            if let mark = value.indexAfterCredential {
                return String(value[mark...].prefix { $0 != "/" && $0 != "," && $0 != " " })
            }
            guard value.hasPrefix("AWS ") else { return nil }
            return String(value.dropFirst(4).prefix { $0 != ":" })
        }
        if let credential = query["X-Amz-Credential"] { return String(credential.prefix { $0 != "/" }) }
        return query["AWSAccessKeyId"]
    }
}

extension String {
    /// The index behind the first `Credential=`.
    fileprivate var indexAfterCredential: String.Index? {
        let mark = "Credential="
        var start = utf8.startIndex
        while let first = utf8[start...].firstIndex(of: UInt8(ascii: "C")) {
            if utf8[first...].starts(with: mark.utf8) { return utf8.index(first, offsetBy: mark.utf8.count) }
            start = utf8.index(after: first)
        }
        return nil
    }
}
