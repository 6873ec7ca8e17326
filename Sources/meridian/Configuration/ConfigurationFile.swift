import Cluster
import Gateway
import S3Model
import Telemetry

/// The configuration file: JSON with `"version": 1`. Parsing is pure; a mistake is an ``OperatorError`` that names the key,
/// what was expected and what came.
package enum ConfigurationFile {
    package static let version = 1
    /// A file larger than this is not read.
    package static let maximumBytes = 1 << 20

    static let keys = [
        "version", "regions", "homeRegion", "account", "canonicalID", "displayName", "listen", "domains", "users",
        "limits",
    ]
    static let regionKeys = ["name", "latitude", "longitude", "server"]
    static let userKeys = ["accessKeyID", "secretAccessKey", "account", "canonicalID", "displayName", "name"]
    static let limitKeys = [
        "maximumConnections", "maximumHeadBytes", "headTimeoutSeconds", "stallTimeoutSeconds", "idleTimeoutSeconds",
        "drainTimeoutSeconds",
    ]

    /// The standard configuration with what the file sets.
    package static func parse(_ bytes: [UInt8]) throws(OperatorError) -> ServerConfiguration {
        guard bytes.count <= maximumBytes else {
            throw OperatorError("The configuration has \(bytes.count) bytes; at most \(maximumBytes) are read.")
        }
        let value: JSONValue
        do { value = try JSONValue.parse(bytes) } catch {
            throw OperatorError("The configuration is not valid JSON: \(error).")
        }
        let file = try ConfigurationObject(value, place: "", known: keys)
        guard let found = try file.integer("version", in: 1...Int.max) else {
            throw OperatorError("version is missing: write \"version\": \(version).")
        }
        guard found == version else {
            throw OperatorError("version \(found) is not known to \(Version.text), which reads version \(version).")
        }
        var out = ServerConfiguration.standard
        try readRegions(file, into: &out)
        try readRoot(file, into: &out)
        if let listen = try file.strings("listen", atMost: 64) {
            guard !listen.isEmpty else { throw OperatorError("listen is empty: name at least one HOST:PORT.") }
            out.listen = []
            for (place, text) in listen {
                do { out.listen.append(try ListenAddress.parse(text)) } catch {
                    throw OperatorError("\(place): \(error.message)")
                }
            }
            out.listensByDefault = false
        }
        out.domains = try readDomains(file)
        out.users = try readUsers(file, root: out.rootOwner)
        out.limits = try readLimits(file)
        return out
    }

    private static func readRegions(
        _ file: ConfigurationObject, into out: inout ServerConfiguration
    ) throws(OperatorError) {
        if let entries = try file.list("regions", atMost: 64) {
            guard !entries.isEmpty else { throw OperatorError("regions is empty: name at least one region.") }
            out.regions = []
            for (place, value) in entries {
                let region = try readRegion(value, place: place)
                for other in out.regions where other.name.stampID == region.name.stampID {
                    throw OperatorError(
                        other.name == region.name
                            ? "\(place): region \(region.name) is there twice."
                            : "\(place): \(region.name) and \(other.name) have the same internal number. Rename one.")
                }
                for other in out.regions where region.server != nil && other.server == region.server {
                    throw OperatorError(
                        "\(place).server: \(other.name) listens there already. Each region's process needs an address "
                            + "of its own.")
                }
                out.regions.append(region)
            }
            out.homeRegion = out.regions[0].name
        }
        if let home = try file.string("homeRegion") {
            guard let region = out.regions.first(where: { $0.name.rawValue == home }) else {
                let known = out.regions.map(\.name.rawValue).joined(separator: ", ")
                throw OperatorError("homeRegion \"\(home)\" is none of the regions: \(known).")
            }
            out.homeRegion = region.name
        }
    }

    /// A region is its name, or an object with its coordinates and the address of its own process.
    private static func readRegion(
        _ value: JSONValue, place: String
    ) throws(OperatorError) -> ServerConfiguration.Region {
        func name(_ text: String) throws(OperatorError) -> RegionName {
            guard let name = RegionName(text) else {
                throw OperatorError(
                    "\(place): \"\(text)\" is no region name: expected 1 to 64 of a-z, 0-9 and -, a letter first.")
            }
            return name
        }
        if case .string(let text) = value {
            return ServerConfiguration.Region(name: try name(text))
        }
        let object = try ConfigurationObject(value, place: place, known: regionKeys)
        let regionName = try name(try object.required("name"))
        let latitude = try object.number("latitude", in: -90...90)
        let longitude = try object.number("longitude", in: -180...180)
        var coordinates: Coordinate?
        switch (latitude, longitude) {
        case (let latitude?, let longitude?): coordinates = Coordinate(latitude: latitude, longitude: longitude)
        case (nil, nil): break
        default: throw OperatorError("\(place) needs both latitude and longitude, or neither.")
        }
        return ServerConfiguration.Region(name: regionName, coordinates: coordinates, server: try readServer(object))
    }

    private static func readServer(_ region: ConfigurationObject) throws(OperatorError) -> ListenAddress? {
        guard let text = try region.string("server") else { return nil }
        let address: ListenAddress
        do { address = try ListenAddress.parse(text) } catch {
            throw OperatorError("\(region.path("server")): \(error.message)")
        }
        guard address.port != 0, address == address.reachable else {
            throw OperatorError(
                "\(region.path("server")): the other processes cannot reach \(text). Name the host and port at which "
                    + "they find the region; to listen on every address, use `meridian region --listen`.")
        }
        return address
    }

    private static func readRoot(
        _ file: ConfigurationObject, into out: inout ServerConfiguration
    ) throws(OperatorError) {
        let account = try account(file, default: out.rootOwner.account)
        out.rootOwner = Owner(
            account: account,
            canonicalID: try canonicalID(file) ?? ServerConfiguration.canonicalID(of: account),
            displayName: try file.string("displayName") ?? out.rootOwner.displayName)
    }

    private static func account(
        _ object: ConfigurationObject, default standard: AccountID
    ) throws(OperatorError) -> AccountID {
        guard let text = try object.string("account") else { return standard }
        guard let account = AccountID(text) else {
            throw OperatorError("\(object.path("account")) must be twelve digits in quotes, not \"\(text)\".")
        }
        return account
    }

    private static func canonicalID(_ object: ConfigurationObject) throws(OperatorError) -> String? {
        guard let text = try object.string("canonicalID") else { return nil }
        guard (1...64).contains(text.utf8.count), text.utf8.allSatisfy(isWordByte) else {
            throw OperatorError(
                "\(object.path("canonicalID")) must have 1 to 64 letters, digits and hyphens, not \"\(text)\".")
        }
        return text
    }

    private static func readDomains(_ file: ConfigurationObject) throws(OperatorError) -> [String] {
        var out: [String] = []
        for (place, text) in try file.strings("domains", atMost: 64) ?? [] {
            let labels = text.split(separator: ".", omittingEmptySubsequences: false)
            let isName = labels.allSatisfy { !$0.isEmpty && $0.utf8.count <= 63 && $0.utf8.allSatisfy(isWordByte) }
            guard isName, text.utf8.count <= 253 else {
                throw OperatorError("\(place): \"\(text)\" is no domain name, for example s3.example.com.")
            }
            out.append(text.lowercased())
        }
        return out
    }

    private static func readUsers(
        _ file: ConfigurationObject, root: Owner
    ) throws(OperatorError) -> [ServerConfiguration.User] {
        var out: [ServerConfiguration.User] = []
        var owners = [root.account: root]
        for (place, value) in try file.list("users", atMost: 10_000) ?? [] {
            let object = try ConfigurationObject(value, place: place, known: userKeys)
            let key = try object.required("accessKeyID")
            guard (3...128).contains(key.utf8.count), key.utf8.allSatisfy(isWordByte) else {
                throw OperatorError("\(place).accessKeyID must have 3 to 128 letters, digits, - and _.")
            }
            if out.contains(where: { $0.accessKeyID == key }) {
                throw OperatorError("\(place).accessKeyID \(key) is there twice.")
            }
            let secret = try object.required("secretAccessKey")
            guard (8...256).contains(secret.utf8.count) else {
                throw OperatorError("\(place).secretAccessKey must have 8 to 256 characters.")
            }
            let account = try account(object, default: root.account)
            let known = owners[account]
            let owner = Owner(
                account: account,
                canonicalID: try canonicalID(object) ?? known?.canonicalID
                    ?? ServerConfiguration.canonicalID(of: account),
                displayName: try object.string("displayName") ?? known?.displayName ?? account.rawValue)
            if let known, known.canonicalID != owner.canonicalID {
                throw OperatorError("\(place).canonicalID differs from that of another identity of account \(account).")
            }
            owners[account] = known ?? owner
            let name = try object.string("name")
            if let name, !(1...64).contains(name.utf8.count) {
                throw OperatorError("\(place).name must have 1 to 64 characters.")
            }
            out.append(
                ServerConfiguration.User(
                    accessKeyID: key, secretAccessKey: Redacted(secret), owner: owner, name: name))
        }
        return out
    }

    private static func readLimits(_ file: ConfigurationObject) throws(OperatorError) -> ServerConfiguration.Limits {
        var out = ServerConfiguration.Limits()
        guard let object = try file.object("limits", known: limitKeys) else { return out }
        if let value = try object.integer("maximumConnections", in: 1...1_000_000) { out.maximumConnections = value }
        if let value = try object.integer("maximumHeadBytes", in: 8192...1_048_576) { out.maximumHeadBytes = value }
        if let value = try object.integer("headTimeoutSeconds", in: 1...3600) { out.headTimeoutSeconds = value }
        if let value = try object.integer("stallTimeoutSeconds", in: 1...3600) { out.stallTimeoutSeconds = value }
        if let value = try object.integer("idleTimeoutSeconds", in: 1...86_400) { out.idleTimeoutSeconds = value }
        if let value = try object.integer("drainTimeoutSeconds", in: 0...3600) { out.drainTimeoutSeconds = value }
        return out
    }

    private static func isWordByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
