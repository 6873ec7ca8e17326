#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// One open file or folder and the system calls on it; closed when released. All of them may block.
final class OpenFile: Sendable {
    let descriptor: Int32
    let path: String

    enum Mode {
        case read
        /// Fails when the file exists.
        case create
        case folder
    }

    init(_ path: String, _ mode: Mode) throws {
        let flags: Int32
        switch mode {
        case .read: flags = O_RDONLY
        case .create: flags = O_WRONLY | O_CREAT | O_EXCL
        case .folder: flags = O_RDONLY | O_DIRECTORY
        }
        let opened = retryingInterrupts { open(path, flags | O_CLOEXEC, 0o600) }
        guard opened >= 0 else { throw StorageError.system("open", path) }
        descriptor = opened
        self.path = path
    }

    /// Opens a file for reading if that is possible without waiting for the disk. `nil` says nothing about the file.
    init?(cached path: String) {
        #if canImport(Glibc)
            descriptor = LinuxCalls.openCached(path)
            self.path = path
            if descriptor < 0 { return nil }
        #else
            return nil
        #endif
    }

    deinit { if descriptor >= 0 { _ = close(descriptor) } }

    func size() throws -> Int64 {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw StorageError.system("fstat", path) }
        return Int64(status.st_size)
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws {
        var rest = bytes[...]
        while let base = UnsafeRawBufferPointer(rebasing: rest).baseAddress, !rest.isEmpty {
            #if canImport(Darwin)
                let count = retryingInterrupts { Darwin.write(descriptor, base, rest.count) }
            #elseif canImport(Musl)
                let count = retryingInterrupts { Musl.write(descriptor, base, rest.count) }
            #else
                let count = retryingInterrupts { Glibc.write(descriptor, base, rest.count) }
            #endif
            guard count > 0 else { throw StorageError.system("write", path) }
            rest = rest.dropFirst(count)
        }
    }

    /// Fills `buffer` from `offset`; returns fewer bytes only at the end of the file.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws -> Int {
        var filled = 0
        while filled < buffer.count, let base = buffer.baseAddress {
            let count = retryingInterrupts {
                pread(descriptor, base + filled, buffer.count - filled, off_t(offset) + off_t(filled))
            }
            guard count >= 0 else { throw StorageError.system("pread", path) }
            if count == 0 { break }
            filled += count
        }
        return filled
    }

    /// Fills `buffer` only if all of it is in the page cache; `false` when it is not or nobody knows. Does not block.
    func readCached(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) -> Bool {
        #if canImport(Glibc)
            return LinuxCalls.readCached(descriptor, buffer, at: offset) == buffer.count
        #else
            return false
        #endif
    }

    /// Makes the contents durable.
    func syncData() throws {
        #if canImport(Darwin)
            guard fsync(descriptor) == 0 else { throw StorageError.system("fsync", path) }
        #else
            guard fdatasync(descriptor) == 0 else { throw StorageError.system("fdatasync", path) }
        #endif
    }

    /// Makes names in a folder durable.
    func sync() throws { guard fsync(descriptor) == 0 else { throw StorageError.system("fsync", path) } }

    /// Lets the disk begin with a stretch that has been written, so that the sync at the end finds little to do.
    func startWriting(_ range: Range<Int64>) {
        #if canImport(Glibc)
            LinuxCalls.startWriting(descriptor, range)
        #endif
    }

    /// Whether this process now has the file to itself.
    func lock() -> Bool { flock(descriptor, LOCK_EX | LOCK_NB) == 0 }

    /// Gives the lock back while the file stays open.
    func unlock() { _ = flock(descriptor, LOCK_UN) }
}

/// Calls on names. All of them may block.
enum FileNames {
    /// Makes a folder; one that is there is fine.
    static func makeFolder(_ path: String) throws {
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw StorageError.system("mkdir", path) }
    }

    /// Makes a folder and those above it.
    static func makeFolders(_ path: String) throws {
        var end = path.utf8.startIndex
        while let slash = path.utf8[end...].dropFirst().firstIndex(of: UInt8(ascii: "/")) {
            try makeFolder(String(path[..<slash]))
            end = slash
        }
        try makeFolder(path)
    }

    /// `false` when the folder of `target` is missing.
    static func rename(_ path: String, to target: String) throws -> Bool {
        #if canImport(Darwin)
            let result = Darwin.rename(path, target)
        #elseif canImport(Musl)
            let result = Musl.rename(path, target)
        #else
            let result = Glibc.rename(path, target)
        #endif
        if result == 0 { return true }
        if errno == ENOENT { return false }
        throw StorageError.system("rename", path)
    }

    /// `false` when it was not there.
    @discardableResult
    static func remove(_ path: String) throws -> Bool {
        if unlink(path) == 0 { return true }
        if errno == ENOENT { return false }
        throw StorageError.system("unlink", path)
    }

    /// Removes a folder if it is empty.
    static func removeEmptyFolder(_ path: String) { _ = rmdir(path) }

    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// The names in a folder, sorted; empty when it does not exist.
    static func list(_ path: String) throws -> [String] {
        guard let stream = opendir(path) else {
            if errno == ENOENT { return [] }
            throw StorageError.system("opendir", path)
        }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    static func syncFolder(_ path: String) throws { try OpenFile(path, .folder).sync() }
}

extension StorageError {
    /// The error of the system call that has just failed.
    static func system(_ operation: String, _ path: String) -> StorageError {
        let code = errno
        if code == ENOSPC || code == EDQUOT { return .diskFull }
        return .io(operation: operation, detail: "\(path): \(String(cString: strerror(code)))")
    }
}

private func retryingInterrupts<Value: SignedInteger>(_ call: () -> Value) -> Value {
    while true {
        let result = call()
        if result != -1 || errno != EINTR { return result }
    }
}
