import S3Model

/// The folder of a ``FileBlobStore``. Everything here blocks.
///
///     format                      names the format and its version; locked while a process has the folder
///     staging/<id>                blobs being written; what is there at the start is removed
///     blobs/<epoch>/<2 hex>/<id>  blobs; every start begins a new epoch
///     blobs/<epoch>/confirmed     this epoch has no blob without a version, because its process ended cleanly or because
///                                 a later start has looked
///
/// So a start after a crash looks only at the epochs since the last clean stop, however many blobs there are.
final class BlobFolder: Sendable {
    static let format = "meridian-blobs 1\n"
    let path: String
    /// Eight hexadecimal digits.
    let epoch: String
    /// Earlier epochs without a marker.
    let unconfirmedEpochs: [String]
    /// Holds the lock.
    private let formatFile: OpenFile

    init(_ path: String) throws {
        self.path = path
        try FileNames.makeFolders(path)
        formatFile = try Self.openFormat(in: path)
        guard formatFile.lock() else {
            throw StorageError.unusable(detail: "\(path) is in use by another process")
        }
        for folder in ["staging", "blobs"] { try FileNames.makeFolder("\(path)/\(folder)") }
        for name in try FileNames.list("\(path)/staging") { try FileNames.remove("\(path)/staging/\(name)") }
        let epochs = try FileNames.list("\(path)/blobs").filter { Self.isHex($0, count: 8) }
        unconfirmedEpochs = epochs.filter { !FileNames.exists("\(path)/blobs/\($0)/confirmed") }
        epoch = Self.epochName(after: epochs.last)
        try FileNames.makeFolder("\(path)/blobs/\(epoch)")
        try FileNames.syncFolder("\(path)/blobs")
        try FileNames.syncFolder(path)
    }

    /// Lets another process have the folder. Nothing may be done with it afterwards.
    func release() { formatFile.unlock() }

    private static func openFormat(in path: String) throws -> OpenFile {
        let name = "\(path)/format"
        if !FileNames.exists(name) {
            let others = try FileNames.list(path).filter { $0 != "format.new" }
            guard others.isEmpty else {
                throw StorageError.unusable(
                    detail: "\(path) is not empty and was not made by this program (it has \(others[0]) but no format)")
            }
            try FileNames.remove("\(name).new")
            let file = try OpenFile("\(name).new", .create)
            try Array(format.utf8).withUnsafeBytes { try file.write($0) }
            try file.syncData()
            guard try FileNames.rename("\(name).new", to: name) else { throw StorageError.system("rename", name) }
            try FileNames.syncFolder(path)
        }
        let file = try OpenFile(name, .read)
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
        guard bytes.prefix(count).elementsEqual(format.utf8) else {
            let found = String(decoding: bytes.prefix(count), as: UTF8.self)
            throw StorageError.unusable(
                detail: "\(name) says \"\(found.prefix { $0 != "\n" })\", this program knows \"\(format.dropLast())\"")
        }
        return file
    }

    private static func epochName(after last: String?) -> String {
        let number = last.flatMap { UInt32($0, radix: 16) }.map { $0 &+ 1 } ?? 1
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }

    private static func isHex(_ text: some StringProtocol, count: Int) -> Bool {
        text.utf8.count == count
            && text.utf8.allSatisfy {
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                    || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
            }
    }

    // MARK: Names

    func stagingPath(_ id: String) -> String { "\(path)/staging/\(id)" }

    /// The file and its folder. Throws for names that are not ours, so that no stored value can lead out of the folder.
    func place(of blob: BlobID) throws -> (folder: String, file: String) {
        let fields = blob.rawValue.split(separator: "-", omittingEmptySubsequences: false)
        guard fields.count == 2, Self.isHex(fields[0], count: 8), Self.isHex(fields[1], count: 32) else {
            throw StorageError.corrupt(detail: "\"\(blob)\" is not the name of a blob on files")
        }
        let folder = "\(path)/blobs/\(fields[0])/\(fields[1].prefix(2))"
        return (folder, "\(folder)/\(fields[1])")
    }

    /// Gives a complete staged file its name, durably.
    func publish(_ id: String) throws -> BlobID {
        let blob = BlobID("\(epoch)-\(id)")
        let place = try place(of: blob)
        if try !FileNames.rename(stagingPath(id), to: place.file) {
            try FileNames.makeFolder(place.folder)
            try FileNames.syncFolder("\(path)/blobs/\(epoch)")
            guard try FileNames.rename(stagingPath(id), to: place.file) else {
                throw StorageError.io(operation: "rename", detail: "\(stagingPath(id)) is gone")
            }
        }
        do {
            try FileNames.syncFolder(place.folder)
        } catch {
            // Nobody will learn its name.
            _ = try? FileNames.remove(place.file)
            throw error
        }
        return blob
    }

    /// Removes files, durably: their rows are forgotten next, and then nothing would lead to a file that came back.
    func remove(_ blobs: [BlobID]) throws {
        var folders: Set<String> = []
        for blob in blobs {
            let place = try place(of: blob)
            if try FileNames.remove(place.file) { folders.insert(place.folder) }
        }
        for folder in folders.sorted() { try FileNames.syncFolder(folder) }
    }

    // MARK: Epochs

    /// All blobs of the epochs that have no marker.
    func unconfirmed() throws -> [BlobID] {
        var found: [BlobID] = []
        for epoch in unconfirmedEpochs {
            for folder in try FileNames.list("\(path)/blobs/\(epoch)") where Self.isHex(folder, count: 2) {
                for id in try FileNames.list("\(path)/blobs/\(epoch)/\(folder)") where Self.isHex(id, count: 32) {
                    found.append(BlobID("\(epoch)-\(id)"))
                }
            }
        }
        return found
    }

    /// Marks the earlier epochs, or removes them when they are empty.
    func confirmEarlier() throws {
        for epoch in unconfirmedEpochs {
            let folder = "\(path)/blobs/\(epoch)"
            for name in try FileNames.list(folder) where Self.isHex(name, count: 2) {
                FileNames.removeEmptyFolder("\(folder)/\(name)")
            }
            FileNames.removeEmptyFolder(folder)
            if FileNames.exists(folder) { try confirm(epoch) }
        }
    }

    /// The clean end of this process's epoch.
    func confirmCurrent() throws { try confirm(epoch) }

    private func confirm(_ epoch: String) throws {
        let marker = "\(path)/blobs/\(epoch)/confirmed"
        guard !FileNames.exists(marker) else { return }
        try OpenFile(marker, .create).syncData()
        try FileNames.syncFolder("\(path)/blobs/\(epoch)")
    }
}
