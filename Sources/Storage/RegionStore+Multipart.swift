import Environment
import NIOCore
package import S3Model

extension RegionStore {
    /// Parts but the last have at least this many bytes (AWS "Multipart upload limits").
    package static let minimumPartSize: Int64 = 5 << 20

    /// Begins an upload. Without a checksum type, CRC64NVME means FULL_OBJECT and the others COMPOSITE, as in S3; throws
    /// `InvalidRequest` for a pair that cannot be.
    package func createUpload(
        _ key: ObjectKey, bucket: BucketName, owner: Owner, metadata: ObjectMetadata, tags: [Tag],
        checksumAlgorithm: ChecksumAlgorithm?, checksumType: ChecksumType?
    ) async throws -> MultipartUpload {
        let type = try Self.checksumType(checksumType, for: checksumAlgorithm)
        let id = newUploadID()
        let initiated = now
        return try await self.metadata.write { transaction in
            let bucket = try self.bucket(bucket, in: transaction)
            var upload = MultipartUpload(
                id: id, bucket: bucket.id, key: key, initiated: initiated, owner: owner, metadata: metadata)
            upload.tags = tags
            upload.checksumAlgorithm = checksumAlgorithm
            upload.checksumType = type
            try transaction.insert(upload: upload)
            return upload
        }
    }

    private static func checksumType(_ type: ChecksumType?, for algorithm: ChecksumAlgorithm?) throws -> ChecksumType? {
        guard let algorithm else {
            if let type {
                throw S3Error(
                    .invalidRequest,
                    "x-amz-checksum-type \(type.rawValue) needs x-amz-checksum-algorithm, which is missing.")
            }
            return nil
        }
        let type = type ?? (algorithm == .crc64nvme ? .fullObject : .composite)
        let isPossible = type == .fullObject ? algorithm.combines : algorithm != .crc64nvme
        guard isPossible else {
            throw S3Error(
                .invalidRequest,
                "The \(type.rawValue) checksum type cannot be used with the \(algorithm.rawValue) checksum algorithm.")
        }
        return type
    }

    /// Time first, so that the uploads of a key are listed in the order in which they began.
    private func newUploadID() -> String {
        let milliseconds = UInt64(max(0, time.wallMilliseconds()))
        let clock = withUnsafeBytes(of: milliseconds.bigEndian) { Array($0.dropFirst(2)) }
        return "\(region).\(Hex.encode(clock + random.bytes(10)))"
    }

    /// Throws `NoSuchUpload` unless the id belongs to this key of this bucket.
    package func upload(_ id: String, key: ObjectKey, bucket: BucketName) throws -> MultipartUpload {
        let bucket = try self.bucket(bucket)
        return try metadata.read { try self.upload(id, key: key, in: bucket, $0) }
    }

    func upload(_ id: String, key: ObjectKey, in bucket: Bucket, _ reader: any MetadataReader) throws
        -> MultipartUpload
    {
        guard let upload = try reader.upload(id: id), upload.bucket == bucket.id, upload.key == key else {
            throw S3Error.noSuchUpload(id)
        }
        return upload
    }

    /// Stores a part, replacing one of the same number. When it throws, the staged content has been given back.
    package func putPart(
        _ number: Int, upload id: String, key: ObjectKey, bucket: BucketName, content: StagedContent,
        checksum: ObjectChecksum?
    ) async throws -> UploadedPart {
        guard let etag = content.digests.etag else {
            await discard(content)
            throw StorageError.io(operation: "put part", detail: "the body was staged without an MD5")
        }
        let content = try await inBlobs(content)
        let data: ObjectData
        if case .blobs(let segments) = content.bytes { data = .blobs(segments) } else { data = .empty }
        let part = UploadedPart(
            number: number, size: content.size, etag: etag, modified: now, checksum: checksum, data: data)
        return try await writeAndNotify(taking: content) { transaction in
            let bucket = try self.bucket(bucket, in: transaction)
            _ = try self.upload(id, key: key, in: bucket, transaction)
            try transaction.insert(part: part, upload: id)
            return (part, false)
        }
    }

    /// Parts are blobs whatever their size, so that completing an upload only joins references.
    private func inBlobs(_ content: StagedContent) async throws -> StagedContent {
        guard case .memory(let bytes) = content.bytes, bytes.readableBytes > 0 else { return content }
        let writer = try await blobs.create()
        do {
            try await writer.append(bytes, digest: nil)
            let blob = try await writer.commit()
            var moved = content
            moved.bytes = .blobs([BlobSegment(blob: blob, size: content.size)])
            return moved
        } catch {
            await writer.discard()
            throw error
        }
    }

    /// Ends an upload without an object; its parts become garbage.
    package func abortUpload(_ id: String, key: ObjectKey, bucket: BucketName) async throws {
        try await metadata.write { transaction in
            let bucket = try self.bucket(bucket, in: transaction)
            _ = try self.upload(id, key: key, in: bucket, transaction)
            try transaction.delete(upload: id, keeping: [])
        }
    }

    /// The parts with a number above `after`, at most `limit`; `next` is the last number when there are more.
    package func parts(upload id: String, key: ObjectKey, bucket: BucketName, after: Int, limit: Int) throws
        -> (parts: [UploadedPart], next: Int?)
    {
        let bucket = try self.bucket(bucket)
        return try metadata.read { reader in
            _ = try self.upload(id, key: key, in: bucket, reader)
            guard limit > 0 else { return ([], nil) }
            let found = try reader.parts(upload: id, after: after, limit: limit + 1)
            guard found.count > limit else { return (found, nil) }
            let page = Array(found.prefix(limit))
            return (page, page.last?.number)
        }
    }
}
