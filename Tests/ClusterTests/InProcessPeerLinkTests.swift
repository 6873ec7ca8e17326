import Environment
import NIOCore
import S3Model
import Storage
import Testing

@testable import Cluster

private struct NoPlans: OutboxPlanner {
    func plan(_ version: ObjectVersion, kind: OutboxEntry.Kind, in bucket: Bucket, at time: Timestamp) -> [OutboxEntry]
    {
        []
    }

    func planForJob(_ version: ObjectVersion, in bucket: Bucket, at time: Timestamp) -> [OutboxEntry] { [] }
}

/// A body whose sender fails half-way.
private final class BrokenSource: ByteSource {
    func next() async throws -> ByteBuffer? { throw PeerError.unavailable(reason: "sender's disk") }
}

@Suite struct InProcessPeerLinkTests {
    private let time = TestTime()

    private func region(_ name: String) async throws -> RegionStore {
        try await RegionStore.open(
            region: try #require(RegionName(name)), metadata: InMemoryMetadataStore(), blobs: InMemoryBlobStore(),
            time: time, random: SystemRandomSource(), planner: NoPlans())
    }

    private struct Pair {
        var link: InProcessPeerLink
        var destination: RegionStore
        var push: ReplicaPush
        var bytes: ByteBuffer
    }

    /// A version in one region, and the link to another.
    private func pair() async throws -> Pair {
        let account = try #require(AccountID("111122223333"))
        let owner = Owner(account: account, canonicalID: "c", displayName: "d")
        let (here, there) = (try await region("us-east-1"), try await region("eu-west-1"))
        let bucket = try #require(BucketName("photos"))
        _ = try await here.createBucket(bucket, owner: owner)
        try await here.setVersioning(.enabled, bucket: bucket)
        let key = try #require(ObjectKey("cat.jpg"))
        let bytes = ByteBuffer(string: "miaow")
        let content = try await here.stage(BufferSource(bytes), digests: DigestPlan())
        let put = ObjectPut(bucket: bucket, key: key, owner: owner, metadata: ObjectMetadata())
        let version = try await here.putObject(put, content: content)
        let push = ReplicaPush(
            source: here.region, sourceBucket: bucket, destination: try #require(BucketName("copies")), ruleID: "r",
            kind: .object, version: version)
        return Pair(link: InProcessPeerLink(there), destination: there, push: push, bytes: bytes)
    }

    @Test func versionsArriveVerbatimAndOnce() async throws {
        let pair = try await pair()
        #expect(pair.link.region.rawValue == "eu-west-1")
        let owner = pair.push.version.owner
        _ = try await pair.destination.createBucket(pair.push.destination, owner: owner)
        try await pair.destination.setVersioning(.enabled, bucket: pair.push.destination)
        #expect(try await pair.link.apply(pair.push, body: BufferSource(pair.bytes)) == .applied)
        #expect(try await pair.link.apply(pair.push, body: BufferSource(pair.bytes)) == .unchanged)
        let replica = try pair.destination.object(pair.push.version.key, version: nil, bucket: pair.push.destination)
        #expect(replica.stamp == pair.push.version.stamp)
        #expect(replica.versionID == pair.push.version.versionID)
    }

    @Test func whatCannotBeTakenIsRefusedAndWhatMayPassIsRetried() async throws {
        let pair = try await pair()
        func attempt(_ body: any ByteSource) async -> PeerError? {
            do {
                _ = try await pair.link.apply(pair.push, body: body)
                return nil
            } catch {
                return error as? PeerError
            }
        }
        #expect(await attempt(BufferSource(pair.bytes)) == .refused(reason: "DstBucketNotFound"))
        _ = try await pair.destination.createBucket(pair.push.destination, owner: pair.push.version.owner)
        #expect(await attempt(BufferSource(pair.bytes)) == .refused(reason: "DstBucketUnversioned"))
        try await pair.destination.setVersioning(.enabled, bucket: pair.push.destination)
        #expect(await attempt(BrokenSource()) == .unavailable(reason: "sender's disk"))
        guard case .refused(let reason)? = await attempt(BufferSource(ByteBuffer(string: "wrong"))) else {
            Issue.record("bytes that do not fit the record are not sent for ever")
            return
        }
        #expect(reason.contains("eu-west-1") && reason.contains("MD5"))
        #expect(await attempt(BufferSource(pair.bytes)) == nil)
    }
}
