import SQLite

/// Connections for reading, usable from any thread. A thread that reads inside a read goes on with the connection it
/// has, so a waiting thread never holds one: waiting always ends.
final class SQLiteReaderPool: Sendable {
    /// One connection.
    ///
    /// `@unchecked Sendable`: the connection is used only by the thread in `owner`; owner and depth change only under
    /// the pool's lock.
    private final class Reader: @unchecked Sendable {
        let connection: Connection
        var owner: UInt
        var depth = 1
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
    private let state = Monitor(State())

    /// Opens `initial` connections; more follow on demand up to `limit`.
    init(path: String, initial: Int, limit: Int) throws {
        self.path = path
        self.limit = limit
        for _ in 0..<initial {
            let reader = try open(owner: 0)
            state.update { $0.idle.append(reader) }
        }
    }

    private func open(owner: UInt) throws -> Reader {
        let connection = try Connection(path: path, mode: .readOnly)
        // KiB. A page of a thousand common prefixes stands on up to two thousand pages of 4 KiB: with less memory, going
        // over them once more would find none of them.
        try connection.pragma("cache_size = -16384")
        try connection.pragma("temp_store = MEMORY")
        try connection.pragma("trusted_schema = OFF")
        return Reader(connection, owner: owner)
    }

    /// Runs `body` on a consistent snapshot.
    func withReader<Result>(_ body: (Connection) throws -> Result) throws -> Result {
        let reader = try take()
        defer { giveBack(reader) }
        let connection = reader.connection
        guard !connection.isInTransaction else { return try body(connection) }
        try connection.run("BEGIN")
        defer {
            // Nothing was written: there is nothing to lose in a failed end, and the connection starts over.
            try? connection.run("COMMIT")
        }
        return try body(connection)
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

    private func take() throws -> Reader {
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
        case .use(let reader), .nested(let reader): return reader
        case .closed: throw StorageError.closed
        case .open:
            let opened = Result { try open(owner: me) }
            state.update { state in
                state.opening -= 1
                if case .success(let reader) = opened { state.busy.append(reader) }
            }
            return try opened.get()
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
