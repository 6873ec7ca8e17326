#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// An exclusive lock on a data folder, held by the running server. The kernel gives it back when the process ends, however
/// it ends, so there is never a stale lock to remove.
package final class FolderLock: Sendable {
    private let descriptor: Int32

    private init(descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    /// Takes the lock and writes this process's id into the file. Throws ``OperatorError`` with the holder's id when
    /// another server has it.
    static func take(_ path: String, folder: String) throws -> FolderLock {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw POSIXFile.Failure(operation: "open", path: path, code: errno) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            close(descriptor)
            guard code == EWOULDBLOCK else { throw POSIXFile.Failure(operation: "lock", path: path, code: code) }
            let holder = holderText(path)
            throw OperatorError(
                "Another Meridian server (pid \(holder)) is running on \(folder). Stop it first, or give this one a "
                    + "folder of its own with --data.")
        }
        let text = Array("\(getpid())\n".utf8)
        _ = ftruncate(descriptor, 0)
        _ = text.withUnsafeBytes { POSIXFile.writeOnce(descriptor, $0) }
        return FolderLock(descriptor: descriptor)
    }

    /// Whether some process holds the lock now. Does not take it.
    static func isHeld(_ path: String) -> Bool {
        let descriptor = open(path, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        if flock(descriptor, LOCK_SH | LOCK_NB) == 0 { return false }
        return errno == EWOULDBLOCK
    }

    private static func holderText(_ path: String) -> String {
        let bytes = (try? POSIXFile.read(path, limit: 64)).flatMap { $0 } ?? []
        let digits = bytes.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        return digits.isEmpty ? "unknown" : String(decoding: digits, as: UTF8.self)
    }
}
