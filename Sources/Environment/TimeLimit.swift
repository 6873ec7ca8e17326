extension TimeSource {
    /// The answer of `call`, or `nil` when it has not come within `milliseconds`; then the call is cancelled. Throws what
    /// the call throws, or `CancellationError`.
    package func limit<Answer: Sendable>(
        milliseconds: Int64, _ call: @escaping @Sendable () async throws -> Answer
    ) async throws -> Answer? {
        try await withThrowingTaskGroup(of: Answer?.self) { group in
            group.addTask { try await call() }
            group.addTask {
                try await sleep(milliseconds: milliseconds)
                return nil
            }
            defer { group.cancelAll() }
            return try await group.next() ?? nil
        }
    }
}
