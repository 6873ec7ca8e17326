package import S3Model

/// What a request is addressed to, before anything is looked up.
package enum Endpoint: Sendable, Hashable {
    /// The S3 Control API: any path below `/v20180820/`, on any host.
    case control
    /// Our own pages: `/-/…`.
    case console(path: String)
    /// The service itself (`GET /` lists buckets).
    case service(region: RegionName?)
    /// `label` is a bucket's name or, failing that, an access point's name or alias. `region` is the one that the host
    /// names, `nil` on hosts that name none.
    case bucket(label: String, key: String?, region: RegionName?)
    /// An access point for certain: by its global host name or by ARN. `account` is the ARN's.
    case accessPoint(label: String, account: AccountID?, key: String?)

    /// The object's key, where one is named.
    var key: String? {
        switch self {
        case .bucket(_, let key, _), .accessPoint(_, _, let key): key
        case .control, .console, .service: nil
        }
    }
}

/// Host and path → ``Endpoint``: every address form of spec/clients.md §3.5. Pure.
package struct EndpointResolver: Sendable {
    /// Own base domains beside `amazonaws.com`, lower case, longest first.
    private let domains: [String]
    /// The same with the dot that stands before them in longer names.
    private let domainSuffixes: [String]

    package init(ownDomains: [String]) {
        let all = ownDomains.map { $0.lowercased() } + ["s3.localhost", "localhost"]
        domains = Array(Set(all)).sorted { $0.utf8.count != $1.utf8.count ? $0.utf8.count > $1.utf8.count : $0 < $1 }
        domainSuffixes = domains.map { "." + $0 }
    }

    /// Throws `InvalidURI` when the path is not percent-encoded UTF-8.
    package func resolve(host: String?, path rawPath: String) throws(S3Error) -> Endpoint {
        if rawPath.hasPrefix("/v20180820/") || rawPath == "/v20180820" { return .control }
        if rawPath.hasPrefix("/-/") || rawPath == "/-" { return .console(path: rawPath) }
        switch parse(host: Self.name(ofHost: host)) {
        case .pathStyle(let region): return try pathStyle(rawPath, region: region, accessPointsOnly: false)
        case .accessPointsByPath: return try pathStyle(rawPath, region: nil, accessPointsOnly: true)
        case .control: return .control
        case .bucket(let label, let region):
            return .bucket(label: label, key: try Self.key(rawPath.utf8.dropFirst()), region: region)
        case .accessPoint(let label):
            return .accessPoint(label: label, account: nil, key: try Self.key(rawPath.utf8.dropFirst()))
        }
    }

    /// The bucket or access point that a `Host` names; `nil` for path style.
    package func virtualHostLabel(of host: String) -> String? {
        switch parse(host: Self.name(ofHost: host)) {
        case .bucket(let label, _), .accessPoint(let label): label
        case .pathStyle, .accessPointsByPath, .control: nil
        }
    }

    /// Whether CONNECT to this name is for us: only service names that AWS clients use, and our own domains.
    package func isServiceName(_ host: String) -> Bool {
        let name = host.lowercased()
        if domains.contains(where: { name == $0 || name.hasSuffix("." + $0) }) { return true }
        guard let rest = Self.remove(suffix: ".amazonaws.com", of: name) else { return false }
        return TokenService.isServiceName(name) || Self.awsForm(rest) != nil
    }

    /// The host without its port, lower case; brackets of IPv6 literals are taken off.
    static func name(ofHost host: String?) -> String {
        guard let host else { return "" }
        if host.hasPrefix("[") {
            return String(host.dropFirst().prefix { $0 != "]" })
        }
        let end = host.utf8.firstIndex(of: UInt8(ascii: ":")) ?? host.endIndex
        return host[..<end].lowercased()
    }
}

// MARK: Hosts

extension EndpointResolver {
    enum HostForm: Hashable {
        case pathStyle(region: RegionName?)
        /// The bare `accesspoint.s3-global.…`.
        case accessPointsByPath
        case control
        case bucket(label: String, region: RegionName?)
        case accessPoint(label: String)
    }

    /// Hosts that we do not know are taken as plain endpoints with path style, so that a container's or a proxy's name
    /// works without being configured.
    func parse(host: String) -> HostForm {
        if let rest = Self.remove(suffix: ".amazonaws.com", of: host), let form = Self.awsForm(rest) { return form }
        for (domain, suffix) in zip(domains, domainSuffixes) {
            if host == domain { return .pathStyle(region: nil) }
            guard let rest = Self.remove(suffix: suffix, of: host) else { continue }
            if let form = Self.awsForm(rest) { return form }
            return .bucket(label: rest, region: nil)
        }
        return .pathStyle(region: nil)
    }

    /// What stands before the base domain, in the forms of AWS's service names; `nil` when it is none of them.
    static func awsForm(_ text: String) -> HostForm? {
        if text == "accesspoint.s3-global" { return .accessPointsByPath }
        if let label = remove(suffix: ".accesspoint.s3-global", of: text) { return .accessPoint(label: label) }
        let labels = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        // Service labels stand at the end: [bucket labels…] service [dualstack] [region].
        for start in labels.indices.reversed() {
            guard let service = serviceForm(labels[start], rest: Array(labels[(start + 1)...])) else { continue }
            let prefix = labels[..<start].joined(separator: ".")
            switch service {
            case .control:
                let isAccount = prefix.isEmpty || AccountID(prefix) != nil
                return isAccount ? .control : nil
            case .s3(let region):
                return prefix.isEmpty ? .pathStyle(region: region) : .bucket(label: prefix, region: region)
            }
        }
        return nil
    }

    private enum Service {
        case s3(region: RegionName?)
        case control
    }

    private static func serviceForm(_ label: String, rest: [String]) -> Service? {
        var rest = rest
        if rest.first == "dualstack" { rest.removeFirst() }
        let region: RegionName?
        switch rest.count {
        case 0: region = nil
        case 1:
            guard let named = RegionName(rest[0]), rest[0].contains("-") else { return nil }
            region = named
        default: return nil
        }
        switch label {
        case "s3", "s3-fips", "s3-accelerate": return .s3(region: label == "s3-accelerate" ? nil : region)
        case "s3-control", "s3-control-fips": return .control
        default:
            // The old dash form: s3-eu-west-1.amazonaws.com.
            guard rest.isEmpty, let name = remove(prefix: "s3-", of: label), name.split(separator: "-").count >= 3,
                let region = RegionName(name)
            else { return nil }
            return .s3(region: region)
        }
    }

    private static func remove(suffix: String, of text: String) -> String? {
        text.hasSuffix(suffix) && text.utf8.count > suffix.utf8.count
            ? String(text.utf8.dropLast(suffix.utf8.count)) : nil
    }

    private static func remove(prefix: String, of text: String) -> String? {
        text.hasPrefix(prefix) ? String(text.dropFirst(prefix.count)) : nil
    }
}

// MARK: Paths

extension EndpointResolver {
    private func pathStyle(
        _ rawPath: String, region: RegionName?, accessPointsOnly: Bool
    ) throws(S3Error) -> Endpoint {
        let path = rawPath.utf8.dropFirst()
        guard !path.isEmpty else { return .service(region: region) }
        let slash = path.firstIndex(of: UInt8(ascii: "/"))
        guard let first = PercentEncoding.decode(path[..<(slash ?? path.endIndex)]) else { throw Self.undecodable }
        let rest = slash.map { path[path.index(after: $0)...] } ?? path[path.endIndex...]
        if first.hasPrefix("arn:") { return try accessPointByARN(first: first, rest: rest) }
        let key = try Self.key(rest)
        if accessPointsOnly { return .accessPoint(label: first, account: nil, key: key) }
        return .bucket(label: first, key: key, region: region)
    }

    /// `/arn:aws:s3::ACCOUNT:accesspoint/LABEL/key` and `…accesspoint:LABEL/key`, the slash raw or encoded.
    private func accessPointByARN(first: String, rest: Substring.UTF8View) throws(S3Error) -> Endpoint {
        if let parsed = AccessPointARN.parse(first), parsed.objectKey == nil {
            return .accessPoint(label: parsed.arn.label, account: parsed.arn.account, key: try Self.key(rest))
        }
        let slash = rest.firstIndex(of: UInt8(ascii: "/"))
        guard let label = PercentEncoding.decode(rest[..<(slash ?? rest.endIndex)]),
            let parsed = AccessPointARN.parse(first + "/" + label)
        else {
            throw S3Error(
                .invalidRequest, "Expected arn:aws:s3::ACCOUNT:accesspoint/NAME in the path, found '\(first)'.")
        }
        let keyBytes = slash.map { rest[rest.index(after: $0)...] } ?? rest[rest.endIndex...]
        return .accessPoint(label: parsed.arn.label, account: parsed.arn.account, key: try Self.key(keyBytes))
    }

    private static func key(_ bytes: Substring.UTF8View) throws(S3Error) -> String? {
        guard !bytes.isEmpty else { return nil }
        guard let key = PercentEncoding.decode(bytes) else { throw undecodable }
        return key
    }

    private static var undecodable: S3Error {
        S3Error(.invalidURI, "The path is not percent-encoded UTF-8.")
    }
}
