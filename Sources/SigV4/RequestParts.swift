/// A request taken apart for verification: one buffer with all text, and ranges into it. Header names are lower case,
/// values are as received but for blanks at their ends; query names and values are decoded.
struct RequestParts: Sendable {
    struct Header: Sendable {
        let name: Range<Int>
        let value: Range<Int>
    }

    struct QueryItem: Sendable {
        let name: Range<Int>
        /// Empty without `=`.
        let value: Range<Int>
        let hasValue: Bool
    }

    let method: String
    private(set) var bytes: [UInt8] = []
    private(set) var headers: [Header] = []
    private(set) var path = 0..<0
    private(set) var query: [QueryItem] = []

    init(method: String, target: String, headers: some Sequence<(name: String, value: String)>) {
        self.method = method
        bytes.reserveCapacity(2048)
        self.headers.reserveCapacity(24)
        for (name, value) in headers { appendHeader(name: name, value: value) }
        appendTarget(target)
    }

    private mutating func appendHeader(name: String, value: String) {
        let start = bytes.count
        bytes.append(contentsOf: name.utf8)
        let middle = bytes.count
        bytes.append(contentsOf: value.utf8)
        let trimmed = bytes.withUnsafeMutableBufferPointer { bytes in
            for index in start..<middle { bytes[index] = bytes[index].lowercase }
            var first = middle
            var end = bytes.count
            while first < end, bytes[first].isBlank { first += 1 }
            while first < end, bytes[end - 1].isBlank { end -= 1 }
            return first..<end
        }
        headers.append(Header(name: start..<middle, value: trimmed))
    }

    /// Takes scheme and authority off an absolute-form target and parts path and query.
    private mutating func appendTarget(_ target: String) {
        let start = bytes.count
        bytes.append(contentsOf: target.utf8)
        let end = bytes.count
        var first = start
        let isAbsolute = start < end && bytes[start] != UInt8(ascii: "/")
        for scheme in ["http://", "https://"] where isAbsolute && end - start >= scheme.utf8.count {
            guard zip(bytes[start..<end], scheme.utf8).allSatisfy({ $0.lowercase == $1 }) else { continue }
            first = start + scheme.utf8.count
            while first < end, bytes[first] != UInt8(ascii: "/"), bytes[first] != UInt8(ascii: "?") { first += 1 }
            break
        }
        let question = bytes[first..<end].firstIndex(of: UInt8(ascii: "?")) ?? end
        path = first..<question
        var index = question + 1
        while index < end {
            let stop = bytes[index..<end].firstIndex(of: UInt8(ascii: "&")) ?? end
            if stop > index { appendQueryItem(index..<stop) }
            index = stop + 1
        }
    }

    private mutating func appendQueryItem(_ piece: Range<Int>) {
        let equals = bytes[piece].firstIndex(of: UInt8(ascii: "="))
        let name = decoded(piece.lowerBound..<(equals ?? piece.upperBound))
        let value = equals.map { decoded(($0 + 1)..<piece.upperBound) }
        query.append(QueryItem(name: name, value: value ?? name.upperBound..<name.upperBound, hasValue: value != nil))
    }

    private mutating func decoded(_ range: Range<Int>) -> Range<Int> {
        guard bytes[range].contains(UInt8(ascii: "%")) else { return range }
        let start = bytes.count
        bytes.appendURIDecoded(bytes[range])
        return start..<bytes.count
    }
}

extension RequestParts {
    subscript(range: Range<Int>) -> ArraySlice<UInt8> { bytes[range] }

    /// The first header of this lower-case name.
    func header(_ name: String) -> ArraySlice<UInt8>? {
        for header in headers where isName(header.name, name) { return bytes[header.value] }
        return nil
    }

    func headerCount(_ name: String) -> Int { headers.count { isName($0.name, name) } }

    /// The first query parameter of this name.
    func queryValue(_ name: String) -> ArraySlice<UInt8>? {
        for item in query where isName(item.name, name) { return bytes[item.value] }
        return nil
    }

    func queryCount(_ name: String) -> Int { query.count { isName($0.name, name) } }

    func isName(_ range: Range<Int>, _ name: String) -> Bool {
        range.count == name.utf8.count && bytes[range].equals(name)
    }

    func hasPrefix(_ range: Range<Int>, _ prefix: String) -> Bool {
        range.count >= prefix.utf8.count && bytes[range].starts(with: prefix.utf8)
    }
}
