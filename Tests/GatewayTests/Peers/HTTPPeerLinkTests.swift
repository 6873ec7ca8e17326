import Cluster
import Environment
import NIOCore
import S3Model
import Storage
import Synchronization
import Testing

@testable import Gateway

@Suite("Versions brought to a region in another process", .timeLimit(.minutes(1)))
struct HTTPPeerLinkTests {
    private typealias Fixture = PeerFixture

    private struct World {
        let here: RegionStore
        let there: RegionStore
        let link: HTTPPeerLink
        let front: HTTPFront
        let port: Int
    }

    /// `there` behind a front, with the bucket `copies` when `hasBucket`.
    private func withWorld(
        hasBucket: Bool = true, wrapping: (ApplyService) -> any PeerService = { $0 },
        _ body: (World) async throws -> Void
    ) async throws {
        let (here, there) = (try await Fixture.region(Fixture.here), try await Fixture.region(Fixture.there))
        try await Fixture.createBucket(Fixture.photos, in: here)
        if hasBucket { try await Fixture.createBucket(Fixture.copies, in: there) }
        try await Fixture.withPeer([ApplyService.name: wrapping(ApplyService(regions: [Fixture.there: there]))]) {
            front, port in
            let client = try Fixture.client(port)
            try await body(
                World(
                    here: here, there: there, link: HTTPPeerLink(Fixture.there, over: client, time: PatientTime()),
                    front: front, port: port))
            client.close()
        }
    }

    private func bytes(of key: String, in store: RegionStore) async throws -> ByteBuffer {
        let version = try store.object(ObjectKey(stored: key), version: nil, bucket: Fixture.copies)
        let size = try #require(version.object?.size)
        return try await store.content(of: version, range: 0..<size).collect(upTo: 64 << 20)
    }

    private func failure(_ call: () async throws -> ApplyOutcome) async -> PeerError? {
        do {
            _ = try await call()
            return nil
        } catch {
            return error as? PeerError
        }
    }

    private func isUnavailable(_ error: PeerError?, because part: String = "") -> Bool {
        guard case .unavailable(let reason)? = error else { return false }
        return part.isEmpty || reason.contains(part)
    }

    @Test(arguments: [0, 1, 64 * 1024, 64 * 1024 + 1, 3 << 20, 17 << 20])
    func versionsArriveVerbatimAndOnce(size: Int) async throws {
        try await withWorld { world in
            let bytes = Fixture.bytes(size)
            let version = try await Fixture.put(bytes, at: "cat", in: Fixture.photos, world.here)
            let push = Fixture.push(version)
            let body = size > 0 ? WatchedSource(bytes) : nil
            #expect(try await world.link.apply(push, body: body) == .applied)
            let replica = try world.there.object(version.key, version: nil, bucket: Fixture.copies)
            #expect(replica.versionID == version.versionID)
            #expect(replica.replication == .replica)
            #expect(replica.object?.etag == version.object?.etag)
            #expect(try await self.bytes(of: "cat", in: world.there) == bytes)

            let again = WatchedSource(bytes)
            #expect(try await world.link.apply(push, body: again) == .unchanged)
            if size > HTTPPeerLink.unaskedBytes {
                #expect(again.pulls.load(ordering: .relaxed) == 0, "it is there: nobody needs the bytes")
            }
        }
    }

    @Test func deletionsAndChangesOfTagsArrive() async throws {
        try await withWorld { world in
            let bytes = Fixture.bytes(10)
            var version = try await Fixture.put(bytes, at: "cat", in: Fixture.photos, world.here)
            #expect(try await world.link.apply(Fixture.push(version), body: BufferSource(bytes)) == .applied)
            version = try await world.here.setTags(
                [S3Model.Tag(key: "a", value: "b")], key: version.key, version: nil, bucket: Fixture.photos)
            let body = WatchedSource(bytes)
            #expect(try await world.link.apply(Fixture.push(version, kind: .attributes), body: body) == .updated)
            #expect(body.pulls.load(ordering: .relaxed) == 0)
            #expect(
                try world.there.object(version.key, version: nil, bucket: Fixture.copies).object?.tags.first?.key == "a"
            )
            _ = try await world.here.deleteObject(
                version.key, version: nil, bucket: Fixture.photos, owner: Fixture.owner)
            let marker = try #require(
                try world.here.newestOrMarker(version.key, version: nil, bucket: Fixture.photos))
            #expect(marker.isDeleteMarker)
            #expect(try await world.link.apply(Fixture.push(marker, kind: .deleteMarker), body: nil) == .applied)
            #expect(throws: S3Error.self) {
                try world.there.object(version.key, version: nil, bucket: Fixture.copies)
            }
        }
    }

    @Test(arguments: [10, 1 << 20]) func whatWasRemovedForGoodStaysAway(size: Int) async throws {
        try await withWorld { world in
            let bytes = Fixture.bytes(size)
            let version = try await Fixture.put(bytes, at: "cat", in: Fixture.photos, world.here)
            #expect(try await world.link.apply(Fixture.push(version), body: BufferSource(bytes)) == .applied)
            _ = try await world.there.deleteObject(
                version.key, version: version.versionID, bucket: Fixture.copies, owner: Fixture.owner)
            #expect(try await world.link.apply(Fixture.push(version), body: BufferSource(bytes)) == .erased)
            var push = Fixture.push(try await Fixture.put(bytes, at: "dog", in: Fixture.photos, world.here))
            push.createsVersion = false
            #expect(try await world.link.apply(push, body: BufferSource(bytes)) == .unchanged)
        }
    }

    /// The large one is asked for first, so its bytes are never read.
    @Test(arguments: [10, 9 << 20]) func refusalsAreAsInTheSameProcess(size: Int) async throws {
        try await withWorld(hasBucket: false) { world in
            let bytes = Fixture.bytes(size)
            let push = Fixture.push(try await Fixture.put(bytes, at: "cat", in: Fixture.photos, world.here))
            let body = WatchedSource(bytes)
            #expect(
                await failure { try await world.link.apply(push, body: body) }
                    == .refused(reason: "DstBucketNotFound"))
            if size > 10 { #expect(body.pulls.load(ordering: .relaxed) == 0) }
            _ = try await world.there.createBucket(Fixture.copies, owner: Fixture.owner)
            #expect(
                await failure { try await world.link.apply(push, body: BufferSource(bytes)) }
                    == .refused(reason: "DstBucketUnversioned"))
            try await world.there.setVersioning(.enabled, bucket: Fixture.copies)
            #expect(try await world.link.apply(push, body: BufferSource(bytes)) == .applied)
        }
    }

    @Test(arguments: [10, 9 << 20]) func bytesThatDoNotFitAreNotStored(size: Int) async throws {
        try await withWorld { world in
            let bytes = Fixture.bytes(size)
            let push = Fixture.push(try await Fixture.put(bytes, at: "cat", in: Fixture.photos, world.here))
            var wrong = bytes
            wrong.setInteger(UInt8(0xFF), at: wrong.readerIndex + size / 2)
            guard
                case .refused(let reason)? = await failure({
                    try await world.link.apply(push, body: BufferSource(wrong))
                })
            else {
                Issue.record("bytes that do not fit the record are not sent for ever")
                return
            }
            #expect(reason.contains(Fixture.there.rawValue) && reason.contains("MD5"))
            #expect(throws: S3Error.self) {
                try world.there.object(push.version.key, version: nil, bucket: Fixture.copies)
            }
            #expect(try await world.link.apply(push, body: BufferSource(bytes)) == .applied)
        }
    }

    @Test func anotherKeyIsNoReasonToGiveUp() async throws {
        try await withWorld { world in
            let bytes = Fixture.bytes(10)
            let push = Fixture.push(try await Fixture.put(bytes, at: "cat", in: Fixture.photos, world.here))
            let client = try Fixture.client(world.port, key: try Fixture.key(8))
            let link = HTTPPeerLink(Fixture.there, over: client, time: PatientTime())
            #expect(isUnavailable(await failure { try await link.apply(push, body: BufferSource(bytes)) }))
            client.close()
            #expect(isUnavailable(await failure { try await world.link.apply(push, body: nil) }), "there are no bytes")
            #expect(throws: S3Error.self) {
                try world.there.object(push.version.key, version: nil, bucket: Fixture.copies)
            }
        }
    }

    /// What breaks on this side is told as it is, and the link goes on.
    @Test(arguments: [10, 9 << 20]) func aBodyThatBreaksIsNotTheLinksFault(size: Int) async throws {
        struct Broken: Error {}
        try await withWorld { world in
            let bytes = Fixture.bytes(size)
            let push = Fixture.push(try await Fixture.put(bytes, at: "cat", in: Fixture.photos, world.here))
            let body = WatchedSource(bytes) { if $0 >= size / 2 || size == 10 { throw Broken() } }
            await #expect(throws: Broken.self) { try await world.link.apply(push, body: body) }
            let short = WatchedSource(try #require(bytes.getSlice(at: bytes.readerIndex, length: size - 1)))
            await #expect(throws: StorageError.self) { try await world.link.apply(push, body: short) }
            // The peer may still be storing what came before the break; a sender then tries again.
            var outcome: ApplyOutcome?
            for _ in 0..<1_000 where outcome == nil {
                do {
                    outcome = try await world.link.apply(push, body: BufferSource(bytes))
                } catch PeerError.unavailable {}
            }
            #expect(outcome == .applied)
        }
    }

    @Test func nobodyThereIsKnownAtOnceAndSoIsTheReturn() async throws {
        try await withWorld { world in
            let bytes = Fixture.bytes(10)
            let push = Fixture.push(try await Fixture.put(bytes, at: "cat", in: Fixture.photos, world.here))
            await world.front.shutdown(grace: .zero)
            for _ in 0..<3 {
                let body = WatchedSource(bytes)
                #expect(isUnavailable(await failure { try await world.link.apply(push, body: body) }))
            }
            let services = [ApplyService.name: ApplyService(regions: [Fixture.there: world.there])]
            try await Fixture.withPeer(port: world.port, services) { _, _ in
                let outcome = try await world.link.apply(push, body: BufferSource(bytes))
                #expect(outcome == .applied)
            }
        }
    }

    /// Killed in the middle of a large version, the peer gets only what it had not stored yet.
    @Test func largeVersionsGoOnWhereTheyWereCut() async throws {
        let isStored = AsyncSignal()
        try await withWorld(wrapping: { FirstPartWatch(service: $0, isStored: isStored) }) { world in
            let size = 25 << 20
            let bytes = Fixture.bytes(size)
            let version = try await Fixture.put(bytes, at: "film", in: Fixture.photos, world.here)
            let push = Fixture.push(version)
            let (front, there) = (world.front, world.there)
            let cut = WatchedSource(bytes) { offset in
                guard offset >= 20 << 20 else { return }
                await isStored.wait()
                await front.shutdown(grace: .zero)
            }
            #expect(isUnavailable(await failure { try await world.link.apply(push, body: cut) }))
            let arrived = try there.arrivedBytes(of: version, bucket: Fixture.copies)
            #expect(arrived >= RegionStore.arrivalPartSize)
            let services = [ApplyService.name: ApplyService(regions: [Fixture.there: there])]
            try await Fixture.withPeer(port: world.port, services) { _, _ in
                let rest = WatchedSource(bytes)
                let outcome = try await world.link.apply(push, body: rest)
                #expect(outcome == .applied)
                #expect(rest.resumed == [arrived])
                let stored = try await self.bytes(of: "film", in: there)
                #expect(stored == bytes)
            }
        }
    }

    /// Tells when the first part of a version is stored: the store asks for what follows.
    private struct FirstPartWatch: PeerService {
        let service: ApplyService
        let isStored: AsyncSignal

        func answer(_ call: PeerMessage) async throws -> PeerMessage {
            var call = call
            if let content = call.content {
                call.content = (Source(source: content.source, isStored: isStored), content.length)
            }
            return try await service.answer(call)
        }

        private final class Source: ByteSource {
            private let source: any ByteSource
            private let isStored: AsyncSignal
            private let delivered = Atomic<Int>(0)

            init(source: any ByteSource, isStored: AsyncSignal) {
                self.source = source
                self.isStored = isStored
            }

            func next() async throws -> ByteBuffer? {
                if delivered.load(ordering: .relaxed) >= RegionStore.arrivalPartSize { isStored.notify() }
                let piece = try await source.next()
                delivered.add(piece?.readableBytes ?? 0, ordering: .relaxed)
                return piece
            }
        }
    }

    /// The parts that were announced may have been given up, or grown, when the bytes come.
    @Test func bytesFromAnotherPlaceThanWantedAreNotTaken() async throws {
        try await withWorld { world in
            let bytes = Fixture.bytes(17 << 20)
            let push = Fixture.push(try await Fixture.put(bytes, at: "film", in: Fixture.photos, world.here))
            let service = ApplyService(regions: [Fixture.there: world.there])
            let offset: Int64 = 8 << 20
            let rest = BufferSource(bytes)
            rest.resume(at: offset)
            let head = ApplyCall.push(push, to: Fixture.there, .from(offset)).encoded()
            let answer = try await service.answer(PeerMessage(head: head, content: (rest, (17 << 20) - offset)))
            guard case .unavailable(let reason) = try ApplyAnswer(answer.head) else {
                Issue.record("bytes with a hole before them were taken")
                return
            }
            #expect(reason.contains("8388608"))
        }
    }

    @Test func aCancelledSenderEndsTheCall() async throws {
        try await withWorld { world in
            let bytes = Fixture.bytes(9 << 20)
            let push = Fixture.push(try await Fixture.put(bytes, at: "film", in: Fixture.photos, world.here))
            let started = AsyncSignal()
            let body = WatchedSource(bytes) { offset in
                guard offset > 0 else { return }
                started.notify()
                try await WallClock().sleep(milliseconds: 3_600_000)
            }
            await withTaskGroup(of: Bool.self) { group in
                group.addTask {
                    do { _ = try await world.link.apply(push, body: body) } catch { return error is CancellationError }
                    return false
                }
                await started.wait()
                group.cancelAll()
                #expect(await group.next() == true)
            }
            #expect(try await world.link.apply(push, body: BufferSource(bytes)) == .applied)
        }
    }
}
