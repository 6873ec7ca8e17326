#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The folder that holds everything a server keeps. Only the server that holds its lock writes to it.
///
/// ```
/// meridian.json      format marker: {"format": "meridian-data", "version": 1}
/// lock               flock, and the pid of the holder
/// credentials.json   the root identity's keys, 0600
/// runtime.json       pid and addresses of the running server
/// botocore/          the overlay that `meridian env` points boto3 and the AWS CLI to
/// ca.pem, …          the local certificate authority
/// control.sqlite     the control store
/// regions/           a folder with the store of each region
/// ```
package struct DataFolder: Sendable {
    /// The version of the folder's layout that this program writes.
    package static let formatVersion = 1
    /// Where `serve` keeps its data unless told otherwise.
    package static let defaultPath = "./meridian-data"

    /// Absolute.
    package let path: String

    package init(path: String) { self.path = POSIXFile.absolute(path) }

    /// The path of a file or folder inside.
    package func path(_ name: String) -> String { path + "/" + name }

    /// The folder of a region's store.
    func regionPath(_ region: String) -> String { path("regions/\(region)") }

    /// The regions that have a store here, sorted, configured or not.
    func regionsWithData() throws -> [String] {
        let regions = path("regions")
        guard POSIXFile.exists(regions) else { return [] }
        return try POSIXFile.list(regions).filter { POSIXFile.exists("\(regions)/\($0)/metadata.sqlite") }
    }

    /// Makes a folder inside, readable by the owner only.
    package func makeFolder(_ name: String) throws {
        var partial = path
        for piece in name.split(separator: "/") {
            partial += "/" + piece
            try POSIXFile.makeFolder(partial)
        }
    }

    /// Replaces a file inside, atomically and durably. The default is readable by the owner only.
    package func write(_ name: String, _ bytes: [UInt8], mode: UInt32 = 0o600) throws {
        try POSIXFile.replace(path(name), with: bytes, mode: mode_t(mode))
    }

    /// The content of a file inside, `nil` when it is not there.
    package func read(_ name: String) throws -> [UInt8]? { try POSIXFile.read(path(name)) }

    /// Makes the folder, or checks that it is ours and of a version that we understand, and takes its lock.
    ///
    /// Throws ``OperatorError`` when the folder belongs to something else, was written by a newer Meridian, cannot be
    /// used, or is in use by another server. Nothing is changed in a folder that is refused.
    package func open() throws -> FolderLock {
        do {
            if !POSIXFile.exists(path) { try makeWithParents() }
            guard POSIXFile.isFolder(path) else {
                throw OperatorError("\(path) is not a folder. Give --data a folder, or a name that does not exist yet.")
            }
            try checkMarker()
            let lock = try FolderLock.take(path("lock"), folder: path)
            if try read("meridian.json") == nil { try write("meridian.json", Self.marker) }
            return lock
        } catch let failure as POSIXFile.Failure {
            throw OperatorError("The data folder \(path) cannot be used: \(failure).")
        }
    }

    /// Whether a server is running on this folder.
    package var isInUse: Bool { FolderLock.isHeld(path("lock")) }

    private static let marker = Array("{\"format\": \"meridian-data\", \"version\": \(formatVersion)}\n".utf8)

    private func makeWithParents() throws {
        var partial = ""
        for piece in path.split(separator: "/") {
            partial += "/" + piece
            if !POSIXFile.exists(partial) { try POSIXFile.makeFolder(partial) }
        }
        try POSIXFile.syncFolder(POSIXFile.parent(of: path))
    }

    private func checkMarker() throws {
        guard let bytes = try read("meridian.json") else {
            // A lock alone is what a start that was killed before its marker leaves behind.
            let names = try POSIXFile.list(path).filter { $0 != "lock" && $0 != "meridian.json.new" }
            guard names.isEmpty else {
                throw OperatorError(
                    "\(path) has files in it (\(names.prefix(3).joined(separator: ", "))\(names.count > 3 ? ", …" : "")) "
                        + "but is not a Meridian data folder. Give --data an empty folder or one that does not exist yet."
                )
            }
            return
        }
        let object = try? JSONValue.parse(bytes).object
        guard let object, object["format"] == .string("meridian-data"), case .integer(let version)? = object["version"]
        else {
            throw OperatorError(
                "\(path("meridian.json")) is not the marker of a Meridian data folder: expected "
                    + "{\"format\": \"meridian-data\", \"version\": \(Self.formatVersion)}.")
        }
        guard version <= Self.formatVersion else {
            throw OperatorError(
                "\(path) was written by a newer Meridian (format \(version); this is \(Version.text) and reads up to "
                    + "format \(Self.formatVersion)). Start that newer version.")
        }
        guard version >= 1 else { throw OperatorError("\(path("meridian.json")) has no valid version: \(version).") }
    }
}
