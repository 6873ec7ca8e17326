package import Cluster
package import Environment
package import Logging
package import Replication
package import S3Model

/// The limits of all links, in the control store, so that they last and count in every process at once.
///
///     replication/limit/FROM/TO   LimitRecord
package struct BandwidthLimits: Sendable {
    /// The least limit, in bytes per second.
    package static let least: Int64 = 1_024
    private static let prefix = "replication/limit/"

    private struct LimitRecord: Codable {
        static let version: UInt8 = 1
        var bytesPerSecond: Int64
    }

    private let control: any ControlStore
    private let services: [ReplicationService]
    private let time: any TimeSource
    private let log: Logger

    package init(control: any ControlStore, services: [ReplicationService], time: any TimeSource, log: Logger) {
        self.control = control
        self.services = services
        self.time = time
        self.log = log
    }

    /// Follows the control store until the task is cancelled.
    package func run() async {
        await control.follow(prefix: Self.prefix, time: time, log: log) { apply($0) }
    }

    /// In force in this process when it returns. `nil` removes the limit.
    package func set(from: RegionName, to: RegionName, bytesPerSecond: Int64?) async throws {
        var transaction = ControlTransaction()
        let key = "\(Self.prefix)\(from)/\(to)"
        if let bytesPerSecond {
            let value = try ControlValue.encode(
                LimitRecord(bytesPerSecond: bytesPerSecond), version: LimitRecord.version)
            transaction.writes = [.put(key: key, value: value)]
        } else {
            transaction.writes = [.delete(key: key)]
        }
        _ = try await control.commit(transaction)
        apply(try await control.snapshot(prefix: Self.prefix))
    }

    private func apply(_ snapshot: ControlSnapshot) {
        var limits: [RegionName: [RegionName: Int64]] = [:]
        for record in snapshot.records {
            let names = record.key.dropFirst(Self.prefix.count).split(separator: "/")
            guard names.count == 2, let from = RegionName(String(names[0])), let to = RegionName(String(names[1]))
            else { continue }
            do {
                let value = try ControlValue.decode(
                    LimitRecord.self, from: record.value, version: LimitRecord.version)
                limits[from, default: [:]][to] = value.bytesPerSecond
            } catch {
                log.error("unreadable bandwidth limit", metadata: ["key": "\(record.key)", "error": "\(error)"])
            }
        }
        for service in services { service.limitBandwidth(limits[service.region] ?? [:]) }
    }
}
