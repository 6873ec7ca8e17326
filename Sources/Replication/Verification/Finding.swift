package import S3Model
package import Storage

/// What is the matter with one version in one bucket.
package enum Verdict: String, Sendable, Hashable, Codable, CaseIterable {
    /// A rule of another bucket promises it here, and it is neither here nor on its way.
    case missing
    /// A client removed it here for good, by its id. S3 replicates no such removal, so another bucket still has it; and
    /// no rule promises to bring it back, so nothing is wrong.
    case erased
    /// Another bucket has it, and no rule brings it here.
    case onlyThere = "only-there"
    /// The same version with other content: size, ETag, checksum, parts or time.
    case differentContent = "different-content"
    /// The same version with other tags or metadata.
    case differentMetadata = "different-metadata"
    /// It is there, and its record cannot be read.
    case damaged
    /// It, or its change, waits in another bucket's outbox.
    case inFlight = "in-flight"
}

package struct Finding: Sendable, Hashable {
    package var position: VersionPosition
    package var versionID: VersionID
    package var isDeleteMarker: Bool
    package var verdict: Verdict
    /// Whether the rules promise that it is otherwise. Only then is the bucket wrong.
    package var isPromised: Bool
    /// The bucket that lacks it or has it otherwise.
    package var bucket: BucketName
    /// A bucket that has it as it should be; `nil` when none of them can read it.
    package var source: BucketName?
    /// The rule that promises it.
    package var rule: String?
    /// Why it has not come, when that is known.
    package var reason: String?
    /// What makes it right; `nil` when sending the version again cannot.
    package var repair: Repair?
    package var isRepaired = false

    /// Sending a version from `source` to `bucket` once more.
    package struct Repair: Sendable, Hashable {
        package var kind: OutboxEntry.Kind
        /// The two sides' changes have the same stamp, so that the source's needs a later one to win.
        package var renews: Bool
        /// The source's rules count for the version wherever it was made.
        package var takesReplicas = false
    }

    /// Whether the buckets differ because of it.
    package var isDifference: Bool {
        switch verdict {
        case .damaged: true
        case .inFlight, .onlyThere: false
        case .missing, .erased, .differentContent, .differentMetadata: isPromised
        }
    }
}
