import S3Model

/// Commands below `/-/admin/`, for our own command line. Every request is signed, and only the root identity may ask.
package protocol AdminResponding: Sendable {
    /// - Parameter path: what follows `/-/admin/`.
    /// - Returns: a JSON document. Throws `S3Error` in words a person can act on.
    func perform(method: String, path: String, query: QueryItems) async throws -> [UInt8]
}

/// There are no commands.
package struct NoAdmin: AdminResponding {
    package init() {}
    package func perform(method: String, path: String, query: QueryItems) async throws -> [UInt8] {
        throw S3Error(.methodNotAllowed)
    }
}
