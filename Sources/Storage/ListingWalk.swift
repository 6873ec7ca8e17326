import S3Model

/// One page of a listing, as a pure walk over keys in byte order: which keys are items of the page, which are rolled up
/// into a common prefix, where to seek, and when the page is full. The same for objects, versions and uploads.
///
/// A common prefix is on the page when it is after `after` by bytes; so a page that ended with one is followed by the
/// first key past it, and an `after` inside a common prefix leaves that prefix out.
struct ListingWalk {
    enum Decision {
        /// The key is an item of the page and has been counted.
        case item
        /// The key is not; go on like this.
        case go(ScanStep)
    }

    private let prefix: [UInt8]
    private let delimiter: [UInt8]
    private let after: [UInt8]
    private let limit: Int
    private var count = 0
    private(set) var commonPrefixes: [String] = []
    /// Whether more items follow the page.
    private(set) var isTruncated = false
    /// Whether the page's last item is a common prefix.
    private var endsWithPrefix = false

    init(_ query: ListQuery) {
        prefix = Array(query.prefix.utf8)
        delimiter = Array((query.delimiter ?? "").utf8)
        after = Array(query.after.utf8)
        limit = query.limit
    }

    /// The first key bytes to look at. With `includingAfter`, the key `after` itself belongs to the walk, because some of
    /// its versions or uploads are still to come.
    func start(includingAfter: Bool = false) -> [UInt8] {
        guard !after.isEmpty else { return prefix }
        // A key and a zero byte is the very next key there can be.
        let next = includingAfter ? after : after + [0]
        return next.lexicographicallyPrecedes(prefix) ? prefix : next
    }

    mutating func visit(_ key: ObjectKey) -> Decision {
        var text = key.rawValue
        return text.withUTF8 { visit($0) }
    }

    private mutating func visit(_ key: UnsafeBufferPointer<UInt8>) -> Decision {
        guard key.count >= prefix.count, key.prefix(prefix.count).elementsEqual(prefix) else { return .go(.stop) }
        guard limit > 0 else { return .go(.stop) }
        if let end = endOfCommonPrefix(key) {
            let common = Array(key.prefix(end))
            let beyond = Self.successor(of: common).map { ScanStep.seek($0) } ?? .stop
            if !after.isEmpty, !after.lexicographicallyPrecedes(common) { return .go(beyond) }
            guard hasRoom() else { return .go(.stop) }
            commonPrefixes.append(String(decoding: common, as: UTF8.self))
            endsWithPrefix = true
            return .go(beyond)
        }
        guard hasRoom() else { return .go(.stop) }
        endsWithPrefix = false
        return .item
    }

    /// Where the next page begins: behind the last key of this one, which is `last` or a common prefix; `nil` when nothing
    /// follows. Beside the key is what tells the items of one key apart; a common prefix has no such marker.
    func next<Marker>(after last: (String, Marker?)?) -> (String, Marker?)? {
        guard isTruncated else { return nil }
        return endsWithPrefix ? commonPrefixes.last.map { ($0, nil) } : last
    }

    private mutating func hasRoom() -> Bool {
        if count == limit {
            isTruncated = true
            return false
        }
        count += 1
        return true
    }

    /// The end of the first delimiter after the prefix.
    private func endOfCommonPrefix(_ key: UnsafeBufferPointer<UInt8>) -> Int? {
        guard let first = delimiter.first, key.count >= prefix.count + delimiter.count else { return nil }
        for start in prefix.count...(key.count - delimiter.count) where key[start] == first {
            let end = start + delimiter.count
            if key[start..<end].elementsEqual(delimiter) { return end }
        }
        return nil
    }

    /// The first bytes above everything that starts with `prefix`; `nil` when there are none.
    static func successor(of prefix: [UInt8]) -> [UInt8]? {
        var bytes = prefix
        while let last = bytes.popLast() {
            if last < UInt8.max { return bytes + [last + 1] }
        }
        return nil
    }
}
