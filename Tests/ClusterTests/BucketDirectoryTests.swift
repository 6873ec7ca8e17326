import Environment
import S3Model
import Storage
import Testing

@testable import Cluster

@Suite struct BucketDirectoryTests {
    private let east = RegionName(literal: "us-east-1")
    private let west = RegionName(literal: "eu-west-1")
    private let store = InMemoryControlStore()
    private let time = TestTime()

    private func directory() -> BucketDirectory { BucketDirectory(store: store, time: time) }

    private func owner(_ digits: String) throws -> Owner {
        Owner(account: try #require(AccountID(digits)), canonicalID: "c" + digits, displayName: "d")
    }

    private func bucket(_ text: String) throws -> BucketName { try #require(BucketName(text)) }

    private func code(_ body: () async throws -> Void) async -> S3ErrorCode? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? S3Error)?.code
        }
    }

    @Test func aNameIsFoundOnceConfirmedAndFreeOnceReleased() async throws {
        let directory = directory()
        let me = try owner("111122223333")
        let other = try owner("444455556666")
        let name = try bucket("photos")
        try await directory.claim(name: name, region: east, owner: me)
        #expect(directory.location(of: name) == nil)
        try await directory.confirm(name: name, region: east, owner: me)
        #expect(directory.location(of: name) == BucketLocation(name: name, region: east, owner: me))
        #expect(directory.all(owner: me.account).map(\.name) == [name])
        #expect(directory.all(owner: other.account).isEmpty)
        #expect(
            await code { try await directory.claim(name: name, region: west, owner: me) } == .bucketAlreadyOwnedByYou)
        #expect(
            await code { try await directory.claim(name: name, region: west, owner: other) } == .bucketAlreadyExists)
        #expect(try await !directory.release(name, of: east) { true }, "the region still has it")
        #expect(try await !directory.release(name, of: west) { false }, "the name is another region's")
        #expect(try await directory.release(name, of: east) { false })
        #expect(try await !directory.release(name, of: east) { false })
        #expect(directory.location(of: name) == nil)
        try await directory.claim(name: name, region: west, owner: other)
    }

    @Test func anInterruptedCreationGoesOnInItsRegion() async throws {
        let me = try owner("111122223333")
        let name = try bucket("photos")
        try await directory().claim(name: name, region: east, owner: me)
        // A new process; the region may have got as far as creating the bucket.
        let after = directory()
        #expect(await code { try await after.claim(name: name, region: west, owner: me) } == .operationAborted)
        let other = try owner("444455556666")
        #expect(await code { try await after.claim(name: name, region: east, owner: other) } == .bucketAlreadyExists)
        try await after.create(name: name, region: east, owner: me) { throw S3Error(.bucketAlreadyOwnedByYou) }
        #expect(after.location(of: name)?.region == east)
    }

    @Test func aRefusedCreationGivesTheNameBack() async throws {
        let directory = directory()
        let me = try owner("111122223333")
        let name = try bucket("photos")
        let refused = await code {
            try await directory.create(name: name, region: east, owner: me) { throw S3Error(.tooManyBuckets) }
        }
        #expect(refused == .tooManyBuckets)
        try await directory.claim(name: name, region: west, owner: try owner("444455556666"))
    }

    /// The first try's answer was lost, so its bucket may be there: the second's refusal says nothing about it.
    @Test func aRefusedRepetitionKeepsTheName() async throws {
        let directory = directory()
        let me = try owner("111122223333")
        let other = try owner("444455556666")
        let name = try bucket("photos")
        await #expect(throws: CancellationError.self) {
            try await directory.create(name: name, region: east, owner: me) { throw CancellationError() }
        }
        let refused = await code {
            try await directory.create(name: name, region: east, owner: me) { throw S3Error(.slowDown) }
        }
        #expect(refused == .slowDown)
        #expect(
            await code { try await directory.claim(name: name, region: east, owner: other) } == .bucketAlreadyExists)
        try await directory.create(name: name, region: east, owner: me) {}
        #expect(directory.location(of: name)?.owner == me)
    }

    @Test func aRepetitionGivesTheNameBackWhereTheRegionHasAnothersBucket() async throws {
        let directory = directory()
        let name = try bucket("photos")
        let me = try owner("111122223333")
        try await directory.claim(name: name, region: east, owner: me)
        let refused = await code {
            try await directory.create(name: name, region: east, owner: me) { throw S3Error(.bucketAlreadyExists) }
        }
        #expect(refused == .bucketAlreadyExists)
        #expect(try await store.record("bucket/photos") == nil)
    }

    @Test func aLateRefusalDoesNotTakeAConfirmedNameAway() async throws {
        let directory = directory()
        let me = try owner("111122223333")
        let name = try bucket("photos")
        let first = try await directory.claim(name: name, region: east, owner: me)
        try await directory.claim(name: name, region: east, owner: me)
        try await directory.confirm(name: name, region: east, owner: me)
        try await directory.abandon(name: name, claim: first)
        #expect(try await directory.current(name)?.location.region == east)
    }

    @Test func ofManyClaimantsOneWins() async throws {
        let name = try bucket("photos")
        let owners = try (0..<20).map { try owner("1111222233" + ($0 < 10 ? "0\($0)" : "\($0)")) }
        let directories = [directory(), directory()]
        let winners = await withTaskGroup(of: Bool.self) { group in
            for (index, owner) in owners.enumerated() {
                let directory = directories[index % 2]
                group.addTask { [east] in
                    (try? await directory.create(name: name, region: east, owner: owner) {}) != nil
                }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(winners == 1)
    }

    @Test func anotherEdgeFollows() async throws {
        let writer = directory()
        let follower = directory()
        let name = try bucket("photos")
        let me = try owner("111122223333")
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await follower.run() }
            group.addTask { [east, time] in
                try? await writer.create(name: name, region: east, owner: me) {}
                while follower.location(of: name) == nil { try? await time.sleep(milliseconds: 1) }
            }
            _ = await group.next()
            group.cancelAll()
        }
        #expect(follower.location(of: name)?.owner == me)
    }

    @Test func lastKnownBucketsStayWhileTheStoreIsAway() async throws {
        let directory = directory()
        let name = try bucket("photos")
        try await directory.create(name: name, region: east, owner: try owner("111122223333")) {}
        store.setOutage("cable cut")
        await #expect(throws: ControlStoreError.self) { try await directory.refresh() }
        #expect(directory.location(of: name) != nil)
    }

    @Test func startUpBringsTheDirectoryInLineWithTheRegion() async throws {
        let me = try owner("111122223333")
        let other = try owner("444455556666")
        let directory = directory()
        let (kept, lost, stale, taken) = (
            try bucket("kept"), try bucket("lost"), try bucket("stale"), try bucket("taken")
        )
        try await directory.claim(name: kept, region: east, owner: me)
        try await directory.claim(name: stale, region: east, owner: me)
        try await directory.create(name: taken, region: west, owner: other) {}
        time.advance(milliseconds: 61_000)
        let young = try bucket("young")
        try await directory.claim(name: young, region: east, owner: me)
        let conflicts = try await directory.reconcile(
            region: east, buckets: [(kept, me), (lost, me), (taken, me)])
        #expect(conflicts == [taken])
        #expect(directory.location(of: kept)?.region == east)
        #expect(directory.location(of: lost)?.region == east)
        #expect(directory.location(of: taken)?.region == west)
        #expect(try await store.record("bucket/stale") == nil)
        #expect(try await store.record("bucket/young") != nil)
    }

    @Test func recordsOfANewerVersionAreLeftAlone() async throws {
        let directory = directory()
        var transaction = ControlTransaction()
        transaction.writes = [.put(key: "bucket/future", value: [9, 1, 2]), .put(key: "bucket/empty", value: [])]
        _ = try await store.commit(transaction)
        try await directory.refresh()
        #expect(directory.location(of: try bucket("future")) == nil)
    }
}

@Suite struct PeerErrorTests {
    private let there = RegionName(literal: "eu-west-1")

    @Test func damageThereIsARefusalThatSaysWhereAndWhat() {
        #expect(
            InProcessPeerLink.peerError(for: StorageError.corrupt(detail: "block 7 of film"), at: there)
                == .refused(reason: "damaged in the destination region eu-west-1: block 7 of film"))
        guard
            case .unavailable = InProcessPeerLink.peerError(
                for: StorageError.io(operation: "read", detail: "EIO"), at: there)
        else {
            Issue.record("what may pass is tried again")
            return
        }
    }

    @Test func refusalsBecomeFailureReasonsAndTroubleBecomesRetry() {
        #expect(
            InProcessPeerLink.peerError(for: S3Error(.noSuchBucket), at: there) == .refused(reason: "DstBucketNotFound")
        )
        #expect(
            InProcessPeerLink.peerError(for: S3Error(.invalidRequest), at: there)
                == .refused(reason: "DstBucketUnversioned"))
        for error in [ControlStoreError.conflict as any Error, S3Error(.internalError)] {
            guard case .unavailable = InProcessPeerLink.peerError(for: error, at: there) else {
                Issue.record("\(error)")
                continue
            }
        }
    }
}

@Suite struct ControlValueTests {
    @Test func onlyTheKnownVersionIsRead() throws {
        let bytes = try ControlValue.encode(["a": 1], version: 3)
        #expect(bytes.first == 3)
        #expect(try ControlValue.decode([String: Int].self, from: bytes, version: 3) == ["a": 1])
        #expect(throws: ControlValue.Unreadable.self) {
            _ = try ControlValue.decode([String: Int].self, from: bytes, version: 2)
        }
        for broken in [[], [3], [3, 0x7B], [3, 0xFF, 0xFE]] as [[UInt8]] {
            #expect(throws: ControlValue.Unreadable.self) {
                _ = try ControlValue.decode([String: Int].self, from: broken, version: 3)
            }
        }
    }
}
