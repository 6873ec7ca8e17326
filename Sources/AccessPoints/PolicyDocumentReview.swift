package import S3Model

/// The structure of a policy document, and whether it is public.
package struct PolicyDocumentReview: PolicyReviewing {
    package init() {}

    package func review(_ document: String, of point: AccessPoint) throws(S3Error) -> PolicyFindings {
        throw S3Error(.malformedPolicy, "unwritten")
    }
}
