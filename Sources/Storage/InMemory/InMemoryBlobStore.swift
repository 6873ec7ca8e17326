import NIOCore
import Synchronization

/// Blobs in memory, for the seeded simulation and tests. Names are numbers in order of creation, so a run repeats
/// exactly.
package final class InMemoryBlobStore: BlobStore {
    private struct State {
        var blobs: [String: ByteBuffer] = [:]
        var next: UInt64 = 1
        /// Committed by this process, or by an earlier one that did not end cleanly.
        var unconfirmed: Set<String> = []
    }

    private let state: Mutex<State>
    private let hook: StorageHook

    package convenience init(hook: @escaping StorageHook = { _ in }) { self.init(State(), hook: hook) }

    private init(_ state: State, hook: @escaping StorageHook) {
        self.state = Mutex(state)
        self.hook = hook
    }

    /// What a new process finds after this one has ended: the committed blobs.
    package func reopened(hook: @escaping StorageHook = { _ in }) -> InMemoryBlobStore {
        InMemoryBlobStore(state.withLock { $0 }, hook: hook)
    }

    /// All committed blobs in name order, for invariants of tests.
    package var committed: [BlobID] { state.withLock { $0.blobs.keys.sorted().map { BlobID($0) } } }

    /// Changes one byte of a blob, as a failing disk does.
    package func flipByte(of blob: BlobID, at index: Int) {
        state.withLock { state in
            guard var bytes = state.blobs[blob.rawValue], index < bytes.readableBytes,
                let byte: UInt8 = bytes.getInteger(at: bytes.readerIndex + index)
            else { return }
            bytes.setInteger(byte ^ 1, at: bytes.readerIndex + index)
            state.blobs[blob.rawValue] = bytes
        }
    }

    package func create() async throws -> any BlobWriter { InMemoryBlobWriter(self) }

    package func reader(of blob: BlobID, range: Range<Int64>, waits: Bool) throws -> any ByteSource {
        guard let bytes = state.withLock({ $0.blobs[blob.rawValue] }) else {
            throw StorageError.corrupt(detail: "blob \(blob) is missing")
        }
        guard range.lowerBound >= 0, range.upperBound <= Int64(bytes.readableBytes),
            let slice = bytes.getSlice(at: bytes.readerIndex + Int(range.lowerBound), length: range.count)
        else {
            throw StorageError.corrupt(detail: "blob \(blob) has \(bytes.readableBytes) bytes, not \(range)")
        }
        return BufferSource(slice)
    }

    package func remove(_ blobs: [BlobID]) async throws {
        for blob in blobs {
            try hook(.removeBlob)
            state.withLock {
                $0.blobs[blob.rawValue] = nil
                $0.unconfirmed.remove(blob.rawValue)
            }
            try hook(.removedBlob)
        }
    }

    package func unconfirmed() async throws -> [BlobID] {
        state.withLock { $0.unconfirmed.sorted().map { BlobID($0) } }
    }

    package func confirmAll() async throws {
        try hook(.confirmBlobs)
        state.withLock { $0.unconfirmed = [] }
    }

    package func close() async throws { try await confirmAll() }

    fileprivate func commit(_ bytes: ByteBuffer) throws -> BlobID {
        try hook(.commitBlob)
        let id = state.withLock { state in
            let digits = String(state.next, radix: 16)
            let id = String(repeating: "0", count: 32 - digits.count) + digits
            state.next += 1
            state.blobs[id] = bytes
            state.unconfirmed.insert(id)
            return BlobID(id)
        }
        try hook(.committedBlob)
        return id
    }
}

private final class InMemoryBlobWriter: BlobWriter {
    private let store: InMemoryBlobStore
    private let bytes = Mutex(ByteBuffer())

    init(_ store: InMemoryBlobStore) { self.store = store }

    func append(_ piece: ByteBuffer, digest: ContentDigest?) async throws {
        digest?.update(piece)
        bytes.withLock { _ = $0.writeImmutableBuffer(piece) }
    }

    func commit() async throws -> BlobID { try store.commit(bytes.withLock { $0 }) }
    func discard() async { bytes.withLock { $0 = ByteBuffer() } }
}
