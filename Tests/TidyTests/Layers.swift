/// The targets of `Package.swift` in the order in which they stand there, which is the order of the layers.
struct Layers {
    struct Target {
        let name: String
        /// Everything named in its `dependencies`.
        let dependencies: Set<String>
    }

    let targets: [Target]

    /// What may be imported without being named as a dependency.
    static let system: Set<String> = [
        "Swift", "Synchronization", "FoundationEssentials", "Foundation", "Dispatch", "Glibc", "Musl", "Darwin",
    ]

    /// Reads the `sources` list: each call of `.target`, `.executableTarget` or `.systemLibrary` and the names in it.
    init(package text: String) {
        guard let start = text.firstRange(of: "let sources: [Target]"),
            let end = text.firstRange(of: "\nlet tests: [Target]")
        else {
            targets = []
            return
        }
        var rest = text[start.upperBound..<end.lowerBound]
        var found: [Target] = []
        while let call = rest.firstMatch(of: /\.(target|executableTarget|systemLibrary)\(/) {
            let body = rest[call.range.upperBound...]
            var depth = 1
            var close = body.startIndex
            while close < body.endIndex && depth > 0 {
                if body[close] == "(" { depth += 1 } else if body[close] == ")" { depth -= 1 }
                close = body.index(after: close)
            }
            let call = body[..<close]
            var names = call.matches(of: /"([^"]+)"/).map { String($0.output.1) }
            if call.contains(/\bcrypto\b/) { names.append("Crypto") }
            if call.contains(/\blogging\b/) { names.append("Logging") }
            if let name = names.first { found.append(Target(name: name, dependencies: Set(names.dropFirst()))) }
            rest = body[close...]
        }
        targets = found
    }

    /// Every dependency on a target of ours must stand above it.
    var upward: [String] {
        let order = Dictionary(uniqueKeysWithValues: targets.enumerated().map { ($0.element.name, $0.offset) })
        return targets.enumerated().flatMap { index, target in
            target.dependencies.sorted().filter { (order[$0] ?? -1) >= index }.map {
                "\(target.name) depends on \($0), which is not below it"
            }
        }
    }

    /// Imports of a file in `target` that its dependencies do not name.
    func findings(target name: String, path: String, text: SwiftText) -> [Finding] {
        guard let target = targets.first(where: { $0.name == name }) else {
            return [Finding(path: path, line: 1, message: "\(name) is no target of Package.swift")]
        }
        return Rules.imports(text).filter {
            !Self.system.contains($0.module) && !target.dependencies.contains($0.module)
        }
        .map { Finding(path: path, line: $0.line, message: "\(name) must not import \($0.module)") }
    }
}
