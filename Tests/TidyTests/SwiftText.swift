/// A Swift source with comments and the insides of string literals blanked out (every byte but newlines becomes a space),
/// so that a rule looks at code only.
struct SwiftText {
    /// Without comments and strings.
    let code: [Substring]
    /// As written.
    let lines: [Substring]

    init(_ text: String) {
        lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        var scanner = Scanner(bytes: Array(text.utf8))
        scanner.code(until: nil)
        code = String(decoding: scanner.out, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)[
            ...
        ]
        .map { $0 }
    }

    /// Lines (from 1) on which `word` stands in code, not as a part of a longer name.
    func lines(with word: String) -> [Int] {
        code.enumerated().filter { Self.contains(Array($0.element.utf8), Array(word.utf8)) }.map { $0.offset + 1 }
    }

    private static func contains(_ line: [UInt8], _ word: [UInt8]) -> Bool {
        guard line.count >= word.count, let first = word.first, let last = word.last else { return false }
        func isName(_ byte: UInt8) -> Bool {
            byte == UInt8(ascii: "_") || byte == UInt8(ascii: ".") || byte >= 0x80
                || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        }
        for start in 0...(line.count - word.count)
        where line[start] == first && line[start..<(start + word.count)].elementsEqual(word) {
            let end = start + word.count
            let startsName = isName(first) && start > 0 && isName(line[start - 1])
            let endsName = isName(last) && end < line.count && isName(line[end])
            if !startsName && !endsName { return true }
        }
        return false
    }

    private struct Scanner {
        let bytes: [UInt8]
        var out: [UInt8] = []
        var at = 0

        init(bytes: [UInt8]) { self.bytes = bytes }

        private func starts(_ text: StaticString, at offset: Int = 0) -> Bool {
            let wanted = "\(text)".utf8
            return bytes.count - at - offset >= wanted.count
                && bytes[(at + offset)..<(at + offset + wanted.count)].elementsEqual(wanted)
        }

        private mutating func keep() {
            out.append(bytes[at])
            at += 1
        }

        private mutating func blank(_ count: Int = 1) {
            for _ in 0..<min(count, bytes.count - at) {
                out.append(bytes[at] == UInt8(ascii: "\n") ? bytes[at] : UInt8(ascii: " "))
                at += 1
            }
        }

        /// Code up to the closing parenthesis of an interpolation, or to the end.
        mutating func code(until closing: UInt8?) {
            var depth = 0
            while at < bytes.count {
                if starts("//") {
                    while at < bytes.count && bytes[at] != UInt8(ascii: "\n") { blank() }
                } else if starts("/*") {
                    while at < bytes.count && !starts("*/") { blank() }
                    blank(2)
                } else if let pounds = literalStart() {
                    string(pounds: pounds)
                } else {
                    if closing != nil && bytes[at] == UInt8(ascii: "(") { depth += 1 }
                    if let closing, bytes[at] == closing {
                        if depth == 0 { return blank() }
                        depth -= 1
                    }
                    if closing == nil { keep() } else { blank() }
                }
            }
        }

        /// The number of `#` before a quote that opens a literal here.
        private func literalStart() -> Int? {
            var pounds = 0
            while at + pounds < bytes.count && bytes[at + pounds] == UInt8(ascii: "#") { pounds += 1 }
            return at + pounds < bytes.count && bytes[at + pounds] == UInt8(ascii: "\"") ? pounds : nil
        }

        private mutating func string(pounds: Int) {
            blank(pounds)
            let isMultiline = starts("\"\"\"")
            let quotes = isMultiline ? 3 : 1
            blank(quotes)
            while at < bytes.count {
                let isBackslash = bytes[at] == UInt8(ascii: "\\")
                let hasPounds = { (start: Int, bytes: [UInt8]) in
                    start + pounds <= bytes.count
                        && bytes[start..<(start + pounds)].allSatisfy { $0 == UInt8(ascii: "#") }
                }
                if isBackslash && hasPounds(at + 1, bytes) {
                    blank(1 + pounds)
                    if at < bytes.count && bytes[at] == UInt8(ascii: "(") {
                        blank()
                        code(until: UInt8(ascii: ")"))
                    } else {
                        blank()
                    }
                } else if (isMultiline ? starts("\"\"\"") : bytes[at] == UInt8(ascii: "\""))
                    && hasPounds(at + quotes, bytes)
                {
                    return blank(quotes + pounds)
                } else {
                    blank()
                }
            }
        }
    }
}
