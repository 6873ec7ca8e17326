#if canImport(Glibc)
    import Glibc

    /// Calls that the system's headers hide from Swift (they ask for a macro that its module map does not set), found by
    /// name in the C library. Where it lacks them, files are read and written without these savings.
    enum LinuxCalls {
        private typealias PreadV2 = @convention(c) (Int32, UnsafePointer<iovec>, Int32, off_t, Int32) -> Int
        private typealias SyncFileRange = @convention(c) (Int32, off_t, off_t, UInt32) -> Int32

        private typealias SystemCall =
            @convention(c) (Int, Int, UnsafePointer<CChar>, UnsafePointer<UInt64>, Int) -> Int

        private static let systemCall = dlsym(nil, "syscall").map { unsafeBitCast($0, to: SystemCall.self) }
        private static let preadV2 = dlsym(nil, "preadv2").map { unsafeBitCast($0, to: PreadV2.self) }
        private static let syncFileRange = dlsym(nil, "sync_file_range").map {
            unsafeBitCast($0, to: SyncFileRange.self)
        }

        /// RWF_NOWAIT of linux/fs.h.
        private static let noWait: Int32 = 8
        /// SYNC_FILE_RANGE_WRITE of linux/fs.h.
        private static let startWrite: UInt32 = 2

        /// The number of `openat2`, the same on all architectures.
        private static let openAt2 = 437
        /// RESOLVE_CACHED of linux/openat2.h.
        private static let onlyCached: UInt64 = 0x20

        /// A descriptor for reading, if the way to the file is in memory so that opening it cannot block; else below
        /// zero.
        static func openCached(_ path: String) -> Int32 {
            guard let systemCall else { return -1 }
            // `struct open_how`: flags, mode, resolve.
            let how = [UInt64(O_RDONLY | O_CLOEXEC), 0, onlyCached]
            return Int32(
                truncatingIfNeeded: systemCall(openAt2, Int(AT_FDCWD), path, how, how.count * MemoryLayout<UInt64>.size)
            )
        }

        /// Bytes read from the page cache without blocking, or below zero.
        static func readCached(_ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer, at offset: Int64) -> Int {
            guard let preadV2 else { return -1 }
            var vector = iovec(iov_base: buffer.baseAddress, iov_len: buffer.count)
            return preadV2(descriptor, &vector, 1, off_t(offset), noWait)
        }

        static func startWriting(_ descriptor: Int32, _ range: Range<Int64>) {
            _ = syncFileRange?(descriptor, off_t(range.lowerBound), off_t(range.count), startWrite)
        }
    }
#endif
