import ArgumentParser

/// How every command ends that fails: with a line on standard error, and 1.
extension OperatorError {
    /// Failures that a person can do something about are printed alone.
    static func reporting(_ body: () throws -> Void) throws {
        do { try body() } catch let error as OperatorError { throw error.printed() }
    }

    static func reporting(_ body: () async throws -> Void) async throws {
        do { try await body() } catch let error as OperatorError { throw error.printed() }
    }

    /// For what serves until it is stopped: `subject` cannot go on without that.
    static func reporting(of subject: String, _ body: () async throws -> Void) async throws {
        do { try await body() } catch let error as OperatorError {
            throw error.printed()
        } catch {
            // Stores and certificates say what is wrong in their own words.
            throw OperatorError("\(subject) cannot go on: \(error)").printed()
        }
    }

    private func printed() -> ExitCode {
        Terminal.note("meridian: \(message)")
        return .failure
    }
}
