/// Wall-clock time in milliseconds since 1970-01-01T00:00:00Z. Formatting is by hand: the library formatters cost more
/// than a metadata read (spec/performance.md §6).
package struct Timestamp: Hashable, Comparable, Sendable, Codable {
    package let milliseconds: Int64

    package init(milliseconds: Int64) { self.milliseconds = milliseconds }

    package static func < (left: Self, right: Self) -> Bool { left.milliseconds < right.milliseconds }

    /// Whole seconds since 1970; HTTP dates and conditional requests know no finer grain.
    package var seconds: Int64 { milliseconds >= 0 ? milliseconds / 1000 : (milliseconds - 999) / 1000 }
}
