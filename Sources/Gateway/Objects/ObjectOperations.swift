import Environment
import Policy
import S3Model
import Storage

/// The operations on objects; one file per family extends this.
package struct ObjectOperations: Sendable {
    /// For copy sources.
    let router: Router

    package init(router: Router) { self.router = router }

    /// S3's greatest single PUT, part and copy.
    static let maximumPut: Int64 = 5 * 1024 * 1024 * 1024
}

extension ObjectOperations {
    /// Receives a body, checks it against everything the client has said of it, and gives the staged bytes to `commit`,
    /// which stores them. Whatever goes wrong, no bytes are left behind.
    func receive<Stored>(
        _ target: BucketRequest, computing wanted: ChecksumAlgorithm?,
        commit: (StagedContent, ObjectChecksum?) async throws -> Stored
    ) async throws -> Stored {
        let request = target.request
        if let length = try request.payloadLength(), length > Self.maximumPut {
            throw S3Error.tooLarge(limit: Self.maximumPut).with(field: "ProposedSize", "\(length)")
        }
        let expectations = try PayloadExpectations(request)
        let algorithm = expectations.checksum?.algorithm ?? wanted
        let source = try PayloadSource(request: request, limit: Self.maximumPut)
        let plan = DigestPlan(md5: true, sha256: expectations.sha256 != nil, checksum: algorithm)
        let staged = try await target.store.stage(source, digests: plan)
        do {
            try expectations.check(staged.digests, trailers: source.trailers)
            let checksum = algorithm.flatMap { algorithm in
                staged.digests.checksum.map {
                    ObjectChecksum(algorithm: algorithm, type: .fullObject, value: Base64.encode($0))
                }
            }
            return try await commit(staged, checksum)
        } catch {
            await target.store.discard(staged)
            throw error
        }
    }
}
