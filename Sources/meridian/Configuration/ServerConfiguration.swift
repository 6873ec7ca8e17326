package import Cluster
import Crypto
package import Gateway
package import S3Model
package import Telemetry

/// Everything that a person can set. Defaults start three regions on one machine; docs/reference/configuration.md has a
/// table of every key.
package struct ServerConfiguration: Sendable, Equatable {
    package struct Region: Sendable, Hashable {
        package let name: RegionName
        /// `nil`: those of AWS's region of that name, if there is one.
        package let coordinates: Coordinate?
        /// Where the region's own process listens (`meridian region`); `nil`: the region runs in the server's process.
        package let server: ListenAddress?

        package init(name: RegionName, coordinates: Coordinate? = nil, server: ListenAddress? = nil) {
            self.name = name
            self.coordinates = coordinates
            self.server = server
        }
    }

    package struct User: Sendable, Equatable {
        package let accessKeyID: String
        package let secretAccessKey: Redacted<String>
        package let owner: Owner
        /// `nil`: the root of the account.
        package let name: String?
    }

    package struct Limits: Sendable, Hashable {
        /// Connections beyond this are closed at once.
        package var maximumConnections = 10_000
        /// Request line and headers together, bytes.
        package var maximumHeadBytes = 64 * 1024
        /// How long the head of a request may take to arrive.
        package var headTimeoutSeconds = 30
        /// How long a body may make no progress, in either direction.
        package var stallTimeoutSeconds = 60
        /// A connection on which nothing happens is closed after this.
        package var idleTimeoutSeconds = 75
        /// How long a stop waits for requests in flight.
        package var drainTimeoutSeconds = 10
    }

    package var regions: [Region]
    /// Where this process is: requests to access points go to the region nearest to it.
    package var homeRegion: RegionName
    /// The account of the root identity, whose keys are in `credentials.json`.
    package var rootOwner: Owner
    package var listen: [ListenAddress]
    /// Nobody asked for these addresses, so `[::1]` may be missing where the machine has no IPv6.
    package var listensByDefault: Bool
    /// Own base domains: `BUCKET.s3.DOMAIN` and `LABEL.accesspoint.s3-global.DOMAIN` are understood below them.
    package var domains: [String]
    package var users: [User]
    package var limits: Limits

    package static let rootAccount = "123456789012"
    package static let defaultListen = [
        ListenAddress(host: "127.0.0.1", port: 9000), ListenAddress(host: "::1", port: 9000),
    ]
    package static let defaultRegions = [
        Region(name: RegionName(literal: "us-east-1")), Region(name: RegionName(literal: "eu-west-1")),
        Region(name: RegionName(literal: "ap-southeast-1")),
    ]

    /// What starts when nothing is configured.
    package static let standard = ServerConfiguration(
        regions: defaultRegions, homeRegion: RegionName(literal: "us-east-1"), rootOwner: standardRootOwner,
        listen: defaultListen, listensByDefault: true, domains: [], users: [], limits: Limits())

    private static let standardRootOwner: Owner = {
        guard let account = AccountID(rootAccount) else { preconditionFailure("not an account: \(rootAccount)") }
        return Owner(account: account, canonicalID: canonicalID(of: account), displayName: "root")
    }()

    /// The canonical id of an account for which none is configured: 64 hexadecimal digits, as on AWS, the same on every
    /// site.
    package static func canonicalID(of account: AccountID) -> String {
        let digits = Array("0123456789abcdef".utf8)
        let digest = SHA256.hash(data: Array("meridian canonical id of \(account)".utf8))
        return String(decoding: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
