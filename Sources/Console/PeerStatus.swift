package import Environment
package import Gateway
package import S3Model

/// Asks the processes that have the other regions how these are, for the status pages.
package struct PeerStatus: Sendable {
    private let peers: [RegionName: any PeerCalling]
    private let time: any TimeSource

    package init(peers: [RegionName: any PeerCalling], time: any TimeSource) {
        self.peers = peers
        self.time = time
    }

    /// The report of the process that has the region; one that says why there is none when it does not answer within two
    /// seconds. `nil` for a region that no other process has.
    package func report(of region: RegionName) async -> RegionStatusReport? {
        guard let peer = peers[region] else { return nil }
        var report: RegionStatusReport
        do {
            let call = try AdminCall(region: region, "GET", "region").encoded()
            let bytes = try await peer.answer(AdminService.call, call, patience: AdminCall.patience, time: time)
            report = try AdminAnswer(region: region, bytes: bytes).decode(RegionStatusReport.self)
            report.region.answers = true
        } catch {
            report = RegionStatusReport(
                region: StatusReport.Region(
                    name: region.rawValue, isHome: false, isHealthy: false, buckets: 0,
                    detail: ReplicationAdmin.reason(error)),
                replication: [])
            report.region.answers = false
        }
        report.region.name = region.rawValue
        report.region.address = peer.place
        return report
    }
}
