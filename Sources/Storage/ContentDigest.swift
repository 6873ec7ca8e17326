/// Running digests of one body. Fed by one writer at a time, on whatever thread has the bytes hot.
package final class ContentDigest: Sendable {
    package init(_ plan: DigestPlan) { preconditionFailure("unwritten") }
}
