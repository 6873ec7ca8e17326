/// Text of others, such as keys, rules and reasons, made such that it can neither steer a terminal nor break a line.
enum TerminalText {
    /// Between quotes: for keys, which may contain anything.
    static func quoted(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            if scalar == "\"" || scalar == "\\" { out += "\\" }
            append(scalar, to: &out)
        }
        return out + "\""
    }

    /// Without quotes: for what is mostly words.
    static func plain(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isUnseen) else { return text }
        var out = ""
        for scalar in text.unicodeScalars { append(scalar, to: &out) }
        return out
    }

    /// JSON that says the same: what is unseen stands in its strings only, where it can be written as numbers.
    static func json(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: { isUnseen($0) && $0 != "\n" }) else { return text }
        var out = ""
        for scalar in text.unicodeScalars {
            guard isUnseen(scalar), scalar != "\n" else {
                out.unicodeScalars.append(scalar)
                continue
            }
            for unit in String(scalar).utf16 {
                let digits = String(unit, radix: 16)
                out += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }
        }
        return out
    }

    private static func append(_ scalar: Unicode.Scalar, to out: inout String) {
        switch scalar {
        case "\n": out += "\\n"
        case "\r": out += "\\r"
        case "\t": out += "\\t"
        case _ where isUnseen(scalar): out += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
        default: out.unicodeScalars.append(scalar)
        }
    }

    /// Controls (of C1 too, which some terminals obey), what turns the direction of writing, and breaks of lines.
    private static func isUnseen(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }
}
