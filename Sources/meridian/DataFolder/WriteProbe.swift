#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Whether a region's folder can take writes now: asked of the file system whenever somebody looks, so that the answer does
/// not depend on when a client wrote last.
enum WriteProbe {
    /// With less room than this a region is said to be out of space, although small writes may still succeed: databases
    /// need some to work in.
    static let reservedBytes: UInt64 = 8 << 20
    /// Every object above the inline limit is a file.
    static let reservedFiles: UInt64 = 1000

    /// What is free in a file system.
    struct Room: Equatable {
        var bytes: UInt64
        /// `nil` where the file system sets no limit.
        var files: UInt64?
    }

    /// What keeps the folder from taking writes, in words; `nil` when nothing does. Blocks for a file's creation.
    static func trouble(in folder: String) -> String? {
        do {
            if let shortage = shortage(try room(in: folder)) { return shortage }
            try writeAndRemove(folder + "/probe")
            return nil
        } catch {
            return "\(error)"
        }
    }

    static func shortage(_ room: Room) -> String? {
        if room.bytes < reservedBytes {
            return "no space: \(room.bytes >> 20) MiB are free, \(reservedBytes >> 20) are needed"
        }
        if let files = room.files, files < reservedFiles {
            return "no space: \(files) files can still be made, \(reservedFiles) are needed"
        }
        return nil
    }

    private static func room(in folder: String) throws -> Room {
        var found = statvfs()
        guard statvfs(folder, &found) == 0 else {
            throw POSIXFile.Failure(operation: "measure the free space of", path: folder, code: errno)
        }
        return Room(
            bytes: UInt64(found.f_bavail) * UInt64(found.f_frsize),
            files: found.f_files == 0 ? nil : UInt64(found.f_favail))
    }

    /// Not synced: damage to the disk itself shows in real writes, which do.
    private static func writeAndRemove(_ path: String) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw POSIXFile.Failure(operation: "write", path: path, code: errno) }
        defer {
            close(descriptor)
            POSIXFile.remove(path)
        }
        let sent = [UInt8](repeating: 0, count: 4096).withUnsafeBytes { POSIXFile.writeOnce(descriptor, $0) }
        guard sent > 0 else { throw POSIXFile.Failure(operation: "write", path: path, code: sent == 0 ? EIO : errno) }
    }
}
