import FoundationEssentials

/// A question to the control store of another process, as it travels: a version byte and JSON (``ControlValue``).
package enum ControlCall: Sendable, Equatable {
    case snapshot(prefix: String)
    case record(key: String)
    case commit(expectations: [ControlTransaction.Expectation], writes: [ControlTransaction.Write])
    /// Answered once the revision is above this one, or after a while with the revision then.
    case changed(after: Int64)

    /// Of a key or a prefix, bytes of UTF-8.
    package static let maximumKeyBytes = 1024
    /// Of one transaction: expectations, and writes. Those of this program have at most a few.
    package static let maximumSteps = 1024
    /// Of a value; policies of access points are the largest.
    package static let maximumValueBytes = 4 * 1024 * 1024
    private static let version: UInt8 = 1

    package static func commit(_ transaction: ControlTransaction) -> ControlCall {
        .commit(expectations: transaction.expectations, writes: transaction.writes)
    }

    private struct Wire: Codable {
        /// Without a revision: the key must be absent.
        struct Expectation: Codable {
            var key: String
            var revision: Int64?
        }
        /// Without a value: the key is deleted.
        struct Write: Codable {
            var key: String
            var value: Data?
        }
        struct Commit: Codable {
            var expectations: [Expectation]
            var writes: [Write]
        }
        var snapshot: String?
        var record: String?
        var commit: Commit?
        var changedAfter: Int64?
    }

    package func encoded() throws -> [UInt8] {
        var wire = Wire()
        switch self {
        case .snapshot(let prefix): wire.snapshot = prefix
        case .record(let key): wire.record = key
        case .changed(let revision): wire.changedAfter = revision
        case .commit(let expectations, let writes):
            wire.commit = Wire.Commit(
                expectations: expectations.map {
                    switch $0 {
                    case .absent(let key): Wire.Expectation(key: key, revision: nil)
                    case .unchanged(let key, let revision): Wire.Expectation(key: key, revision: revision)
                    }
                },
                writes: writes.map {
                    switch $0 {
                    case .put(let key, let value): Wire.Write(key: key, value: Data(value))
                    case .delete(let key): Wire.Write(key: key, value: nil)
                    }
                })
        }
        return try ControlValue.encode(wire, version: Self.version)
    }

    /// Throws ``ControlValue/Unreadable`` for anything but one call of this version within the limits.
    package static func decode(_ bytes: [UInt8]) throws -> ControlCall {
        let wire = try ControlValue.decode(Wire.self, from: bytes, version: version)
        switch (wire.snapshot, wire.record, wire.commit, wire.changedAfter) {
        case (let prefix?, nil, nil, nil): return .snapshot(prefix: try checked(prefix))
        case (nil, let key?, nil, nil): return .record(key: try checked(key))
        case (nil, nil, let commit?, nil): return try decode(commit)
        case (nil, nil, nil, let revision?): return .changed(after: revision)
        default: throw ControlValue.Unreadable(description: "expected one of snapshot, record, commit, changedAfter")
        }
    }

    private static func decode(_ commit: Wire.Commit) throws -> ControlCall {
        guard commit.expectations.count <= maximumSteps, commit.writes.count <= maximumSteps else {
            throw ControlValue.Unreadable(description: "a transaction of more than \(maximumSteps) steps")
        }
        return .commit(
            expectations: try commit.expectations.map {
                let key = try checked($0.key)
                return $0.revision.map { .unchanged(key: key, revision: $0) } ?? .absent(key: key)
            },
            writes: try commit.writes.map {
                let key = try checked($0.key)
                guard let value = $0.value else { return .delete(key: key) }
                guard value.count <= maximumValueBytes else {
                    throw ControlValue.Unreadable(description: "a value of \(value.count) bytes")
                }
                return .put(key: key, value: Array(value))
            })
    }

    private static func checked(_ key: String) throws -> String {
        guard key.utf8.count <= maximumKeyBytes else {
            throw ControlValue.Unreadable(description: "a key of \(key.utf8.count) bytes")
        }
        return key
    }
}

/// The answer to a ``ControlCall``.
package enum ControlAnswer: Sendable, Equatable {
    case snapshot(ControlSnapshot)
    case record(ControlRecord?)
    /// Of a commit, or of what was waited for.
    case revision(Int64)
    case failed(ControlStoreError)

    private static let version: UInt8 = 1

    private struct Wire: Codable {
        struct Record: Codable {
            var key: String
            var value: Data
            var revision: Int64
        }
        var records: [Record]?
        var revision: Int64?
        var isConflict: Bool?
        var unavailable: String?
    }

    package func encoded() throws -> [UInt8] {
        var wire = Wire()
        func wired(_ record: ControlRecord) -> Wire.Record {
            Wire.Record(key: record.key, value: Data(record.value), revision: record.revision)
        }
        switch self {
        case .snapshot(let snapshot):
            wire.records = snapshot.records.map(wired)
            wire.revision = snapshot.revision
        case .record(let record): wire.records = record.map { [wired($0)] } ?? []
        case .revision(let revision): wire.revision = revision
        case .failed(.conflict): wire.isConflict = true
        case .failed(.unavailable(let reason)): wire.unavailable = reason
        }
        return try ControlValue.encode(wire, version: Self.version)
    }

    /// Throws ``ControlValue/Unreadable`` for anything but an answer of this version.
    package static func decode(_ bytes: [UInt8]) throws -> ControlAnswer {
        let wire = try ControlValue.decode(Wire.self, from: bytes, version: version)
        let records = wire.records?.map { ControlRecord(key: $0.key, value: Array($0.value), revision: $0.revision) }
        switch (records, wire.revision, wire.isConflict, wire.unavailable) {
        case (let records?, let revision?, nil, nil):
            return .snapshot(ControlSnapshot(revision: revision, records: records))
        case (let records?, nil, nil, nil) where records.count <= 1: return .record(records.first)
        case (nil, let revision?, nil, nil): return .revision(revision)
        case (nil, nil, true?, nil): return .failed(.conflict)
        case (nil, nil, nil, let reason?): return .failed(.unavailable(reason: reason))
        default: throw ControlValue.Unreadable(description: "an answer that is none")
        }
    }
}
