import Cluster
import S3Model

// What the control store holds of access points. Every value is a version byte and JSON (`ControlValue`).
//
//   mrap/table/point/ACCOUNT/NAME    PointRecord     } one prefix, so that a routing table reads
//   mrap/table/routes/ALIAS-LABEL    RoutesRecord    } points and routes at one revision
//   mrap/table/reads/ALIAS-LABEL     ReadsRecord     } where it is not the default
//   mrap/alias/ALIAS-LABEL           AliasRecord     for ever: an alias is never used twice
//   mrap/account/ACCOUNT             touched by every create, so that the limit per account holds
//   mrap/request/ACCOUNT/TOKEN       RequestRecord   what describe answers from
//   mrap/pending/TOKEN               the account: requests that are not final yet
//   mrap/token/ACCOUNT/HEX           TokenRecord     client tokens, for idempotency
enum ControlKeys {
    static let table = "mrap/table/"
    static let points = "mrap/table/point/"
    static let routes = "mrap/table/routes/"
    static let reads = "mrap/table/reads/"
    static let requests = "mrap/request/"
    static let pending = "mrap/pending/"

    static func points(_ account: AccountID) -> String { "\(points)\(account)/" }
    static func point(_ name: AccessPointName, _ account: AccountID) -> String { points(account) + name.rawValue }
    static func routes(_ alias: AccessPointAlias) -> String { routes + alias.label }
    static func reads(_ alias: AccessPointAlias) -> String { reads + alias.label }
    static func alias(_ label: String) -> String { "mrap/alias/" + label }
    static func account(_ account: AccountID) -> String { "mrap/account/\(account)" }
    static func request(_ token: String, _ account: AccountID) -> String { "\(requests)\(account)/\(token)" }
    static func pending(_ token: String) -> String { pending + token }
    /// Client tokens may hold any visible character, so their bytes are written in hexadecimal.
    static func clientToken(_ token: String, _ account: AccountID) -> String {
        let digits = Array("0123456789abcdef".utf8)
        let hex = token.utf8.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        return "mrap/token/\(account)/" + String(decoding: hex, as: UTF8.self)
    }
}

/// A value of the control store with its own version.
protocol ControlRecordValue: Codable, Sendable {
    static var version: UInt8 { get }
}

extension ControlRecordValue {
    func encoded() throws -> [UInt8] { try ControlValue.encode(self, version: Self.version) }
    static func decode(_ bytes: [UInt8]) throws -> Self {
        try ControlValue.decode(Self.self, from: bytes, version: version)
    }
}

struct PointRecord: ControlRecordValue {
    static let version: UInt8 = 1

    struct Member: Codable, Sendable {
        var bucket: String
        var account: AccountID
        var region: RegionName
    }

    var name: AccessPointName
    var alias: AccessPointAlias
    var account: AccountID
    var created: Timestamp
    var status: AccessPoint.Status
    var members: [Member]
    var publicAccessBlock: PublicAccessBlock
    var policy: AccessPointPolicy
    /// The request that is changing this point; one at a time.
    var operation: String?

    init(_ point: AccessPoint, operation: String?) {
        name = point.name
        alias = point.alias
        account = point.account
        created = point.created
        status = point.status
        members = point.regions.map { Member(bucket: $0.bucket.rawValue, account: $0.account, region: $0.region) }
        publicAccessBlock = point.publicAccessBlock
        policy = point.policy
        self.operation = operation
    }

    var accessPoint: AccessPoint {
        AccessPoint(
            name: name, alias: alias, account: account, created: created, status: status,
            regions: members.compactMap { member in
                BucketName(member.bucket).map {
                    MemberBucket(bucket: $0, account: member.account, region: member.region)
                }
            },
            publicAccessBlock: publicAccessBlock, policy: policy)
    }
}

struct RoutesRecord: ControlRecordValue {
    static let version: UInt8 = 1

    struct Dial: Codable, Sendable {
        var bucket: String
        var region: RegionName
        var percentage: Int
    }

    var version: Int64
    var changed: Timestamp
    var dials: [Dial]

    init(_ routes: Routes) {
        version = routes.version
        changed = routes.changed
        dials = routes.dials.map { Dial(bucket: $0.bucket.rawValue, region: $0.region, percentage: $0.percentage) }
    }

    var routes: Routes {
        Routes(
            version: version, changed: changed,
            dials: dials.compactMap { dial in
                BucketName(dial.bucket).map {
                    Routes.Dial(bucket: $0, region: dial.region, percentage: min(max(dial.percentage, 0), 100))
                }
            })
    }
}

struct ReadsRecord: ControlRecordValue {
    static let version: UInt8 = 1
    var mode: ReadThroughMode
}

struct AliasRecord: ControlRecordValue {
    static let version: UInt8 = 1

    var account: AccountID
    var name: AccessPointName
    /// The point is gone; the alias stays taken.
    var isRetired: Bool
}

/// The number of creates an account has asked for; only its revision matters.
struct AccountRecord: ControlRecordValue {
    static let version: UInt8 = 1
    var creates: Int64
}

struct RequestRecord: ControlRecordValue {
    static let version: UInt8 = 1

    var token: String
    var account: AccountID
    var clientToken: String
    var created: Timestamp
    var parameters: AsyncOperation.Parameters
    var status: AsyncOperation.Status
    var regions: [AsyncOperation.RegionStatus]
    var failure: AsyncOperation.Failure?
}

struct PendingRecord: ControlRecordValue {
    static let version: UInt8 = 1
    var account: AccountID
}

struct TokenRecord: ControlRecordValue {
    static let version: UInt8 = 1
    /// The request that the client token stands for.
    var token: String
}
