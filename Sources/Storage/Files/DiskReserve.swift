#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The last bytes of a disk, which only removals may use: taking an object away writes a little itself, and a full disk
/// must not keep anybody from making room.
enum DiskReserve {
    static let bytes: UInt64 = 2 << 20

    /// Bytes left on the disk of a file or folder, for processes without special rights.
    static func free(_ path: String) throws -> UInt64 {
        var found = statvfs()
        guard statvfs(path, &found) == 0 else { throw StorageError.system("measure the free space of", path) }
        return UInt64(found.f_bavail) * UInt64(found.f_frsize)
    }

    static func size(of path: String) throws -> Int64 {
        var found = stat()
        guard stat(path, &found) == 0 else { throw StorageError.system("measure", path) }
        return Int64(found.st_size)
    }

    /// Throws `StorageError.diskFull` when not more than the reserve is left.
    static func require(_ path: String) throws {
        guard try free(path) > bytes else { throw StorageError.diskFull }
    }
}
