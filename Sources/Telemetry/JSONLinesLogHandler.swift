package import Logging

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A swift-log handler that writes one JSON object per line: `time`, `level`, `logger`, `message`, then the metadata by
/// its (dotted) keys.
package struct JSONLinesLogHandler: LogHandler {
    package var logLevel: Logger.Level
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?
    private let label: String
    private let wallMilliseconds: @Sendable () -> Int64
    private let write: @Sendable (String) -> Void

    /// - Parameters:
    ///   - wallMilliseconds: the wall clock, milliseconds since 1970.
    ///   - write: takes a whole line with its newline.
    package init(
        label: String, level: Logger.Level = .info, wallMilliseconds: @escaping @Sendable () -> Int64,
        write: @escaping @Sendable (String) -> Void = JSONLinesLogHandler.standardError
    ) {
        self.label = label
        logLevel = level
        self.wallMilliseconds = wallMilliseconds
        self.write = write
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var all = metadata
        if let provided = metadataProvider?.get() { all.merge(provided) { _, new in new } }
        if let given = event.metadata { all.merge(given) { _, new in new } }
        if let error = event.error { all["error"] = .string("\(error)") }
        write(
            Self.line(
                time: wallMilliseconds(), level: event.level, label: label, message: "\(event.message)", metadata: all))
    }

    static func line(
        time: Int64, level: Logger.Level, label: String, message: String, metadata: Logger.Metadata
    ) -> String {
        var out = "{"
        JSONText.appendMember("time", ISO8601.text(wallMilliseconds: time), to: &out)
        out += ","
        JSONText.appendMember("level", level.rawValue, to: &out)
        out += ","
        JSONText.appendMember("logger", label, to: &out)
        out += ","
        JSONText.appendMember("message", message, to: &out)
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
            out += ","
            JSONText.append(key, to: &out)
            out += ":"
            append(value, to: &out)
        }
        return out + "}\n"
    }

    private static func append(_ value: Logger.Metadata.Value, to out: inout String) {
        switch value {
        case .string(let text): JSONText.append(text, to: &out)
        case .stringConvertible(let number as any BinaryInteger): out += "\(number)"
        case .stringConvertible(let value): JSONText.append("\(value)", to: &out)
        case .array(let values):
            out += "["
            for (index, value) in values.enumerated() {
                if index > 0 { out += "," }
                append(value, to: &out)
            }
            out += "]"
        case .dictionary(let values):
            out += "{"
            for (index, pair) in values.sorted(by: { $0.key < $1.key }).enumerated() {
                if index > 0 { out += "," }
                JSONText.append(pair.key, to: &out)
                out += ":"
                append(pair.value, to: &out)
            }
            out += "}"
        }
    }

    /// One `write` per line, so that lines of several threads do not mix. A full pipe or a closed descriptor loses the
    /// line: logging never stops a request.
    package static let standardError: @Sendable (String) -> Void = { line in
        var line = line
        line.withUTF8 { bytes in
            guard let start = bytes.baseAddress else { return }
            _ = Posix.write(2, start, bytes.count)
        }
    }
}

private enum Posix {
    static func write(_ descriptor: Int32, _ start: UnsafeRawPointer, _ count: Int) -> Int {
        #if canImport(Glibc)
            Glibc.write(descriptor, start, count)
        #elseif canImport(Musl)
            Musl.write(descriptor, start, count)
        #else
            Darwin.write(descriptor, start, count)
        #endif
    }
}
