import S3Model

extension RegionStore {
    /// Joins the named parts into the key's newest version without copying their bytes.
    ///
    /// Throws `InvalidPart`, `InvalidPartOrder`, `EntityTooSmall`, `BadDigest`, `InvalidRequest` as S3 does. Repeating a
    /// completion that succeeded answers the same version, as long as it is the key's current one.
    package func completeUpload(_ completion: MultipartCompletion) async throws -> ObjectVersion {
        // Ten thousand parts take a while to check and add up. That is done on a snapshot; the transaction, which holds
        // up all writers, only sees that nothing has changed since. A part that is uploaded again just now starts over.
        for _ in 0..<4 {
            let found = try uploadAndParts(of: completion)
            guard let found else { return try completedBefore(completion) }
            let assembly = try MultipartAssembly(completion, upload: found.upload, stored: found.parts)
            if let version = try await commit(assembly, completion, stored: found.parts) { return version }
        }
        throw S3Error(
            .operationAborted, "Parts of this upload are being replaced while it is completed; try again after that.")
    }

    /// `nil` when there is no such upload (any more).
    private func uploadAndParts(of completion: MultipartCompletion) throws
        -> (upload: MultipartUpload, parts: [UploadedPart])?
    {
        let bucket = try self.bucket(completion.bucket)
        return try metadata.read { reader in
            guard let upload = try reader.upload(id: completion.uploadID), upload.bucket == bucket.id,
                upload.key == completion.key
            else { return nil }
            return (upload, try reader.parts(upload: upload.id, after: 0, limit: Int.max))
        }
    }

    /// `nil` when the upload is not as it was read; nothing is stored then.
    private func commit(_ assembly: MultipartAssembly, _ completion: MultipartCompletion, stored: [UploadedPart])
        async throws -> ObjectVersion?
    {
        try await writeAndNotify { transaction in
            let bucket = try self.bucket(completion.bucket, in: transaction)
            guard let upload = try transaction.upload(id: completion.uploadID),
                try transaction.parts(upload: upload.id, after: 0, limit: Int.max) == stored
            else { return (nil, false) }
            try self.check(completion.conditions, key: completion.key, in: bucket, transaction)
            let isNull = bucket.versioning != .enabled
            if isNull { try self.removeNullVersion(completion.key, in: bucket, transaction) }
            // The bytes pass from the parts to the version.
            try transaction.delete(upload: upload.id, keeping: assembly.numbers)
            // S3 dates a multipart object by the start of its upload.
            let version = ObjectVersion(
                key: upload.key, stamp: self.clock.next(), isNull: isNull, content: .object(assembly.object),
                modified: upload.initiated, owner: upload.owner)
            return try self.insert(version, in: bucket, transaction)
        }
    }

    /// The answer to a completion that has been done already, because the first answer was lost.
    private func completedBefore(_ completion: MultipartCompletion) throws -> ObjectVersion {
        let bucket = try self.bucket(completion.bucket)
        guard MultipartUpload.region(ofUploadID: completion.uploadID) == region,
            let etag = MultipartAssembly.etag(completion.parts.map(\.etag)),
            var current = try metadata.read({ try $0.newestVersion(bucket: bucket.id, key: completion.key) }),
            current.object?.etag == etag
        else { throw S3Error.noSuchUpload(completion.uploadID) }
        current.isCurrent = true
        return current
    }
}
