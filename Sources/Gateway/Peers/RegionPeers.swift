package import S3Model

/// The other processes of the installation that have regions, by region. The regions of this process are not in it; the
/// server's regions, seen from a region's process, share one client.
package struct RegionPeers: Sendable {
    package let clients: [RegionName: PeerClient]

    package init(clients: [RegionName: PeerClient] = [:]) { self.clients = clients }

    package subscript(region: RegionName) -> PeerClient? { clients[region] }

    /// In name order.
    package var regions: [RegionName] { clients.keys.sorted() }

    /// Each client once.
    package func close() {
        for client in Dictionary(clients.values.map { (ObjectIdentifier($0), $0) }, uniquingKeysWith: { $1 }).values {
            client.close()
        }
    }
}
