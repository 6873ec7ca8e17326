import Cluster
package import S3Model
package import Storage

/// Buckets of regions that other processes have: what CreateBucket and PutBucketReplication need of them.
package struct PeerBuckets: Sendable {
    private let clients: [RegionName: PeerClient]

    /// - Parameter clients: the other processes by their regions; empty when all regions are here.
    package init(_ clients: [RegionName: PeerClient] = [:]) { self.clients = clients }

    /// The versioning of a bucket; `nil` when there is no such bucket in that region. Throws ``PeerFault``.
    func versioning(of name: BucketName, in region: RegionName) async throws -> VersioningState? {
        let call = BucketStateCall(name: name.rawValue, region: region)
        let answer = try await client(region).call(BucketStateService.name, PeerMessage(head: call.encoded()))
        return try BucketStateCall.Answer.decode(answer.head).state
    }

    /// Creates a bucket, or completes what an earlier call began. Throws ``S3Error`` when the region refuses, and
    /// ``PeerFault/unavailable(reason:)`` when nobody knows whether it has.
    func create(_ name: BucketName, owner: Owner, tags: [Tag], in region: RegionName) async throws {
        let call = CreateBucketCall(name: name, owner: owner, tags: tags, region: region)
        do {
            _ = try await client(region).call(CreateBucketService.name, PeerMessage(head: call.encoded()))
        } catch PeerFault.refused(let code, let reason) {
            throw S3Error(code ?? .internalError, reason, fields: [.init("BucketName", name.rawValue)])
        }
    }

    private func client(_ region: RegionName) throws(PeerFault) -> PeerClient {
        guard let client = clients[region] else {
            throw .unavailable(reason: "it is not known which process has the region \(region)")
        }
        return client
    }

    /// What a client is told when a region's process gives no answer.
    static func unavailable(_ region: RegionName) -> S3Error {
        S3Error(
            .serviceUnavailable, "The region \(region) cannot be reached now. Please try again.",
            headers: [.init("Retry-After", "1")])
    }
}

/// Creates buckets that other processes were asked for. The caller holds the claim on the name (``BucketDirectory``).
package struct CreateBucketService: PeerService {
    package static let name = "create-bucket"
    private let stores: [RegionName: RegionStore]

    package init(stores: [RegionName: RegionStore]) { self.stores = stores }

    /// Idempotent: a bucket that the same owner has already is completed. Throws `BucketAlreadyExists`.
    package func answer(_ call: PeerMessage) async throws -> PeerMessage {
        let call = try CreateBucketCall.decode(call.head)
        let store = try stores.store(call.region)
        let (name, owner, tags) = try call.checked()
        try await store.createClaimedBucket(name, owner: owner, tags: tags)
        return PeerMessage(head: [])
    }
}

/// Tells other processes about buckets here.
package struct BucketStateService: PeerService {
    package static let name = "bucket-state"
    private let stores: [RegionName: RegionStore]

    package init(stores: [RegionName: RegionStore]) { self.stores = stores }

    package func answer(_ call: PeerMessage) async throws -> PeerMessage {
        let call = try BucketStateCall.decode(call.head)
        let store = try stores.store(call.region)
        let bucket = BucketName(call.name).flatMap { try? store.bucket($0) }
        return PeerMessage(head: try BucketStateCall.Answer(versioning: bucket?.versioning.rawValue).encoded())
    }
}

extension [RegionName: RegionStore] {
    fileprivate func store(_ region: RegionName) throws(S3Error) -> RegionStore {
        guard let store = self[region] else {
            throw S3Error(
                .serviceUnavailable, "The region \(region) is not in this process; the configuration differs.")
        }
        return store
    }
}
