import Dispatch
import Environment

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// SIGINT and SIGTERM ask for a graceful stop; a second one ends the process at once.
///
/// `@unchecked Sendable`: the sources are only kept alive here; after `init` nothing touches them.
final class StopSignals: @unchecked Sendable {
    private let asked = AsyncSignal()
    private let sources: [any DispatchSourceSignal]

    init() {
        // A client that goes away while we write must not end the process.
        signal(SIGPIPE, SIG_IGN)
        let asked = self.asked
        sources = [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                asked.notify()
                // The next one does what it does by default.
                signal(number, SIG_DFL)
            }
            source.resume()
            return source
        }
    }

    func wait() async { await asked.wait() }
}

enum ProcessIdentity {
    static var current: Int32 { getpid() }

    /// From here on, files that any library makes (SQLite's databases among them) are readable by their owner only, also
    /// in a data folder that somebody made beforehand with wider rights.
    static func keepFilesPrivate() { _ = umask(0o077) }
}
