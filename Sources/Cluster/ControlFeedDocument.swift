import FoundationEssentials

/// All records below a prefix at one revision, as they travel to processes that cannot open the store themselves:
/// a version byte and JSON (``ControlValue``).
package struct ControlFeedDocument: Sendable, Hashable {
    private static let version: UInt8 = 1

    private struct Wire: Codable {
        struct Record: Codable {
            var key: String
            var value: Data
            var revision: Int64
        }
        var prefix: String
        var revision: Int64
        var records: [Record]
    }

    package let prefix: String
    package let snapshot: ControlSnapshot

    package init(prefix: String, snapshot: ControlSnapshot) {
        self.prefix = prefix
        self.snapshot = snapshot
    }

    package func encoded() throws -> [UInt8] {
        let records = snapshot.records.map {
            Wire.Record(key: $0.key, value: Data($0.value), revision: $0.revision)
        }
        return try ControlValue.encode(
            Wire(prefix: prefix, revision: snapshot.revision, records: records), version: Self.version)
    }

    /// Throws ``ControlValue/Unreadable`` for anything but a document of this version.
    package static func decode(_ bytes: [UInt8]) throws -> ControlFeedDocument {
        let wire = try ControlValue.decode(Wire.self, from: bytes, version: version)
        let records = wire.records.map { ControlRecord(key: $0.key, value: Array($0.value), revision: $0.revision) }
        return ControlFeedDocument(
            prefix: wire.prefix, snapshot: ControlSnapshot(revision: wire.revision, records: records))
    }
}
