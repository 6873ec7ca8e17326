import FoundationEssentials

/// How values are written into the control store: one byte of version, then JSON with sorted keys. The version is the
/// record type's; a reader refuses what it does not know instead of guessing.
package enum ControlValue {
    package struct Unreadable: Error, Sendable, CustomStringConvertible {
        package let description: String
    }

    package static func encode(_ value: some Encodable, version: UInt8) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return [version] + Array(try encoder.encode(value))
    }

    package static func decode<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8], version: UInt8) throws
        -> Value
    {
        guard let found = bytes.first else { throw Unreadable(description: "an empty value") }
        guard found == version else {
            throw Unreadable(description: "version \(found) of \(type), this build reads version \(version)")
        }
        do {
            return try JSONDecoder().decode(type, from: Data(bytes.dropFirst()))
        } catch {
            throw Unreadable(description: "\(type): \(error)")
        }
    }
}
