import S3Model
import Storage

extension ObjectOperations {
    func createMultipartUpload(_ target: BucketRequest) async throws -> S3Response {
        let key = try target.objectKey()
        try target.refuseUnsupportedWriteHeaders()
        let algorithm = try target.checksumAlgorithm()
        let type = try Self.checksumType(target, algorithm)
        let upload = try await target.store.createUpload(
            key, bucket: target.bucket.name, owner: target.bucket.owner, metadata: try target.objectMetadata(),
            tags: try target.headerTags(), checksumAlgorithm: algorithm, checksumType: type)
        let facts: [S3Response.Fact] = algorithm.map { [.checksumAlgorithm($0, type)] } ?? []
        return .document(
            InitiateMultipartUploadResult(bucket: target.bucket.name.rawValue, key: key.rawValue, uploadID: upload.id)
                .xml(), facts)
    }

    /// `x-amz-checksum-type`, or S3's default for the algorithm.
    private static func checksumType(
        _ target: BucketRequest, _ algorithm: ChecksumAlgorithm?
    ) throws(S3Error) -> ChecksumType? {
        let text = target.header("x-amz-checksum-type")
        guard let algorithm else {
            guard text == nil else {
                throw S3Error(
                    .invalidRequest,
                    "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.")
            }
            return nil
        }
        guard let text else { return algorithm == .crc64nvme ? .fullObject : .composite }
        guard let type = ChecksumType(rawValue: text.uppercased()) else {
            throw S3Error(.invalidRequest, "Value for x-amz-checksum-type header is invalid.")
        }
        let isPossible = type == .fullObject ? algorithm.combines : algorithm != .crc64nvme
        guard isPossible else {
            throw S3Error(
                .invalidRequest,
                "The \(type.rawValue) checksum type cannot be used with the \(algorithm.rawValue.lowercased()) checksum algorithm."
            )
        }
        return type
    }

    func uploadPart(_ target: BucketRequest) async throws -> S3Response {
        let (number, id) = try Self.partAddress(target)
        let key = try target.objectKey()
        let upload = try target.store.upload(id, key: key, bucket: target.bucket.name)
        let announced = try PayloadExpectations(target.request).checksum?.algorithm
        if let expected = upload.checksumAlgorithm, let announced, announced != expected {
            throw S3Error(
                .invalidRequest,
                "Checksum Type mismatch occurred, expected checksum Type: \(expected.rawValue.lowercased()), actual checksum Type: \(announced.rawValue.lowercased())"
            )
        }
        let part = try await receive(target, computing: upload.checksumAlgorithm) { staged, checksum in
            try await target.store.putPart(
                number, upload: id, key: key, bucket: target.bucket.name, content: staged, checksum: checksum)
        }
        var facts: [S3Response.Fact] = [.etag(part.etag)]
        if let checksum = part.checksum { facts.append(.checksum(checksum)) }
        return S3Response(facts)
    }

    func uploadPartCopy(_ target: BucketRequest) async throws -> S3Response {
        let (number, id) = try Self.partAddress(target)
        let key = try target.objectKey()
        let upload = try target.store.upload(id, key: key, bucket: target.bucket.name)
        let source = try await copySource(target)
        let range = try Self.copyRange(target, size: source.content.size)
        let staged = try await target.store.stage(
            try await source.bytes(range, for: target.request), digests: DigestPlan(checksum: upload.checksumAlgorithm))
        do {
            var checksum: ObjectChecksum?
            if let algorithm = upload.checksumAlgorithm, let digest = staged.digests.checksum {
                checksum = ObjectChecksum(algorithm: algorithm, type: .fullObject, value: Base64.encode(digest))
            }
            let part = try await target.store.putPart(
                number, upload: id, key: key, bucket: target.bucket.name, content: staged, checksum: checksum)
            let facts: [S3Response.Fact] =
                source.version.isNull ? [] : [.copySourceVersion(source.version.versionID)]
            return .document(
                CopyResult(kind: .part, lastModified: part.modified, etag: part.etag, checksum: part.checksum).xml(),
                facts)
        } catch {
            await target.store.discard(staged)
            throw error
        }
    }

    private static func copyRange(_ target: BucketRequest, size: Int64) throws(S3Error) -> Range<Int64> {
        guard let text = target.header("x-amz-copy-source-range") else {
            guard size <= maximumPut else {
                throw S3Error(
                    .invalidRequest,
                    "The specified copy source is larger than the maximum allowable size for a copy source: \(maximumPut)"
                )
            }
            return 0..<size
        }
        return try ByteRange.parse(copySourceRange: text).resolve(copySourceSize: size)
    }

    func completeMultipartUpload(_ target: BucketRequest) async throws -> S3Response {
        let key = try target.objectKey()
        let id = try target.uploadID()
        let upload = try? target.store.upload(id, key: key, bucket: target.bucket.name)
        let document = try CompleteMultipartUpload.parse(
            try await target.request.readDocument(ignoringChecksum: true, limit: 4 * 1024 * 1024))
        var completion = MultipartCompletion(
            bucket: target.bucket.name, key: key, uploadID: id,
            parts: document.parts.map {
                CompletedPart(number: $0.number, etag: $0.etag, checksum: Self.checksum($0.checksums, upload))
            })
        completion.checksum = try Self.wholeChecksum(target, upload)
        completion.checksumType = target.header("x-amz-checksum-type").flatMap {
            ChecksumType(rawValue: $0.uppercased())
        }
        if let text = target.header("x-amz-mp-object-size") {
            guard let size = Int64(text), size >= 0 else {
                throw S3Error.invalidArgument("Expected a number.", name: "x-amz-mp-object-size", value: text)
            }
            completion.expectedSize = size
        }
        completion.conditions = try target.writeConditions()
        let stored = try await target.store.completeUpload(completion)
        let facts: [S3Response.Fact] = stored.isNull ? [] : [.versionID(stored.versionID)]
        return .document(
            CompleteMultipartUploadResult(
                location: Self.location(target, key), bucket: target.bucket.name.rawValue, key: key.rawValue,
                etag: stored.object?.etag ?? ETag(""), checksum: stored.object?.checksum
            ).xml(), facts)
    }

    /// The checksum that the client gives for a part, of the upload's algorithm where it gives several.
    private static func checksum(
        _ given: [ChecksumAlgorithm: String], _ upload: MultipartUpload?
    ) -> ObjectChecksum? {
        let algorithm = upload?.checksumAlgorithm.flatMap { given[$0] == nil ? nil : $0 } ?? given.keys.first
        guard let algorithm, let value = given[algorithm] else { return nil }
        return ObjectChecksum(algorithm: algorithm, type: .fullObject, value: value)
    }

    /// What the client says the finished object's checksum is.
    private static func wholeChecksum(
        _ target: BucketRequest, _ upload: MultipartUpload?
    ) throws(S3Error) -> ObjectChecksum? {
        for algorithm in ChecksumAlgorithm.allCases {
            guard let value = target.header(algorithm.headerName) else { continue }
            let type: ChecksumType = value.contains("-") ? .composite : .fullObject
            return ObjectChecksum(algorithm: algorithm, type: type, value: value)
        }
        return nil
    }

    private static func location(_ target: BucketRequest, _ key: ObjectKey) -> String {
        let host = target.header("host") ?? "localhost"
        return "http://\(host)/\(target.bucket.name)/\(PercentEncoding.encode(key.rawValue, keepingSlash: true))"
    }

    func abortMultipartUpload(_ target: BucketRequest) async throws -> S3Response {
        try await target.store.abortUpload(
            try target.uploadID(), key: try target.objectKey(), bucket: target.bucket.name)
        return S3Response(status: 204)
    }

    private static func partAddress(_ target: BucketRequest) throws(S3Error) -> (number: Int, upload: String) {
        let text = target.query["partNumber"] ?? ""
        guard let number = Int(text), (1...10_000).contains(number) else {
            throw .invalidArgument(
                "Part number must be an integer between 1 and 10000, inclusive", name: "partNumber", value: text)
        }
        return (number, try target.uploadID())
    }
}

extension BucketRequest {
    func uploadID() throws(S3Error) -> String {
        guard let id = query["uploadId"], !id.isEmpty else { throw S3Error(.noSuchUpload) }
        return id
    }
}
