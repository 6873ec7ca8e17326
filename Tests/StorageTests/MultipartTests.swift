import NIOCore
import S3Model
import Testing

@testable import Storage

@Suite struct MultipartTests {
    private static let partSize = Int(RegionStore.minimumPartSize)

    private func begin(
        _ store: RegionStore, _ algorithm: ChecksumAlgorithm? = nil, _ type: ChecksumType? = nil
    ) async throws -> MultipartUpload {
        try await store.createUpload(
            key("big"), bucket: Names.bucket, owner: Names.owner, metadata: ObjectMetadata(),
            tags: [Tag(key: "t", value: "v")], checksumAlgorithm: algorithm, checksumType: type)
    }

    private func put(
        _ store: RegionStore, _ number: Int, _ bytes: ByteBuffer, in upload: MultipartUpload
    ) async throws -> CompletedPart {
        let content = try await store.stage(
            PiecewiseSource(bytes, pieces: 300_000), digests: DigestPlan(checksum: upload.checksumAlgorithm))
        let checksum = upload.checksumAlgorithm.map {
            ObjectChecksum(algorithm: $0, type: .fullObject, value: Base64.encode(content.digests.checksum ?? []))
        }
        let part = try await store.putPart(
            number, upload: upload.id, key: upload.key, bucket: Names.bucket, content: content, checksum: checksum)
        return CompletedPart(number: number, etag: part.etag, checksum: part.checksum)
    }

    private func completion(_ upload: MultipartUpload, _ parts: [CompletedPart]) -> MultipartCompletion {
        MultipartCompletion(bucket: Names.bucket, key: upload.key, uploadID: upload.id, parts: parts)
    }

    @Test(arguments: Backend.allCases)
    func joinsParts(backend: Backend) async throws {
        try await withRegion(backend, versioning: .enabled) { region in
            let store = region.store
            let upload = try await begin(store)
            #expect(MultipartUpload.region(ofUploadID: upload.id) == Names.region)
            #expect(upload.id.utf8.count == Names.region.rawValue.utf8.count + 33)
            let first = someBytes(Self.partSize)
            let last = someBytes(10, seed: 9)
            _ = try await put(store, 3, someBytes(99), in: upload)
            let parts = [try await put(store, 3, first, in: upload), try await put(store, 7, last, in: upload)]
            _ = try await put(store, 9, someBytes(50), in: upload)
            #expect(region.blobs.committed.count == 4)

            let version = try await store.completeUpload(completion(upload, parts))
            #expect(version.object?.size == Int64(Self.partSize + 10))
            #expect(version.object?.etag == MultipartAssembly.etag(parts.map(\.etag)))
            #expect(version.object?.etag.rawValue.hasSuffix("-2") == true)
            #expect(version.object?.parts.map(\.size) == [Int64(Self.partSize), 10])
            #expect(version.object?.tags == [Tag(key: "t", value: "v")])
            #expect(version.modified == upload.initiated)
            var whole = first
            whole.writeImmutableBuffer(last)
            #expect(try await store.get("big") == whole)
            let middle = Int64(Self.partSize - 3)..<Int64(Self.partSize + 3)
            let across = try await store.content(of: version, range: middle).collect(upTo: 10)
            #expect(across == whole.getSlice(at: Int(middle.lowerBound), length: 6))

            // The replaced part and the one left out are garbage; the object's bytes are not.
            #expect(try await store.collectGarbage() == 2)
            #expect(region.blobs.committed.count == 2)
            // Repeating answers the same; after another write it is gone.
            let again = try await store.completeUpload(completion(upload, parts))
            #expect(again.stamp == version.stamp)
            try await store.put("big")
            #expect(
                try await refusal { _ = try await store.completeUpload(completion(upload, parts)) } == .noSuchUpload)
            try await store.delete("big", version: version.versionID)
            #expect(try await store.collectGarbage() == 2)
            #expect(region.blobs.committed.isEmpty)
        }
    }

    @Test(arguments: Backend.allCases)
    func refusesWhatS3Refuses(backend: Backend) async throws {
        try await withRegion(backend) { region in
            let store = region.store
            let upload = try await begin(store)
            let small = try await put(store, 1, someBytes(100), in: upload)
            let second = try await put(store, 2, someBytes(100), in: upload)
            func code(_ change: (inout MultipartCompletion) -> Void) async throws -> S3ErrorCode? {
                var request = completion(upload, [small])
                change(&request)
                let final = request
                return try await refusal { _ = try await store.completeUpload(final) }
            }
            #expect(try await code { $0.parts = [] } == .malformedXML)
            #expect(try await code { $0.parts = [second, small] } == .invalidPartOrder)
            #expect(try await code { $0.parts = [small, small] } == .invalidPartOrder)
            #expect(try await code { $0.parts = [small, second] } == .entityTooSmall)
            #expect(
                try await code {
                    $0.parts[0].etag = second.etag; $0.parts[0].number = 5
                } == .invalidPart)
            #expect(try await code { $0.parts[0].etag = ETag("00") } == .invalidPart)
            #expect(try await code { $0.expectedSize = 99 } == .invalidRequest)
            #expect(try await code { $0.uploadID = "eu-west-1.none" } == .noSuchUpload)
            #expect(try await code { $0.key = key("other") } == .noSuchUpload)
            #expect(try await code { $0.conditions = WriteConditions(ifMatch: ETag("x")) } == .noSuchKey)
            #expect(
                try await refusal {
                    _ = try store.parts(
                        upload: upload.id, key: key("other"), bucket: Names.bucket, after: 0, limit: 1)
                } == .noSuchUpload)
            let page = try store.parts(upload: upload.id, key: key("big"), bucket: Names.bucket, after: 0, limit: 1)
            #expect(page.parts.map(\.number) == [1])
            #expect(page.next == 1)
            #expect(try await refusal { try await store.deleteBucket(Names.bucket) } == .bucketNotEmpty)
            try await store.abortUpload(upload.id, key: key("big"), bucket: Names.bucket)
            #expect(try await store.collectGarbage() == 2)
            #expect(
                try await refusal { _ = try await put(store, 1, someBytes(50_000), in: upload) } == .noSuchUpload)
            #expect(region.blobs.committed.isEmpty)
            try await store.deleteBucket(Names.bucket)
        }
    }

    @Test(arguments: [ChecksumAlgorithm.crc32, .crc32c, .crc64nvme])
    func wholeChecksumsAreThoseOfTheJoinedBytes(algorithm: ChecksumAlgorithm) async throws {
        try await withRegion(.memory) { region in
            let upload = try await begin(region.store, algorithm, .fullObject)
            let first = someBytes(Self.partSize + 1)
            let last = someBytes(777, seed: 3)
            let parts = [
                try await put(region.store, 1, first, in: upload), try await put(region.store, 2, last, in: upload),
            ]
            var whole = first
            whole.writeImmutableBuffer(last)
            let digest = ContentDigest(DigestPlan(md5: false, checksum: algorithm))
            digest.update(whole)
            let expected = ObjectChecksum(
                algorithm: algorithm, type: .fullObject, value: Base64.encode(digest.finish().checksum ?? []))
            var request = completion(upload, parts)
            request.checksum = ObjectChecksum(algorithm: algorithm, type: .fullObject, value: "AAAAAA==")
            let wrong = request
            #expect(try await refusal { _ = try await region.store.completeUpload(wrong) } == .badDigest)
            request.checksum = expected
            let version = try await region.store.completeUpload(request)
            #expect(version.object?.checksum == expected)
        }
    }

    @Test func compositeChecksums() async throws {
        try await withRegion(.memory) { region in
            let upload = try await begin(region.store, .sha256)
            #expect(upload.checksumType == .composite)
            let part = try await put(region.store, 1, someBytes(10), in: upload)
            var without = completion(upload, [part])
            without.parts[0].checksum = nil
            let bare = without
            #expect(try await refusal { _ = try await region.store.completeUpload(bare) } == .invalidRequest)
            var other = completion(upload, [part])
            other.checksumType = .fullObject
            let full = other
            #expect(try await refusal { _ = try await region.store.completeUpload(full) } == .invalidRequest)
            var foreign = completion(upload, [part])
            foreign.parts[0].checksum = ObjectChecksum(algorithm: .crc32, type: .fullObject, value: "AAAAAA==")
            let mistaken = foreign
            #expect(try await refusal { _ = try await region.store.completeUpload(mistaken) } == .badDigest)
            let version = try await region.store.completeUpload(completion(upload, [part]))
            let bytes = try #require(Base64.decode(part.checksum?.value ?? ""))
            #expect(version.object?.checksum?.value == Checksums.composite(.sha256, parts: [bytes]))
            #expect(try await refusal { _ = try await begin(region.store, .sha256, .fullObject) } == .invalidRequest)
            #expect(
                try await refusal { _ = try await begin(region.store, .crc64nvme, .composite) } == .invalidRequest)
        }
    }
}
