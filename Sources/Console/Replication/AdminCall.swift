package import Gateway
package import S3Model

#if canImport(FoundationEssentials)
    package import FoundationEssentials
#else
    package import Foundation
#endif

/// What one process asks another about one of its regions, for `meridian replication …` and the status pages. JSON.
package struct AdminCall: Sendable, Codable, Hashable {
    static let currentVersion = 1
    /// A bucket with a thousand rules is far below.
    static let maximumBytes = 4 * 1024 * 1024
    /// How long a report may take, in milliseconds, until its region counts as unreachable.
    static let patience: Int64 = 2_000
    /// The same for what changes something.
    static let patienceForChanges: Int64 = 30_000

    package private(set) var version = AdminCall.currentVersion
    package var region: String
    package var method: String
    package var path: String
    package var query: [String: String]
    package var body: Data?

    package init(
        region: RegionName, _ method: String, _ path: String, _ query: [String: String] = [:], body: Data? = nil
    ) {
        self.region = region.rawValue
        self.method = method
        self.path = path
        self.query = query
        self.body = body
    }

    package func encoded() throws -> [UInt8] { Array(try JSONEncoder().encode(self)) }

    /// `nil` for bytes that are no call of this version.
    package init?(decoding bytes: [UInt8]) {
        guard bytes.count <= Self.maximumBytes,
            let call = try? JSONDecoder().decode(AdminCall.self, from: Data(bytes)),
            call.version == Self.currentVersion
        else { return nil }
        self = call
    }

    func required(_ name: String) throws(S3Error) -> String {
        guard let value = query[name] else {
            throw S3Error.argument("The parameter '\(name)' is missing.", name: name, value: "")
        }
        return value
    }

    func bucket() throws(S3Error) -> BucketName {
        let text = try required("bucket")
        guard let name = BucketName(text) else {
            throw S3Error(.noSuchBucket, fields: [.init("BucketName", String(text.prefix(80)))])
        }
        return name
    }
}

/// What the process that has a region tells of it for the status pages of all.
package struct RegionStatusReport: Sendable, Codable, Hashable {
    package var version = 1
    package var region: StatusReport.Region
    package var replication: [StatusReport.Replication]

    package init(region: StatusReport.Region, replication: [StatusReport.Replication]) {
        self.region = region
        self.replication = replication
    }
}

/// Knows how the regions of this process are.
package protocol RegionStatusSource: Sendable {
    /// `nil` for regions of other processes. Never asks those.
    func regionStatus(_ region: RegionName) async -> RegionStatusReport?
}

/// Answers other processes' questions about the regions of this one (call `admin`). Never asks on.
package struct AdminService: PeerService {
    package static let call = "admin"

    private let regions: [RegionName: RegionAdmin]
    private let status: any RegionStatusSource

    package init(regions: [RegionName: RegionAdmin], status: any RegionStatusSource) {
        self.regions = regions
        self.status = status
    }

    package func answer(_ message: PeerMessage) async throws -> PeerMessage {
        guard let call = AdminCall(decoding: message.head) else {
            throw S3Error(.invalidRequest, "This is no question of 'admin' that this process understands.")
        }
        guard let name = RegionName(call.region), let region = regions[name] else {
            throw S3Error(
                .serviceUnavailable, "The region \(call.region.prefix(64)) is not in the process that was asked.")
        }
        if call.method == "GET", call.path == "region", let report = await status.regionStatus(name) {
            return PeerMessage(head: Array(try JSONEncoder().encode(report)))
        }
        return PeerMessage(head: try await region.answer(call))
    }
}
