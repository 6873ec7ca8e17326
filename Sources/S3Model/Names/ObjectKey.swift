/// An object's key: 1..1,024 bytes of UTF-8. Keys are equal and ordered by their bytes, as in S3 (never by Unicode
/// equivalence, as `String` is).
package struct ObjectKey: Hashable, Comparable, Sendable, CustomStringConvertible {
    package static let maximumByteCount = 1024
    package let rawValue: String
    package var description: String { rawValue }

    /// `nil` when `text` is empty or longer than 1,024 bytes.
    package init?(_ text: String) {
        guard !text.isEmpty, text.utf8.count <= Self.maximumByteCount else { return nil }
        rawValue = text
    }

    /// For keys that come from our own store, where they were checked on the way in.
    package init(stored text: String) { rawValue = text }

    package static func == (left: Self, right: Self) -> Bool { left.rawValue.utf8.elementsEqual(right.rawValue.utf8) }
    package static func < (left: Self, right: Self) -> Bool {
        left.rawValue.utf8.lexicographicallyPrecedes(right.rawValue.utf8)
    }
    package func hash(into hasher: inout Hasher) {
        let isHashed: Void? = rawValue.utf8.withContiguousStorageIfAvailable {
            hasher.combine(bytes: UnsafeRawBufferPointer($0))
        }
        // Not contiguous: a string of another library, the same bytes one by one.
        if isHashed == nil { Array(rawValue.utf8).withUnsafeBytes { hasher.combine(bytes: $0) } }
    }
}
