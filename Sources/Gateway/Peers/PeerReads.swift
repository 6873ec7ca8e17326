package import Environment
import NIOCore
package import S3Model
import Storage
import Synchronization

/// Asks a region in another process for what is still on its way from there (``ReadService``).
///
/// A region that is not reached, or does not answer in time, promises nothing, and is left alone for a moment, so that reads
/// of what is not here do not all wait for it.
package final class PeerReads: Sendable {
    /// How long an answer may take, milliseconds.
    static let answerMilliseconds: Int64 = 2_000
    /// For how long a region that did not answer is not asked again, milliseconds.
    static let silenceMilliseconds: UInt64 = 1_000

    package let region: RegionName
    private let client: PeerClient
    private let time: any TimeSource
    /// Until when (monotonic nanoseconds) it is not asked.
    private let silentUntil = Atomic<UInt64>(0)

    package init(_ region: RegionName, over client: PeerClient, time: any TimeSource) {
        self.region = region
        self.client = client
        self.time = time
    }

    /// A bucket of the region.
    struct Member: Sendable {
        let peer: PeerReads
        let bucket: BucketName

        /// What the bucket promises, newest first; nothing when it cannot be asked.
        func promises(_ question: PromiseQuestion) async -> [ObjectVersion] {
            await peer.promises(question, of: bucket)
        }

        /// The version that a read of the key finds in the bucket. Throws what the read would, and `ServiceUnavailable`
        /// when the region cannot be asked.
        func find(_ key: ObjectKey, version: VersionID?) async throws -> ObjectVersion {
            try await peer.find(key, version: version, bucket: bucket)
        }

        /// The bytes of `range`, which is not empty, of a version that was promised or found; to be pulled on `eventLoop`. Throws
        /// `ServiceUnavailable` when they cannot be had: the client tries again.
        func content(
            of version: ObjectVersion, _ range: Range<Int64>, on eventLoop: (any EventLoop)?
        ) async throws -> any ByteSource {
            try await peer.content(of: version, range, bucket: bucket, on: eventLoop)
        }
    }

    /// The region's ``RegionStore/oldestReplicationWork()``, which decides what other regions may forget of what they
    /// removed. Throws when it cannot be learnt: then nothing is to be forgotten.
    package func oldestReplicationWork() async throws -> VersionStamp? {
        guard let answer = try await call(PeerMessage(head: ReadCall.oldestWork(in: region).encoded()), on: nil) else {
            throw PeerFault.unavailable(reason: "no answer from \(region) within \(Self.answerMilliseconds) ms")
        }
        return try ReadCall.OldestWork(encoded: answer.head).stamp
    }

    private func promises(_ question: PromiseQuestion, of bucket: BucketName) async -> [ObjectVersion] {
        guard time.monotonicNanoseconds() >= silentUntil.load(ordering: .relaxed) else { return [] }
        let message = PeerMessage(head: ReadCall.promises(question, of: bucket, in: region).encoded())
        do {
            if let answer = try await call(message, on: nil) {
                let versions = try ReadCall.Promises(encoded: answer.head).versions
                // No version but one of this key can answer.
                return versions.filter { $0.key == question.key }
            }
        } catch is CancellationError {
            return []
        } catch {}
        silentUntil.store(time.monotonicNanoseconds() + Self.silenceMilliseconds * 1_000_000, ordering: .relaxed)
        return []
    }

    private func find(_ key: ObjectKey, version: VersionID?, bucket: BucketName) async throws -> ObjectVersion {
        let message = PeerMessage(head: ReadCall.find(key, version: version, of: bucket, in: region).encoded())
        do {
            if let answer = try await call(message, on: nil),
                let found = try ReadCall.Promises(encoded: answer.head).versions.first, found.key == key
            {
                return found
            }
        } catch PeerFault.refused(let code?, let reason) {
            throw S3Error(code, reason, fields: [.init("Key", key.rawValue)])
        } catch is PeerFault {}
        throw PeerBuckets.unavailable(region)
    }

    private func content(
        of version: ObjectVersion, _ range: Range<Int64>, bucket: BucketName, on eventLoop: (any EventLoop)?
    ) async throws -> any ByteSource {
        let call = ReadCall.content(
            version.key, version.stamp, isNull: version.isNull, range: range, of: bucket, in: region)
        do {
            if let answer = try await self.call(PeerMessage(head: call.encoded()), on: eventLoop),
                let content = answer.content, content.length == Int64(range.count)
            {
                return ExactSource(content.source, length: content.length)
            }
        } catch is PeerFault {}
        throw S3Error(
            .serviceUnavailable, "The object is in \(region), which could not be read; try again.",
            fields: [S3Error.Field("Key", version.key.rawValue)])
    }

    private func call(_ message: PeerMessage, on eventLoop: (any EventLoop)?) async throws -> PeerMessage? {
        try await time.limit(milliseconds: Self.answerMilliseconds) { [client] in
            try await client.call(ReadCall.name, message, on: eventLoop)
        }
    }
}
