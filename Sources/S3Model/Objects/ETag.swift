/// An entity tag without its quotes: the MD5 of the bytes in hexadecimal, or `<md5 of part md5s>-<part count>`.
package struct ETag: Hashable, Sendable, CustomStringConvertible {
    package let rawValue: String
    package var description: String { rawValue }
    package var quoted: String { "\"\(rawValue)\"" }

    /// Takes off surrounding quotes and a weak prefix, as S3 does in conditions and in Complete documents.
    package init(_ text: String) {
        var value = Substring(text)
        if value.hasPrefix("W/") { value = value.dropFirst(2) }
        if value.utf8.count >= 2, value.hasPrefix("\""), value.hasSuffix("\"") { value = value.dropFirst().dropLast() }
        rawValue = String(value)
    }
}
