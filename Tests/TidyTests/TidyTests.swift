import Foundation
import Testing

/// What a machine can check of CONTRIBUTING.md.
@Suite struct TidyTests {
    private struct File {
        /// From the root of the repository, with slashes.
        let path: String
        let text: SwiftText
        var components: [Substring] { path.split(separator: "/") }
    }

    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    private static func files(in folder: String) throws -> [File] {
        let base = root.appending(path: folder)
        let found = FileManager.default.enumerator(at: base, includingPropertiesForKeys: nil)
        return try (found?.allObjects ?? []).compactMap { $0 as? URL }.filter { $0.pathExtension == "swift" }
            .map { url in
                let path = String(url.path(percentEncoded: false).dropFirst(root.path(percentEncoded: false).count))
                return File(path: path, text: SwiftText(try String(contentsOf: url, encoding: .utf8)))
            }
    }

    private func expectNone(_ findings: [Finding]) {
        for finding in findings { Issue.record(Comment(rawValue: finding.description)) }
    }

    @Test func sourcesAndTestsAreFound() throws {
        #expect(try Self.files(in: "Sources").count > 20)
        #expect(try Self.files(in: "Tests").contains { $0.path == "Tests/TidyTests/TidyTests.swift" })
    }

    @Test func importsOnlyGoDown() throws {
        let layers = Layers(
            package: try String(contentsOf: Self.root.appending(path: "Package.swift"), encoding: .utf8))
        #expect(layers.targets.count > 10)
        #expect(layers.upward == [])
        for (one, other) in [("AccessPoints", "Replication"), ("Replication", "AccessPoints")] {
            let target = try #require(layers.targets.first { $0.name == one })
            #expect(!target.dependencies.contains(other), "\(one) and \(other) do not know each other")
        }
        for file in try Self.files(in: "Sources") {
            expectNone(layers.findings(target: String(file.components[1]), path: file.path, text: file.text))
        }
    }

    @Test func filesAndFunctionsAreShort() throws {
        for file in try Self.files(in: "Sources") + Self.files(in: "Tests") {
            expectNone(Rules.longFile(path: file.path, text: file.text))
            expectNone(Rules.longFunctions(path: file.path, text: file.text))
        }
    }

    @Test func bannedCallsStayOut() throws {
        for file in try Self.files(in: "Sources") {
            expectNone(Rules.bannedWords(BannedWord.inSources, path: file.path, text: file.text))
            expectNone(Rules.uncheckedWithoutReason(path: file.path, text: file.text))
        }
        for file in try Self.files(in: "Tests") {
            expectNone(Rules.bannedWords(BannedWord.inTests, path: file.path, text: file.text))
        }
    }

    @Test func noFolderOrTargetIsCalledNothing() throws {
        let empty: Set<Substring> = [
            "Core", "Utils", "Util", "Helpers", "Helper", "Common", "Manager", "Managers", "Misc",
        ]
        for file in try Self.files(in: "Sources") {
            #expect(file.components.allSatisfy { !empty.contains($0) }, "\(file.path)")
            #expect(!file.path.hasSuffix("Manager.swift") && !file.path.hasSuffix("Utils.swift"), "\(file.path)")
        }
    }
}
