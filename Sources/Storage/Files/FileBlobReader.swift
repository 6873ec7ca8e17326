import CChecksums
import NIOCore
import Synchronization

/// Reads a stretch of one blob file in pieces of up to ``pieceSize``, each block checked against its CRC-32C before it is
/// handed out. What is in the page cache is read right here (spec/performance.md §2: reading on the loop costs a third less
/// than a hop, and the bytes stay in the cache of the core that sends them), the rest on the pool.
final class FileBlobReader: ByteSource {
    /// One block: it fits into a core's second-level cache between being read, checked and sent.
    static let pieceSize: Int64 = 256 * 1024

    private let input: BlobInput
    private let pool: BlockingPool
    /// All of it is read on the pool. `Task.yield()` would not do for that: an event loop runs what is ready, again and
    /// again, before it looks at its sockets.
    private let waits: Bool

    init(path: String, range: Range<Int64>, pool: BlockingPool, waits: Bool = false) {
        input = BlobInput(path: path, range: range)
        self.pool = pool
        self.waits = waits
    }

    func next() async throws -> ByteBuffer? {
        if waits { return try await pool.run { [input] in try input.next() } }
        switch try input.nextCached() {
        case .end: return nil
        case .piece(let bytes): return bytes
        case .unknown: return try await pool.run { [input] in try input.next() }
        }
    }
}

/// The file behind a reader.
private final class BlobInput: Sendable {
    enum Cached {
        case end
        case piece(ByteBuffer)
        /// Not known without blocking.
        case unknown
    }

    private struct State {
        var opened: OpenedBlob?
        var position: Int64
        /// Used again for the next piece when the consumer is done with the last one.
        var buffer = ByteBuffer()
    }

    private let path: String
    private let end: Int64
    private let state: Mutex<State>

    init(path: String, range: Range<Int64>) {
        self.path = path
        end = range.upperBound
        state = Mutex(State(opened: nil, position: range.lowerBound))
    }

    func nextCached() throws -> Cached {
        try state.withLock { state in
            guard state.position < end else { return .end }
            guard let opened = try state.opened ?? OpenedBlob.openCached(path, range: state.position..<end) else {
                return .unknown
            }
            state.opened = opened
            let piece = try read(&state, opened) { opened.file.readCached(into: $0, at: $1) }
            return piece.map { .piece($0) } ?? .unknown
        }
    }

    /// Blocks.
    func next() throws -> ByteBuffer? {
        try state.withLock { state in
            guard state.position < end else { return nil }
            let opened = try state.opened ?? OpenedBlob.open(path, range: state.position..<end)
            state.opened = opened
            return try read(&state, opened) { try opened.file.read(into: $0, at: $1) == $0.count }
        }
    }

    /// Reads whole blocks, checks them and cuts out what was asked for. `nil` when `fill` could not fill the buffer.
    private func read(
        _ state: inout State, _ opened: OpenedBlob,
        fill: (UnsafeMutableRawBufferPointer, Int64) throws -> Bool
    ) throws -> ByteBuffer? {
        let block = Int64(opened.footer.blockSize)
        let first = state.position / block
        let start = first * block
        let blocks = max(1, FileBlobReader.pieceSize / block)
        let stop = min(opened.footer.size, start + blocks * block)
        // The range may end in the middle of a block, which is read whole all the same.
        let needed = min(stop, (end + block - 1) / block * block)
        state.buffer.clear(minimumCapacity: Int(needed - start))
        let isFilled = try state.buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: Int(needed - start)) {
            let target = UnsafeMutableRawBufferPointer(rebasing: $0[..<Int(needed - start)])
            // Block by block, so that each is checked while it is in the cache.
            for offset in stride(from: 0, to: target.count, by: Int(block)) {
                let bytes = UnsafeMutableRawBufferPointer(
                    rebasing: target[offset..<min(target.count, offset + Int(block))])
                guard try fill(bytes, start + Int64(offset)) else { return 0 }
                try opened.check(UnsafeRawBufferPointer(bytes), block: first + Int64(offset) / block)
            }
            return target.count
        }
        guard isFilled > 0 else { return nil }
        let upper = min(needed, end)
        let piece = state.buffer.getSlice(at: Int(state.position - start), length: Int(upper - state.position))
        state.position = upper
        if upper == end { state.opened = nil }
        return piece
    }
}

/// An open blob file and the checksums of the blocks to be read.
private final class OpenedBlob: Sendable {
    let file: OpenFile
    let footer: BlobFooter
    private let firstBlock: Int64
    private let checksums: [UInt32]

    /// Blocks.
    static func open(_ path: String, range: Range<Int64>) throws -> OpenedBlob {
        guard FileNames.exists(path) else { throw StorageError.corrupt(detail: "\(path) is missing") }
        let file = try OpenFile(path, .read)
        let opened = try OpenedBlob(file, range: range) { try file.read(into: $0, at: $1) == $0.count }
        guard let opened else { throw StorageError.corrupt(detail: "\(path): it ends before its checksums do") }
        return opened
    }

    /// `nil` when it cannot be opened without waiting for the disk.
    static func openCached(_ path: String, range: Range<Int64>) throws -> OpenedBlob? {
        guard let file = OpenFile(cached: path) else { return nil }
        return try OpenedBlob(file, range: range) { file.readCached(into: $0, at: $1) }
    }

    /// `nil` when `fill` could not fill a buffer.
    private init?(
        _ file: OpenFile, range: Range<Int64>, fill: (UnsafeMutableRawBufferPointer, Int64) throws -> Bool
    ) throws {
        self.file = file
        let path = file.path
        let fileSize = try file.size()
        var tail = [UInt8](repeating: 0, count: Int(min(fileSize, Int64(BlobFooter.byteCount))))
        guard try tail.withUnsafeMutableBytes({ try fill($0, fileSize - Int64($0.count)) }) else { return nil }
        let footer = try tail.withUnsafeBytes { try BlobFooter($0, fileSize: fileSize, path: path) }
        guard range.upperBound <= footer.size else {
            throw StorageError.corrupt(detail: "\(path): \(footer.size) bytes, expected \(range.upperBound) or more")
        }
        self.footer = footer
        let block = Int64(footer.blockSize)
        let first = range.lowerBound / block
        let last = (range.upperBound + block - 1) / block
        firstBlock = first
        var table = [UInt32](repeating: 0, count: Int(last - first))
        guard try table.withUnsafeMutableBytes({ try fill($0, footer.size + first * 4) }) else { return nil }
        checksums = table.map { UInt32(littleEndian: $0) }
    }

    func check(_ bytes: UnsafeRawBufferPointer, block: Int64) throws {
        let index = Int(block - firstBlock)
        let found = meridian_crc32c(0, bytes.baseAddress, bytes.count)
        guard checksums.indices.contains(index), checksums[index] == found else {
            throw StorageError.corrupt(detail: "\(file.path): block \(block) does not match its checksum")
        }
    }
}
