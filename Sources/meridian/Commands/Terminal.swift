#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What the commands say to a person: results on standard output, everything else on standard error.
enum Terminal {
    static func out(_ line: String) { write(line + "\n", to: STDOUT_FILENO) }
    static func note(_ line: String) { write(line + "\n", to: STDERR_FILENO) }

    /// Whether a person can answer.
    static var isInteractive: Bool { isatty(STDIN_FILENO) == 1 }

    private static func write(_ text: String, to descriptor: Int32) {
        let bytes = Array(text.utf8)
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes { POSIXFile.writeOnce(descriptor, $0) }
            if count > 0 { sent += count } else if errno != EINTR { return }
        }
    }
}

/// A failure that a person can do something about. Commands print the message alone and exit with 1.
package struct OperatorError: Error, CustomStringConvertible, Equatable {
    package let message: String
    package init(_ message: String) { self.message = message }
    package var description: String { message }
}
