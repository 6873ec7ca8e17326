import NIOCore
import Synchronization

/// Writes one blob. Pieces are gathered to ``flightSize`` and handed to the pool, which writes and digests them while the
/// next ones are received; so at most two flights are in memory.
final class FileBlobWriter: BlobWriter {
    static let flightSize = 1 << 20

    private struct Gathered {
        var pieces: [ByteBuffer] = []
        var bytes = 0
        var digest: ContentDigest?
        var flight: PoolJob?
    }

    private let gathered = Mutex(Gathered())
    private let file: StagedFile
    private let pool: BlockingPool

    init(id: String, folder: BlobFolder, pool: BlockingPool) {
        file = StagedFile(id: id, folder: folder)
        self.pool = pool
    }

    func append(_ bytes: ByteBuffer, digest: ContentDigest?) async throws {
        let isFull = gathered.withLock { gathered in
            gathered.pieces.append(bytes)
            gathered.bytes += bytes.readableBytes
            gathered.digest = digest
            return gathered.bytes >= Self.flightSize
        }
        guard isFull else { return }
        try await land()
        let (pieces, digest) = take()
        let flight = pool.start { [file] in try file.write(pieces, digest: digest) }
        gathered.withLock { $0.flight = flight }
    }

    func commit() async throws -> BlobID {
        try await land()
        let (pieces, digest) = take()
        return try await pool.run { [file] in
            try file.write(pieces, digest: digest)
            return try file.commit()
        }
    }

    func discard() async {
        try? await land()
        _ = take()
        try? await pool.run { [file] in file.discard() }
    }

    /// Waits for what is being written.
    private func land() async throws {
        let flight = gathered.withLock { gathered in
            defer { gathered.flight = nil }
            return gathered.flight
        }
        try await flight?.value()
    }

    private func take() -> ([ByteBuffer], ContentDigest?) {
        gathered.withLock { gathered in
            defer {
                gathered.pieces = []
                gathered.bytes = 0
            }
            return (gathered.pieces, gathered.digest)
        }
    }
}

/// The file behind a writer. Its calls block and come one after another, from the pool.
private final class StagedFile: Sendable {
    /// How much is written before the disk is told to begin with it.
    private static let writebackSize: Int64 = 8 << 20

    private struct State {
        var file: OpenFile?
        var size: Int64 = 0
        var handedToDisk: Int64 = 0
        var checksums = BlockChecksums()
        var isEnded = false
    }

    private let state = Mutex(State())
    private let id: String
    private let folder: BlobFolder

    init(id: String, folder: BlobFolder) {
        self.id = id
        self.folder = folder
    }

    func write(_ pieces: [ByteBuffer], digest: ContentDigest?) throws {
        try state.withLock { state in
            let file = try opened(&state)
            for piece in pieces {
                digest?.update(piece)
                try piece.withUnsafeReadableBytes { bytes in
                    state.checksums.update(bytes)
                    try file.write(bytes)
                }
                state.size += Int64(piece.readableBytes)
            }
            if state.size - state.handedToDisk >= Self.writebackSize {
                file.startWriting(state.handedToDisk..<state.size)
                state.handedToDisk = state.size
            }
        }
    }

    func commit() throws -> BlobID {
        try state.withLock { state in
            let file = try opened(&state)
            let trailer = state.checksums.finish() + BlobFooter(size: state.size).bytes
            try trailer.withUnsafeBytes { try file.write($0) }
            try DiskReserve.require(folder.path)
            try file.syncData()
            let blob = try folder.publish(id)
            state.file = nil
            state.isEnded = true
            return blob
        }
    }

    /// Removes the staged file unless it has been committed.
    func discard() {
        state.withLock { state in
            guard !state.isEnded else { return }
            state.isEnded = true
            guard state.file != nil else { return }
            state.file = nil
            // What cannot be removed now is removed by the next start.
            _ = try? FileNames.remove(folder.stagingPath(id))
        }
    }

    private func opened(_ state: inout State) throws -> OpenFile {
        guard !state.isEnded else { throw StorageError.closed }
        if let file = state.file { return file }
        let file = try OpenFile(folder.stagingPath(id), .create)
        state.file = file
        return file
    }
}
