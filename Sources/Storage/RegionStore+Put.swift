import CChecksums
import NIOCore
import S3Model
import Synchronization

extension RegionStore {
    /// Receives a body: into memory up to ``inlineLimit``, then into a blob. The caller pulls from the socket and appends.
    package func stage(_ source: any ByteSource, digests: DigestPlan) async throws -> StagedContent {
        let digest = ContentDigest(digests)
        var head = ByteBuffer()
        while var piece = try await source.next() {
            guard head.readableBytes + piece.readableBytes <= Self.inlineLimit else {
                return try await stageBlob(head, piece, then: source, digest: digest)
            }
            if head.readableBytes == 0 { head = piece } else { head.writeBuffer(&piece) }
        }
        digest.update(head)
        return StagedContent(size: Int64(head.readableBytes), bytes: .memory(head), digests: digest.finish())
    }

    private func stageBlob(
        _ head: ByteBuffer, _ piece: ByteBuffer, then source: any ByteSource, digest: ContentDigest
    ) async throws -> StagedContent {
        let writer = try await blobs.create()
        do {
            if head.readableBytes > 0 { try await writer.append(head, digest: digest) }
            try await writer.append(piece, digest: digest)
            var size = Int64(head.readableBytes + piece.readableBytes)
            while let piece = try await source.next() {
                size += Int64(piece.readableBytes)
                try await writer.append(piece, digest: digest)
            }
            let blob = try await writer.commit()
            return StagedContent(
                size: size, bytes: .blobs([BlobSegment(blob: blob, size: size)]), digests: digest.finish())
        } catch {
            await writer.discard()
            throw error
        }
    }

    /// Gives staged bytes back when the request is refused after its body was received.
    package func discard(_ content: StagedContent) async {
        guard case .blobs(let segments) = content.bytes, !segments.isEmpty else { return }
        let ids = segments.map(\.blob)
        do {
            try await removeUnreferenced(ids)
        } catch {
            doubtful.withLock { $0.add(ids) }
        }
    }

    /// Commits staged content as the key's newest version. When it throws, the staged content has been given back.
    package func putObject(_ put: ObjectPut, content: StagedContent) async throws -> ObjectVersion {
        guard let etag = content.digests.etag else {
            await discard(content)
            throw StorageError.io(operation: "put", detail: "the body was staged without an MD5")
        }
        let crc = Self.inlineChecksum(of: content)
        return try await writeAndNotify(taking: content) { transaction in
            let bucket = try self.bucket(put.bucket, in: transaction)
            try self.check(put.conditions, key: put.key, in: bucket, transaction)
            let isNull = bucket.versioning != .enabled
            if isNull { try self.removeNullVersion(put.key, in: bucket, transaction) }
            var object = ObjectContent(
                size: content.size, etag: etag, metadata: put.metadata,
                data: try Self.store(content, crc32c: crc, transaction))
            object.tags = put.tags
            object.checksum = put.checksum
            let version = ObjectVersion(
                key: put.key, stamp: self.clock.next(), isNull: isNull, content: .object(object), modified: self.now,
                owner: put.owner)
            return try self.insert(version, in: bucket, transaction)
        }
    }

    /// The checksum kept with small bytes; computed before the transaction, which only one caller can be in at a time.
    static func inlineChecksum(of content: StagedContent) -> UInt32 {
        guard case .memory(let bytes) = content.bytes else { return 0 }
        return bytes.crc32c
    }

    static func store(_ content: StagedContent, crc32c: UInt32, _ transaction: any MetadataTransaction) throws
        -> ObjectData
    {
        switch content.bytes {
        case .blobs(let segments): .blobs(segments)
        case .memory(let bytes) where bytes.readableBytes == 0: .empty
        case .memory(let bytes): .inline(id: try transaction.insertInlineData(bytes), crc32c: crc32c)
        }
    }
}

extension ByteBuffer {
    /// CRC-32C of the readable bytes.
    var crc32c: UInt32 {
        withUnsafeReadableBytes { meridian_crc32c(0, $0.baseAddress, $0.count) }
    }
}
