import Testing

/// Every rule is seen to catch a bad sample, and to leave a good one alone.
@Suite struct RuleTests {
    @Test(arguments: [
        "let t = Task { }", "Task(priority: .high) { }", "Task.detached { }", "let now = Date()", "Date.now",
        "try await Task.sleep(for: .seconds(1))", "let x = try! f()", "x as! Y", "fatalError(\"no\")", "print(1)",
        "import XCTest",
    ])
    func bannedWordsAreCaught(sample: String) {
        let findings = Rules.bannedWords(BannedWord.inSources, path: "Sources/Storage/X.swift", text: SwiftText(sample))
        #expect(!findings.isEmpty)
    }

    @Test(arguments: [
        "// Task { } and Date() in a comment", "/* try! */ let a = 1", "let s = \"fatalError(\"",
        "let s = \"\\(f(\"try!\")) print(\"", "let s = #\"a\\\"# + \"Date()\"", "myTask { }", "withTask(x)",
        "reprint(1)", "console.print(1)", "let s = \"\"\"\n  Date()\n  \"\"\"", "group.addTask { }",
    ])
    func otherTextIsNot(sample: String) {
        let text = SwiftText(sample)
        let findings = Rules.bannedWords(BannedWord.inSources, path: "Sources/Storage/X.swift", text: text)
        #expect(findings == [])
    }

    @Test func codeAfterAStringIsStillLookedAt() {
        let text = SwiftText("let s = \"a \\(b(\"c\")) d\"; try! f()\nlet r = #\"\\\"#; let x = Date()\n")
        #expect(
            Rules.bannedWords(BannedWord.inSources, path: "Sources/A/B.swift", text: text).map(\.line).sorted() == [
                1, 2,
            ])
    }

    @Test func theCompositionMayBeginTasks() {
        let text = SwiftText("Task { }")
        let path = "Sources/meridian/Composition.swift"
        #expect(Rules.bannedWords(BannedWord.inSources, path: path, text: text) == [])
    }

    @Test func uncheckedNeedsAReason() {
        func findings(_ text: String) -> Int { Rules.uncheckedWithoutReason(path: "a", text: SwiftText(text)).count }
        #expect(findings("final class A: @unchecked Sendable {}") == 1)
        #expect(findings("// Confined to its loop.\n\nfinal class A: @unchecked Sendable {}") == 1)
        #expect(findings("nonisolated(unsafe) var a = 1") == 1)
        #expect(findings("// Confined to its loop.\nfinal class A: @unchecked Sendable {}") == 0)
        #expect(findings("// Confined to its loop.\nfinal class A: B,\n    @unchecked Sendable {}") == 0)
        #expect(findings("nonisolated(unsafe) let a = 1  // Written once, before threads.") == 0)
    }

    @Test func longFilesAndFunctionsAreCaught() {
        func function(_ lines: Int) -> String {
            "struct A {\n    package static func f(\n        _ a: () -> Void\n    ) {\n"
                + String(repeating: "        g(\"{\")\n", count: lines - 4) + "    }\n}\n"
        }
        #expect(Rules.longFunctions(path: "a", text: SwiftText(function(70))) == [])
        #expect(Rules.longFunctions(path: "a", text: SwiftText(function(71))).map(\.line) == [2])
        let requirement =
            "protocol P {\n    func f()\n}\nstruct A {\n" + String(repeating: "let a = 1\n", count: 90) + "}\n"
        #expect(Rules.longFunctions(path: "a", text: SwiftText(requirement)) == [])
        #expect(Rules.longFile(path: "a", text: SwiftText(String(repeating: "\n", count: 400))) == [])
        #expect(Rules.longFile(path: "a", text: SwiftText(String(repeating: "\n", count: 401))).count == 1)
    }

    @Test func upwardDependenciesAndForeignImportsAreCaught() {
        let package = """
            let sources: [Target] = [
                .target(name: "Low", dependencies: ["High", crypto]),
                .target(
                    name: "High", dependencies: ["Low", .product(name: "X509", package: "c")] + nio("NIOCore")),
            ]
            let tests: [Target] = [
            ]
            """
        let layers = Layers(package: package)
        #expect(layers.targets.map(\.name) == ["Low", "High"])
        #expect(layers.upward == ["Low depends on High, which is not below it"])
        let text = SwiftText(
            "package import NIOCore\nimport X509\n@testable import Low\nimport struct Sky.Blue\n// import No\n")
        #expect(layers.findings(target: "High", path: "a", text: text).map(\.line) == [4])
        #expect(layers.findings(target: "Low", path: "a", text: SwiftText("import Crypto\nimport Glibc")) == [])
        #expect(layers.findings(target: "None", path: "a", text: text).count == 1)
    }
}
