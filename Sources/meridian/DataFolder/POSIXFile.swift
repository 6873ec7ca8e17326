#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif
#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The few file calls that the data folder needs, with errors that name the path.
enum POSIXFile {
    /// An `errno` with what was tried.
    struct Failure: Error, CustomStringConvertible, Equatable {
        let operation: String
        let path: String
        let code: Int32

        var description: String { "cannot \(operation) \(path): \(String(cString: strerror(code)))" }
    }

    static func writeOnce(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
        guard let start = bytes.baseAddress, !bytes.isEmpty else { return 0 }
        return write(descriptor, start, bytes.count)
    }

    /// Makes the folder with the given permissions; one that is there already is left as it is.
    static func makeFolder(_ path: String, mode: mode_t = 0o700) throws {
        if mkdir(path, mode) != 0 && errno != EEXIST {
            throw Failure(operation: "make the folder", path: path, code: errno)
        }
    }

    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    static func isFolder(_ path: String) -> Bool {
        var isFolder = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder
    }

    /// The permission bits, `nil` when the file is not there.
    static func permissions(_ path: String) -> mode_t? {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        return (attributes?[.posixPermissions] as? UInt).map { mode_t(truncatingIfNeeded: $0) & 0o777 }
    }

    /// Names in a folder, sorted, without `.` and `..`.
    static func list(_ path: String) throws -> [String] {
        guard let folder = opendir(path) else { throw Failure(operation: "read the folder", path: path, code: errno) }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// The whole file, at most `limit` bytes; `nil` when it is not there.
    static func read(_ path: String, limit: Int = 4 << 20) throws -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw Failure(operation: "open", path: path, code: errno)
        }
        defer { close(descriptor) }
        var out: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = readOnce(descriptor, &chunk)
            if count == 0 { return out }
            if count < 0 {
                if errno == EINTR { continue }
                throw Failure(operation: "read", path: path, code: errno)
            }
            out.append(contentsOf: chunk[..<count])
            if out.count > limit { throw Failure(operation: "read (it is too large)", path: path, code: EFBIG) }
        }
    }

    private static func readOnce(_ descriptor: Int32, _ buffer: inout [UInt8]) -> Int {
        let capacity = buffer.count
        return buffer.withUnsafeMutableBytes { bytes in
            #if canImport(Glibc)
                Glibc.read(descriptor, bytes.baseAddress, capacity)
            #elseif canImport(Musl)
                Musl.read(descriptor, bytes.baseAddress, capacity)
            #else
                Darwin.read(descriptor, bytes.baseAddress, capacity)
            #endif
        }
    }

    /// Replaces a file so that after a crash either the old or the new content is there, whole: a new file beside it,
    /// fsync, rename, fsync of the folder.
    static func replace(_ path: String, with bytes: [UInt8], mode: mode_t) throws {
        let temporary = path + ".new"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw Failure(operation: "write", path: temporary, code: errno) }
        do {
            defer { close(descriptor) }
            guard fchmod(descriptor, mode) == 0 else {
                throw Failure(operation: "set the permissions of", path: temporary, code: errno)
            }
            var sent = 0
            while sent < bytes.count {
                let count = bytes[sent...].withUnsafeBytes { writeOnce(descriptor, $0) }
                if count > 0 { sent += count; continue }
                if count < 0 && errno == EINTR { continue }
                throw Failure(operation: "write", path: temporary, code: count == 0 ? EIO : errno)
            }
            guard fsync(descriptor) == 0 else { throw Failure(operation: "sync", path: temporary, code: errno) }
        } catch {
            unlink(temporary)
            throw error
        }
        guard rename(temporary, path) == 0 else { throw Failure(operation: "rename to", path: path, code: errno) }
        try syncFolder(parent(of: path))
    }

    static func syncFolder(_ path: String) throws {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Failure(operation: "open the folder", path: path, code: errno) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw Failure(operation: "sync the folder", path: path, code: errno) }
    }

    static func remove(_ path: String) { unlink(path) }

    /// Everything before the last slash.
    static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// Relative paths are taken from the current folder; `.` and trailing slashes go, `..` stays as the system sees it.
    static func absolute(_ path: String) -> String {
        var full = path
        if !path.hasPrefix("/") {
            let current = getcwd(nil, 0)
            defer { free(current) }
            full = (current.map { String(cString: $0) } ?? ".") + "/" + path
        }
        let parts = full.split(separator: "/").filter { $0 != "." }
        return "/" + parts.joined(separator: "/")
    }
}
