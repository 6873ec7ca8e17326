package import AccessPoints
package import Cluster
package import Environment
import NIOHTTP1
package import S3Model

/// Which region a request that reached an edge goes to. Pure but for its inputs: the table and the random draw.
package struct EdgeRouter: Sendable {
    let endpoints: EndpointResolver
    let table: RoutingTable
    /// Where this edge stands.
    let home: RegionName
    let places: RegionDirectory
    /// The account of each access key: names of access points belong to accounts.
    let accounts: [String: AccountID]
    let random: any RandomSource

    package init(
        endpoints: EndpointResolver, table: RoutingTable, home: RegionName, places: RegionDirectory,
        accounts: [String: AccountID], random: any RandomSource
    ) {
        self.endpoints = endpoints
        self.table = table
        self.home = home
        self.places = places
        self.accounts = accounts
        self.random = random
    }

    enum Decision: Equatable {
        /// Not an access point as far as this edge knows: the origin finds the bucket, or says what is wrong.
        case unrouted
        case region(RouteClaim)
        /// A page of the process itself, which is never forwarded.
        case own(path: String)
    }

    /// Never refuses: what cannot be understood is the origin's to answer, which says why.
    func decide(_ request: HTTPRequest) -> Decision {
        guard let target = try? RequestTarget(parsing: request.target, skipsSignature: true) else { return .unrouted }
        let host = target.authority ?? request.headers.first(name: "host")
        guard let endpoint = try? endpoints.resolve(host: host, path: target.rawPath) else { return .unrouted }
        let entry: RoutingEntry?
        switch endpoint {
        case .console(let path): return .own(path: path)
        case .control, .service: return .unrouted
        case .bucket(let label, _, _): entry = self.entry(label: label, account: nil, target, request)
        case .accessPoint(let label, let account, _):
            entry = self.entry(label: label, account: account, target, request)
        }
        guard let entry else { return .unrouted }
        // Every region is behind the one origin; with one upstream per region this asks for its health.
        let choice = RouteChooser.choose(
            entry, home: home, healthy: { _ in true }, pin: target.query.pinnedRegion,
            random: Self.isListing(request, target, endpoint) ? nil : random.next(), distance: places.distance)
        guard let choice else { return .unrouted }
        return .region(
            RouteClaim(
                region: choice.member.region, reason: choice.reason, home: home, routesVersion: entry.routes.version))
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
