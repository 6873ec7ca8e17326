import Replication
import S3Model
import Storage
import Testing

@Suite struct ReadThroughTests {
    private let there = RegionName(literal: "us-east-1")
    private let here = Fixtures.bucketName("here")

    private func on(_ version: ObjectVersion) -> ReadThrough.Candidate {
        ReadThrough.Candidate(region: there, version: version)
    }

    @Test func membersAreAskedOnlyWhereItMatters() {
        let object = Fixtures.version("a")
        let marker = Fixtures.deleteMarker("a")
        for mode in ReadThroughMode.allCases {
            #expect(ReadThrough.asks(mode, local: nil) == (mode != .local))
            #expect(ReadThrough.asks(mode, local: marker) == (mode != .local))
            #expect(ReadThrough.asks(mode, local: object) == (mode == .freshest))
        }
    }

    @Test func theGreatestStampWins() {
        let old = Fixtures.version("a", at: 1_000)
        let new = Fixtures.version("a", at: 3_000)
        let marker = Fixtures.deleteMarker("a")  // at 2,000
        func decide(_ mode: ReadThroughMode, _ local: ObjectVersion?, _ remote: [ObjectVersion]) -> ObjectVersion? {
            let decision = ReadThrough.decide(mode, local: local, candidates: remote.map { on($0) })
            if case .remote(let found) = decision { return found.version } else { return nil }
        }
        #expect(decide(.readThrough, nil, [old, new]) == new)
        #expect(decide(.readThrough, nil, []) == nil)
        #expect(decide(.readThrough, marker, [new]) == new, "written again after the deletion")
        #expect(decide(.readThrough, marker, [old]) == nil, "deleted objects do not come back")
        #expect(decide(.readThrough, nil, [old, marker]) == nil, "its deletion is on the way as well")
        #expect(decide(.readThrough, old, [new]) == nil, "it has something to answer with")
        #expect(decide(.freshest, old, [new]) == new)
        #expect(decide(.freshest, new, [old]) == nil)
        #expect(decide(.freshest, old, [marker]) == marker)
        #expect(decide(.local, nil, [new]) == nil)
    }

    @Test func onlyRulesThatAreInForcePromise() throws {
        var rule = Fixtures.rule("r", to: "here", prefix: "a/")
        rule.destination.storageClass = "STANDARD_IA"
        let key = ObjectKey(stored: "a/1")
        func configuration(_ rule: ReplicationRule) -> ReplicationConfiguration {
            ReplicationConfiguration(role: "", rules: [rule])
        }
        #expect(ReadThrough.mayPromise(key, configuration(rule), to: here))
        #expect(!ReadThrough.mayPromise(ObjectKey(stored: "b"), configuration(rule), to: here))
        #expect(!ReadThrough.mayPromise(key, configuration(rule), to: Fixtures.bucketName("elsewhere")))
        #expect(!ReadThrough.mayPromise(key, nil, to: here))
        let work = [(version: Fixtures.version("a/1", status: .pending), rule: "r")]
        let found = try #require(
            ReadThrough.candidates(work, configuration(rule), destinationOwner: Fixtures.owner).first)
        #expect(found.replication == .replica)
        #expect(found.object?.metadata.storageClass == "STANDARD_IA")
        #expect(ReadThrough.candidates(work, nil, destinationOwner: Fixtures.owner).isEmpty)
        rule.isEnabled = false
        #expect(!ReadThrough.mayPromise(key, configuration(rule), to: here))
        #expect(ReadThrough.candidates(work, configuration(rule), destinationOwner: Fixtures.owner).isEmpty)
    }
}
