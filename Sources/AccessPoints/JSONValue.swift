import FoundationEssentials

/// Any JSON, for documents whose shape is checked by hand. The decoder bounds the nesting.
enum JSONValue: Decodable, Sendable, Hashable {
    case null
    case bool(Bool)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

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
        } else if let value = try? container.decode([JSONValue].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }

    var string: String? { if case .string(let value) = self { value } else { nil } }

    /// A list, or one element without the brackets.
    var elements: [JSONValue] { if case .array(let values) = self { values } else { [self] } }

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
