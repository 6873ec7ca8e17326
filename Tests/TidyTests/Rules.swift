/// One broken rule at one place.
struct Finding: Hashable, CustomStringConvertible {
    let path: String
    let line: Int
    let message: String
    var description: String { "\(path):\(line): \(message)" }
}

/// A call or type that has its place elsewhere.
struct BannedWord {
    let word: String
    /// Path prefixes in which it is allowed.
    let allowed: [String]
    let reason: String

    static let inSources = [
        BannedWord(
            word: "Task {", allowed: taskOwners, reason: "only structured concurrency; tasks begin in the composition"),
        BannedWord(
            word: "Task(", allowed: taskOwners, reason: "only structured concurrency; tasks begin in the composition"),
        BannedWord(
            word: "Task.detached", allowed: taskOwners, reason: "only structured concurrency"),
        BannedWord(word: "Date()", allowed: [], reason: "time comes from a TimeSource"),
        BannedWord(word: "Date.now", allowed: [], reason: "time comes from a TimeSource"),
        BannedWord(
            word: "Task.sleep", allowed: ["Sources/meridian/SystemTime"], reason: "time comes from a TimeSource"),
        BannedWord(word: "try!", allowed: [], reason: "errors are handled"),
        BannedWord(word: "as!", allowed: [], reason: "casts are checked"),
        BannedWord(word: "fatalError(", allowed: [], reason: "no input may end the process"),
        BannedWord(word: "print(", allowed: ["Sources/meridian/Commands/"], reason: "log, or answer through Terminal"),
        BannedWord(word: "import XCTest", allowed: [], reason: "tests are Swift Testing"),
    ]

    static let inTests = [
        BannedWord(word: "import XCTest", allowed: [], reason: "tests are Swift Testing"),
        BannedWord(
            word: "Task.sleep", allowed: ["Tests/GatewayTests/HTTPTestSupport"], reason: "tests do not sleep"),
        BannedWord(word: "try!", allowed: [], reason: "a test that throws says more"),
    ]

    /// The composition root, and the front that gives every connection its task.
    private static let taskOwners = ["Sources/meridian/Composition", "Sources/Gateway/HTTP/"]
}

enum Rules {
    static let maximumFileLines = 400
    static let maximumFunctionLines = 70

    static func bannedWords(_ words: [BannedWord], path: String, text: SwiftText) -> [Finding] {
        words.filter { word in !word.allowed.contains { path.hasPrefix($0) } }.flatMap { word in
            text.lines(with: word.word).map { Finding(path: path, line: $0, message: "\(word.word): \(word.reason)") }
        }
    }

    /// `@unchecked Sendable` and `nonisolated(unsafe)` need a comment that states the invariant: on the line, or directly
    /// above the declaration.
    static func uncheckedWithoutReason(path: String, text: SwiftText) -> [Finding] {
        ["@unchecked Sendable", "nonisolated(unsafe)"].flatMap { word in
            text.lines(with: word).filter { line in
                if text.lines[line - 1].contains("//") { return false }
                // Attributes and a wrapped inheritance list may stand between.
                let above = text.lines[..<(line - 1)].reversed().prefix(4)
                for text in above {
                    let trimmed = text.drop { $0 == " " }
                    if trimmed.hasPrefix("//") { return false }
                    let continues = trimmed.hasPrefix("@") || trimmed.hasSuffix(":") || trimmed.hasSuffix(",")
                    if !continues { return true }
                }
                return true
            }.map { Finding(path: path, line: $0, message: "\(word) without a comment that states the invariant") }
        }
    }

    static func longFile(path: String, text: SwiftText) -> [Finding] {
        let count = text.lines.last?.isEmpty == true ? text.lines.count - 1 : text.lines.count
        guard count > maximumFileLines else { return [] }
        return [Finding(path: path, line: count, message: "\(count) lines; at most \(maximumFileLines)")]
    }

    /// Functions, initializers and accessors from their first line to their closing brace.
    static func longFunctions(path: String, text: SwiftText) -> [Finding] {
        var out: [Finding] = []
        for (index, line) in text.code.enumerated() where isFunctionStart(line) {
            guard let end = closingLine(text.code, from: index) else { continue }
            let length = end - index + 1
            if length > maximumFunctionLines {
                out.append(
                    Finding(
                        path: path, line: index + 1,
                        message: "a function of \(length) lines; at most \(maximumFunctionLines)"))
            }
        }
        return out
    }

    private static func isFunctionStart(_ line: Substring) -> Bool {
        let words = line.split(separator: " ")
        guard
            let position = words.firstIndex(where: { $0 == "func" || $0.hasPrefix("init(") || $0.hasPrefix("init?(") })
        else { return false }
        let modifiers: Set<Substring> = [
            "package", "public", "private", "fileprivate", "internal", "static", "final", "override", "mutating",
            "consuming", "borrowing", "nonisolated", "convenience", "required", "class", "isolated",
            "@inline(__always)",
            "@inlinable", "@discardableResult", "@Sendable", "@Test",
        ]
        return words[..<position].allSatisfy { modifiers.contains($0) || $0.hasPrefix("@") }
    }

    /// The line on which the first brace opened at or after `start` closes; `nil` for a requirement without a body.
    private static func closingLine(_ code: [Substring], from start: Int) -> Int? {
        var depth = 0
        var parentheses = 0
        for (offset, line) in code[start...].enumerated() {
            for character in line.utf8 {
                switch character {
                case UInt8(ascii: "("): parentheses += 1
                case UInt8(ascii: ")"): parentheses -= 1
                case UInt8(ascii: "{") where parentheses == 0 || depth > 0: depth += 1
                case UInt8(ascii: "}") where depth > 0:
                    depth -= 1
                    if depth == 0 { return start + offset }
                case UInt8(ascii: "}") where parentheses == 0: return nil
                default: break
                }
            }
            let isOtherDeclaration = offset > 0 && depth == 0 && parentheses == 0 && isFunctionStart(line)
            if isOtherDeclaration { return nil }
        }
        return nil
    }

    /// The modules that a file imports, with their lines.
    static func imports(_ text: SwiftText) -> [(module: String, line: Int)] {
        text.code.enumerated().compactMap { index, line in
            var words = line.split(separator: " ").map(String.init)
            while let first = words.first,
                ["@testable", "@preconcurrency", "package", "public", "internal"].contains(first)
            {
                words.removeFirst()
            }
            guard words.first == "import", words.count >= 2, let module = words.last else { return nil }
            return (module: module.split(separator: ".").first.map(String.init) ?? module, line: index + 1)
        }
    }
}
