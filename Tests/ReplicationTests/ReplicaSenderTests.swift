import Cluster
import S3Model
import Storage
import Testing

@testable import Replication

@Suite struct ReplicaSenderTests {
    private final class Peer: PeerLink {
        let region = RegionName(literal: "us-east-1")
        let outcome: ApplyOutcome

        init(_ outcome: ApplyOutcome) { self.outcome = outcome }

        func apply(_ push: ReplicaPush, body: (any ByteSource)?) async throws -> ApplyOutcome { outcome }
    }

    @Test(arguments: [ApplyOutcome.applied, .updated, .unchanged, .erased])
    func deliveriesThatChangeNothingAreCounted(outcome: ApplyOutcome) async {
        let counters = ReplicationCounters()
        let peer = Peer(outcome)
        let push = ReplicaPush(
            source: Fixtures.origin, sourceBucket: Fixtures.bucketName("source"),
            destination: Fixtures.bucketName("destination"),
            ruleID: "r", kind: .object, version: Fixtures.version("k"))
        let told = await ReplicaSender.apply(push, body: nil, through: peer, counters)
        #expect(told == (outcome == .erased ? .erased : .delivered))
        #expect(counters.snapshot()[peer.region]?.unchanged ?? 0 == ([.unchanged, .erased].contains(outcome) ? 1 : 0))
    }
}
