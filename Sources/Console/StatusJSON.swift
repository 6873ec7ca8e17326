#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension StatusReport {
    /// The body of `/-/status`: JSON with sorted keys.
    package func encoded() -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        // Encoding plain values fails only on numbers that are not finite, of which the report has none.
        return (try? encoder.encode(self)).map { Array($0) } ?? Array("{\"version\": \(version)}".utf8)
    }

    /// `nil` when the text is no report of a version that this program knows.
    package static func decode(_ bytes: [UInt8]) -> StatusReport? {
        guard let report = try? JSONDecoder().decode(StatusReport.self, from: Data(bytes)),
            report.version == currentVersion
        else { return nil }
        return report
    }
}
