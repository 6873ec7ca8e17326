import CChecksums

/// How one blob file is laid out: the bytes, then the CRC-32C of each block of them (four bytes each), then a footer of
/// fixed size. All numbers little-endian. The checksums are behind the bytes so that a file is written in one pass.
struct BlobFooter: Equatable {
    static let magic = Array("MRDNBLOB".utf8)
    static let version: UInt16 = 1
    /// Magic, version, two reserved bytes, block size, byte count, CRC-32C of all these.
    static let byteCount = 28
    static let blockSize = 256 * 1024

    var blockSize: Int
    /// Bytes of the blob, without the checksums and the footer.
    var size: Int64

    init(size: Int64, blockSize: Int = BlobFooter.blockSize) {
        self.size = size
        self.blockSize = blockSize
    }

    /// The file's last bytes and its size, as read from disk. `path` is for the message only.
    init(_ bytes: UnsafeRawBufferPointer, fileSize: Int64, path: String) throws {
        guard bytes.count == Self.byteCount, bytes.prefix(8).elementsEqual(Self.magic) else {
            throw StorageError.corrupt(detail: "\(path): no blob footer at the end of \(fileSize) bytes")
        }
        let version = UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt16.self))
        guard version == Self.version else {
            throw StorageError.unusable(
                detail: "\(path): blob format \(version), this program knows \(Self.version)")
        }
        let stored = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 24, as: UInt32.self))
        guard meridian_crc32c(0, bytes.baseAddress, 24) == stored else {
            throw StorageError.corrupt(detail: "\(path): the blob footer does not match its checksum")
        }
        let block = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 12, as: UInt32.self))
        let size = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
        guard (1...(64 << 20)).contains(block), size <= UInt64(fileSize) else {
            throw StorageError.corrupt(detail: "\(path): footer of \(size) bytes in blocks of \(block)")
        }
        self.init(size: Int64(size), blockSize: Int(block))
        guard fileSize == self.fileSize else {
            throw StorageError.corrupt(detail: "\(path): \(fileSize) bytes, expected \(self.fileSize)")
        }
    }

    var blockCount: Int64 { (size + Int64(blockSize) - 1) / Int64(blockSize) }
    var fileSize: Int64 { size + blockCount * 4 + Int64(Self.byteCount) }

    var bytes: [UInt8] {
        var out = Self.magic
        func append<Number: FixedWidthInteger>(_ number: Number) {
            withUnsafeBytes(of: number.littleEndian) { out.append(contentsOf: $0) }
        }
        append(Self.version)
        append(UInt16(0))
        append(UInt32(blockSize))
        append(UInt64(size))
        append(out.withUnsafeBytes { meridian_crc32c(0, $0.baseAddress, $0.count) })
        return out
    }
}

/// The checksums of a blob that is being written.
struct BlockChecksums {
    private(set) var table: [UInt32] = []
    private var running: UInt32 = 0
    private var fill = 0

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        var start = 0
        while start < bytes.count {
            let count = min(BlobFooter.blockSize - fill, bytes.count - start)
            let piece = UnsafeRawBufferPointer(rebasing: bytes[start..<start + count])
            running = meridian_crc32c(running, piece.baseAddress, count)
            fill += count
            start += count
            if fill == BlobFooter.blockSize { closeBlock() }
        }
    }

    /// The checksums as they are in the file; nothing may be added afterwards.
    mutating func finish() -> [UInt8] {
        if fill > 0 { closeBlock() }
        var out: [UInt8] = []
        out.reserveCapacity(table.count * 4)
        for value in table { withUnsafeBytes(of: value.littleEndian) { out.append(contentsOf: $0) } }
        return out
    }

    private mutating func closeBlock() {
        table.append(running)
        running = 0
        fill = 0
    }
}
