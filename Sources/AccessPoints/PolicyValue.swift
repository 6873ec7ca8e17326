import FoundationEssentials

/// A value in a policy document, with what the policy language says of values: a list of one may stand without its
/// brackets. The decoder bounds the nesting.
///
/// The configuration has a JSON tree of its own (`JSONValue`), which tells integers from other numbers and can be written.
/// One for both would stand in S3Model, the only target below both, which reads all it reads without Foundation.
enum PolicyValue: Decodable, Sendable, Hashable {
    case null
    case bool(Bool)
    case number(Double)
    case string(String)
    case array([PolicyValue])
    case object([String: PolicyValue])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([PolicyValue].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: PolicyValue].self))
        }
    }

    var string: String? { if case .string(let value) = self { value } else { nil } }

    /// A list, or one element without the brackets.
    var elements: [PolicyValue] { if case .array(let values) = self { values } else { [self] } }

    /// One string or a list of strings; `nil` when anything else is among them.
    var strings: [String]? {
        let found = elements.compactMap(\.string)
        return found.count == elements.count ? found : nil
    }

    /// The keys and values below a condition operator: values are strings, numbers, booleans or lists of them.
    var isConditionBlock: Bool {
        guard case .object(let keys) = self else { return false }
        return keys.values.allSatisfy { value in
            value.elements.allSatisfy { element in
                switch element {
                case .string, .number, .bool: true
                case .null, .array, .object: false
                }
            }
        }
    }
}
