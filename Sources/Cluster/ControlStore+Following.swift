package import Environment
package import Logging

extension ControlStore {
    /// Hands the records below `prefix` to `apply`, now and after every change, until the task is cancelled. An
    /// unavailable store is asked again with growing pauses; what was applied last stays in force meanwhile
    /// (DESIGN §2: an edge keeps serving on last-known routes).
    package func follow(
        prefix: String, time: any TimeSource, log: Logger, apply: @Sendable (ControlSnapshot) -> Void
    ) async {
        var pause: Int64 = 50
        while !Task.isCancelled {
            do {
                let snapshot = try await self.snapshot(prefix: prefix)
                apply(snapshot)
                pause = 50
                _ = try await changed(after: snapshot.revision)
            } catch {
                if Task.isCancelled { return }
                log.warning("control store away, keeping what is known", metadata: ["error": "\(error)"])
                guard (try? await time.sleep(milliseconds: pause)) != nil else { return }
                pause = min(pause * 2, 2_000)
            }
        }
    }
}
