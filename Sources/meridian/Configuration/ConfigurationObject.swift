/// One object of the configuration file with its place in it, so that every message names the key by its whole path.
struct ConfigurationObject {
    /// For example `users[1]`; empty at the top.
    let place: String
    private let members: [String: JSONValue]

    /// Throws ``OperatorError`` when `value` is no object, or has a key that is not in `known`.
    init(_ value: JSONValue, place: String, known: [String]) throws(OperatorError) {
        guard let members = value.object else {
            throw OperatorError("\(place.isEmpty ? "The configuration" : place) must be an object, not \(value.kind).")
        }
        for key in members.keys.sorted() where !known.contains(key) {
            let shown = place.isEmpty ? key : "\(place).\(key)"
            throw OperatorError("Unknown key \(shown). Known keys here: \(known.joined(separator: ", ")).")
        }
        self.place = place
        self.members = members
    }

    func has(_ key: String) -> Bool { members[key] != nil }

    func path(_ key: String) -> String { place.isEmpty ? key : "\(place).\(key)" }

    func string(_ key: String) throws(OperatorError) -> String? {
        guard let value = members[key] else { return nil }
        guard case .string(let text) = value else {
            throw OperatorError("\(path(key)) must be a string, not \(value.kind).")
        }
        return text
    }

    func required(_ key: String) throws(OperatorError) -> String {
        guard let text = try string(key) else { throw OperatorError("\(path(key)) is missing.") }
        return text
    }

    func integer(_ key: String, in range: ClosedRange<Int>) throws(OperatorError) -> Int? {
        guard let value = members[key] else { return nil }
        guard case .integer(let number) = value, range.contains(number) else {
            throw OperatorError(
                "\(path(key)) must be a whole number from \(range.lowerBound) to \(range.upperBound), not \(value.text)."
            )
        }
        return number
    }

    func number(_ key: String, in range: ClosedRange<Double>) throws(OperatorError) -> Double? {
        guard let value = members[key] else { return nil }
        let number: Double? =
            switch value {
            case .integer(let whole): Double(whole)
            case .number(let number): number
            default: nil
            }
        guard let number, range.contains(number) else {
            throw OperatorError(
                "\(path(key)) must be a number from \(range.lowerBound) to \(range.upperBound), not \(value.text).")
        }
        return number
    }

    /// The elements with their places; `nil` when the key is absent.
    func list(_ key: String, atMost limit: Int) throws(OperatorError) -> [(place: String, value: JSONValue)]? {
        guard let value = members[key] else { return nil }
        guard case .array(let values) = value else {
            throw OperatorError("\(path(key)) must be a list, not \(value.kind).")
        }
        guard values.count <= limit else {
            throw OperatorError("\(path(key)) has \(values.count) entries; at most \(limit) are allowed.")
        }
        return values.enumerated().map { (place: "\(path(key))[\($0.offset)]", value: $0.element) }
    }

    func strings(_ key: String, atMost limit: Int) throws(OperatorError) -> [(place: String, text: String)]? {
        guard let values = try list(key, atMost: limit) else { return nil }
        var out: [(place: String, text: String)] = []
        for (place, value) in values {
            guard case .string(let text) = value else {
                throw OperatorError("\(place) must be a string, not \(value.kind).")
            }
            out.append((place: place, text: text))
        }
        return out
    }

    func object(_ key: String, known: [String]) throws(OperatorError) -> ConfigurationObject? {
        guard let value = members[key] else { return nil }
        return try ConfigurationObject(value, place: path(key), known: known)
    }
}
