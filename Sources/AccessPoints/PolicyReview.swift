package import S3Model

/// What the registry has to know of a policy before it takes it.
package struct PolicyFindings: Sendable, Hashable {
    /// By the test of spec/mrap.md §13.5.
    package let isPublic: Bool
    package init(isPublic: Bool) { self.isPublic = isPublic }
}

/// Reads a policy document. A seam, so that one implementation of the policy language can serve every place.
package protocol PolicyReviewing: Sendable {
    /// Throws `MalformedPolicy` with what is wrong.
    func review(_ document: String, of point: AccessPoint) throws(S3Error) -> PolicyFindings
}
