import SQLite

/// Connections for reading, usable from any thread. A thread that reads inside a read goes on with the connection it
/// has, so a waiting thread never holds one: waiting always ends.
///
/// A connection keeps its snapshot after a read, and the next read goes on with it as long as nothing was committed
/// since: beginning and ending one costs as much as a read by key, most of it in system calls for locks.
final class SQLiteReaderPool: Sendable {
    /// One connection.
    ///
    /// `@unchecked Sendable`: connection and snapshot are used only by the thread in `owner`, or under the pool's lock
    /// while it is idle; owner and depth change only under the pool's lock.
    private final class Reader: @unchecked Sendable {
        let connection: Connection
        var owner: UInt
        var depth = 1
        /// The commit that the connection's open transaction shows, `nil` when it may be older or there is none.
        var snapshot: UInt64?
        init(_ connection: sending Connection, owner: UInt) {
            self.connection = connection
            self.owner = owner
        }
    }

    private struct State {
        var idle: [Reader] = []
        var busy: [Reader] = []
        /// Connections that are being opened, outside the lock.
        var opening = 0
        var isClosed = false
    }

    private enum Turn {
        case use(Reader)
        case nested(Reader)
        case open
        case closed
    }

    private let path: String
    private let limit: Int
    private let commits: CommitCount
    private let state = Monitor(State())

    /// Opens `initial` connections; more follow on demand up to `limit`. `commits` has to count every commit to the file.
    init(path: String, initial: Int, limit: Int, commits: CommitCount) throws {
        self.path = path
        self.limit = limit
        self.commits = commits
        for _ in 0..<initial {
            let reader = try open(owner: 0)
            state.update { $0.idle.append(reader) }
        }
    }

    private func open(owner: UInt) throws -> Reader {
        let connection = try Connection(path: path, mode: .readOnly)
        // KiB. A page of a thousand common prefixes stands on up to two thousand pages of 4 KiB: with less memory, going
        // over them once more would find none of them.
        try connection.pragma("cache_size = -32768")
        try connection.pragma("temp_store = MEMORY")
        try connection.pragma("trusted_schema = OFF")
        return Reader(connection, owner: owner)
    }

    /// Runs `body` on a consistent snapshot. Its second argument is the count of commits that the snapshot shows at least,
    /// `nil` when one was running.
    func withReader<Result>(_ body: (Connection, UInt64?) throws -> Result) throws -> Result {
        let (reader, isNested) = try take()
        defer { giveBack(reader) }
        let connection = reader.connection
        guard !isNested else { return try body(connection, reader.snapshot) }
        // Looked at before the transaction begins, so that it is never newer than what the transaction shows.
        let newest = commits.settled
        if newest == nil || reader.snapshot != newest {
            Self.endSnapshot(of: reader)
            try connection.run("BEGIN")
        }
        reader.snapshot = newest
        do {
            return try body(connection, newest)
        } catch {
            Self.endSnapshot(of: reader)
            throw error
        }
    }

    /// Ends the snapshots of connections that nobody uses, so that a checkpoint need not stop before them.
    func endIdleSnapshots() {
        state.update { state in
            for reader in state.idle { Self.endSnapshot(of: reader) }
        }
    }

    private static func endSnapshot(of reader: Reader) {
        reader.snapshot = nil
        // Nothing was written: there is nothing to lose in a failed end, and the connection starts over.
        if reader.connection.isInTransaction { try? reader.connection.run("COMMIT") }
    }

    /// Waits until no read is running and closes all connections. Reads from now on throw `StorageError.closed`.
    func close() {
        state.update { $0.isClosed = true }
        let last = state.wait { state -> [Reader]? in
            guard state.busy.isEmpty, state.opening == 0 else { return nil }
            defer { state.idle = [] }
            return state.idle
        }
        _ = consume last
    }

    private func take() throws -> (Reader, isNested: Bool) {
        let me = currentThreadID()
        let turn = state.wait { state -> Turn? in
            if let reader = state.busy.first(where: { $0.owner == me }) {
                reader.depth += 1
                return .nested(reader)
            }
            if state.isClosed { return .closed }
            if let reader = state.idle.popLast() {
                reader.owner = me
                reader.depth = 1
                state.busy.append(reader)
                return .use(reader)
            }
            guard state.busy.count + state.opening < limit else { return nil }
            state.opening += 1
            return .open
        }
        switch turn {
        case .use(let reader): return (reader, false)
        case .nested(let reader): return (reader, true)
        case .closed: throw StorageError.closed
        case .open:
            let opened = Result { try open(owner: me) }
            state.update { state in
                state.opening -= 1
                if case .success(let reader) = opened { state.busy.append(reader) }
            }
            return (try opened.get(), false)
        }
    }

    private func giveBack(_ reader: Reader) {
        state.update { state in
            reader.depth -= 1
            guard reader.depth == 0 else { return }
            state.busy.removeAll { $0 === reader }
            state.idle.append(reader)
        }
    }
}
