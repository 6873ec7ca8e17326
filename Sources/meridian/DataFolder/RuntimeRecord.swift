/// What a running server tells the other commands: `runtime.json`. Present from the moment the port is bound until a clean
/// stop; after a crash it stays, so readers ask ``DataFolder/isInUse`` too.
package struct RuntimeRecord: Sendable, Hashable {
    package let processID: Int32
    /// As bound, for example `127.0.0.1:9000` and `[::1]:9000`; a port of 0 is resolved here.
    package let addresses: [String]
    package let startedWallMilliseconds: Int64

    package init(processID: Int32, addresses: [String], startedWallMilliseconds: Int64) {
        self.processID = processID
        self.addresses = addresses
        self.startedWallMilliseconds = startedWallMilliseconds
    }
}

extension DataFolder {
    private static let runtimeFile = "runtime.json"

    package func writeRuntime(_ record: RuntimeRecord) throws {
        let value = JSONValue.object([
            "version": .integer(1), "pid": .integer(Int(record.processID)),
            "addresses": .array(record.addresses.map { .string($0) }),
            "startedMilliseconds": .integer(Int(record.startedWallMilliseconds)),
        ])
        try write(Self.runtimeFile, Array((value.text + "\n").utf8), mode: 0o600)
    }

    package func removeRuntime() { POSIXFile.remove(path(Self.runtimeFile)) }

    /// `nil` when there is none, or none that can be understood.
    package func runtime() -> RuntimeRecord? {
        guard let bytes = (try? read(Self.runtimeFile)).flatMap({ $0 }),
            let object = try? JSONValue.parse(bytes).object,
            object["version"] == .integer(1), case .integer(let pid)? = object["pid"], let pid = Int32(exactly: pid),
            case .array(let values)? = object["addresses"], case .integer(let started)? = object["startedMilliseconds"]
        else { return nil }
        let addresses = values.compactMap { if case .string(let text) = $0 { text } else { nil } }
        guard !addresses.isEmpty else { return nil }
        return RuntimeRecord(processID: pid, addresses: addresses, startedWallMilliseconds: Int64(started))
    }
}
