import Environment
import Gateway
import NIOCore
import S3Model

/// Which regions this process has, and where the processes of the others listen.
struct ProcessLayout: Sendable {
    /// The regions of this process, in the configuration's order.
    let served: [RegionName]
    /// Where the others are reached.
    let elsewhere: [RegionName: ListenAddress]
    /// Where the server is reached, which has the control store; `nil` in the server itself.
    let origin: ListenAddress?

    /// The server has every region without an address of its own.
    static func server(_ configuration: ServerConfiguration) -> ProcessLayout {
        var elsewhere: [RegionName: ListenAddress] = [:]
        for region in configuration.regions { elsewhere[region.name] = region.server }
        return ProcessLayout(
            served: configuration.regions.filter { $0.server == nil }.map(\.name), elsewhere: elsewhere, origin: nil)
    }

    /// A process for one region; those without an address of their own are at the origin.
    static func region(
        _ name: RegionName, _ configuration: ServerConfiguration, origin: ListenAddress
    ) -> ProcessLayout {
        var elsewhere: [RegionName: ListenAddress] = [:]
        for region in configuration.regions where region.name != name {
            elsewhere[region.name] = region.server ?? origin
        }
        return ProcessLayout(served: [name], elsewhere: elsewhere, origin: origin)
    }

    /// The clients for the other processes, one for each address.
    func clients(
        on eventLoops: any EventLoopGroup, key: EdgeKey, time: any TimeSource
    ) -> (peers: RegionPeers, origin: PeerClient?) {
        var byAddress: [ListenAddress: PeerClient] = [:]
        func client(to address: ListenAddress) -> PeerClient {
            if let known = byAddress[address] { return known }
            let made = PeerClient(to: address, on: eventLoops, key: key, time: time)
            byAddress[address] = made
            return made
        }
        return (RegionPeers(clients: elsewhere.mapValues(client)), origin.map(client))
    }

    /// Throws ``OperatorError`` when the data folder is that of other regions or of another kind of process, so that a
    /// region is never served from two folders, one of them empty.
    func check(_ folder: DataFolder) throws {
        let found = try folder.regionsWithData()
        guard origin == nil else {
            let name = served.map(\.rawValue).joined()
            if POSIXFile.exists(folder.path("control.sqlite")) {
                throw OperatorError(
                    "\(folder.path) is the server's data folder. Give the region \(name) a folder of its own with --data."
                )
            }
            guard let other = found.first(where: { $0 != name }) else { return }
            throw OperatorError(
                "\(folder.path) holds the data of the region \(other). Give the region \(name) a folder of its own with "
                    + "--data.")
        }
        for region in elsewhere.keys.sorted() where found.contains(region.rawValue) {
            throw OperatorError(
                "The configuration gives the region \(region) a process of its own (server), but its data is in "
                    + "\(folder.regionPath(region.rawValue)). Move that folder to DATA/regions/\(region), where DATA is the "
                    + "folder of `meridian region \(region)` (docs/operate.md, \"Each region in a process of its own\")."
            )
        }
    }
}
