import Foundation
import S3Model
import Testing

@testable import meridian

/// The reference names everything there is, and nothing that is not.
@Suite struct DocumentationTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    private static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    private static func words(_ text: String) -> Set<Substring> {
        Set(text.split { !($0.isASCII && ($0.isLetter || $0.isNumber)) && $0 != "_" })
    }

    @Test func everyOperationIsInCompat() throws {
        let words = Self.words(try Self.text("docs/compat.md"))
        for operation in S3Operation.allCases {
            #expect(words.contains(operation.rawValue[...]), "docs/compat.md does not name \(operation.rawValue)")
        }
    }

    @Test func metricsAreThoseOfTheReference() throws {
        let found = FileManager.default.enumerator(
            at: Self.root.appending(path: "Sources"), includingPropertiesForKeys: nil)
        let sources = (found?.allObjects ?? []).compactMap { $0 as? URL }.filter { $0.pathExtension == "swift" }
        var registered: Set<String> = []
        for source in sources {
            // A metric's name is the whole of a string literal.
            for match in try String(contentsOf: source, encoding: .utf8).matches(of: /"(meridian_[a-z_]+)"/) {
                registered.insert(String(match.1))
            }
        }
        #expect(registered.count > 15)
        let reference = try Self.text("docs/reference/metrics.md")
        let documented = Set(reference.matches(of: /\| `(meridian_[a-z_]+)`/).map { String($0.1) })
        #expect(registered.subtracting(documented) == [], "registered, but not in docs/reference/metrics.md")
        #expect(documented.subtracting(registered) == [], "in docs/reference/metrics.md, but not registered")
    }

    @Test func everyConfigurationKeyIsInTheReference() throws {
        let reference = try Self.text("docs/reference/configuration.md")
        let keys =
            ConfigurationFile.keys + ConfigurationFile.regionKeys + ConfigurationFile.userKeys
            + ConfigurationFile.limitKeys
        for key in keys { #expect(reference.contains("`\(key)`"), "docs/reference/configuration.md lacks \(key)") }
    }
}
