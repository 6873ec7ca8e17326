import Cluster
package import S3Model

// Accepting requests. What happens to them afterwards is in OperationWorker.swift.

extension AccessPointRegistry {
    /// Returns the request token ARN. Whether the buckets fit is found out by the operation; what can be seen at once is
    /// thrown: `InvalidRequest`, `TooManyMultiRegionAccessPoints`, `TooManyMultiRegionAccessPointregionsError`,
    /// `ClientTokenConflict` (spec/mrap.md §6.1). Without a client token the request is not idempotent.
    package func create(_ request: CreateAccessPoint, account: AccountID, clientToken: String?) async throws(S3Error)
        -> String
    {
        preconditionFailure("unwritten")
    }

    /// Returns the request token ARN. Throws `NoSuchMultiRegionAccessPoint` at once, `ClientTokenConflict`.
    package func delete(name: String, account: AccountID, clientToken: String?) async throws(S3Error) -> String {
        preconditionFailure("unwritten")
    }

    /// Returns the request token ARN. The document replaces the whole policy. Throws as ``delete(name:account:clientToken:)``
    /// and `MalformedPolicy` above the size limit.
    package func putPolicy(name: String, policy: String, account: AccountID, clientToken: String?)
        async throws(S3Error) -> String
    {
        preconditionFailure("unwritten")
    }
}
