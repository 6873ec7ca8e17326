import NIOCore
import S3Model
import Testing

@testable import Storage

/// S3's rules for versions, null versions, delete markers and conditions, over every metadata store.
@Suite struct ObjectSemanticsTests {
    @Test(arguments: Backend.allCases, [0, 1, 32 * 1024, 32 * 1024 + 1, 1_000_000])
    func returnsWhatWasPut(backend: Backend, size: Int) async throws {
        try await withRegion(backend) { region in
            let bytes = someBytes(size)
            let put = try await region.store.put("a", bytes)
            #expect(put.object?.size == Int64(size))
            #expect(put.versionID == .null)
            #expect(put.isCurrent)
            #expect(try await region.store.get("a") == bytes)
            let found = try region.store.object(key("a"), version: nil, bucket: Names.bucket)
            #expect(found.object?.etag.rawValue.utf8.count == 32)
            #expect(region.blobs.committed.count == (size > RegionStore.inlineLimit ? 1 : 0))
            let isInline = try region.store.inlineContent(of: found) != nil
            #expect(isInline == (size <= RegionStore.inlineLimit))
            guard size > 2 else { return }
            let range = Int64(size / 3)..<Int64(size - 1)
            let part = try await region.store.content(of: found, range: range).collect(upTo: size)
            #expect(part == bytes.getSlice(at: Int(range.lowerBound), length: range.count))
        }
    }

    @Test(arguments: Backend.allCases)
    func replacesInUnversionedBuckets(backend: Backend) async throws {
        try await withRegion(backend) { region in
            try await region.store.put("a", someBytes(50_000))
            try await region.store.put("a", someBytes(60_000))
            #expect(try await region.store.get("a").readableBytes == 60_000)
            let listing = try region.store.listVersions(ListQuery(), versionMarker: nil, bucket: Names.bucket)
            #expect(listing.versions.count == 1)
            #expect(try await region.store.collectGarbage() == 1)
            #expect(region.blobs.committed.count == 1)
            let outcome = try await region.store.delete("a")
            #expect(outcome == DeleteOutcome(versionID: nil, isDeleteMarker: false))
            #expect(try await refusal { _ = try await region.store.get("a") } == .noSuchKey)
            #expect(try await region.store.collectGarbage() == 1)
            #expect(region.blobs.committed.isEmpty)
            // Nothing there is a success, and leaves nothing.
            try await region.store.delete("missing")
            try await region.store.deleteBucket(Names.bucket)
        }
    }

    @Test(arguments: Backend.allCases)
    func keepsVersions(backend: Backend) async throws {
        try await withRegion(backend, versioning: .enabled) { region in
            let first = try await region.store.put("a", ByteBuffer(string: "one"))
            let second = try await region.store.put("a", ByteBuffer(string: "two"))
            #expect(first.stamp < second.stamp)
            #expect(try await region.store.get("a") == ByteBuffer(string: "two"))
            #expect(try await region.store.get("a", version: first.versionID) == ByteBuffer(string: "one"))

            let marker = try await region.store.delete("a")
            #expect(marker.isDeleteMarker)
            #expect(try await refusal { _ = try await region.store.get("a") } == .noSuchKey)
            let markerID = try #require(marker.versionID)
            #expect(try region.store.object(key("a"), version: markerID, bucket: Names.bucket).isDeleteMarker)

            // Taking the marker away brings the object back; taking the newest away brings the one before.
            let undone = try await region.store.delete("a", version: markerID)
            #expect(undone == DeleteOutcome(versionID: markerID, isDeleteMarker: true))
            #expect(try await region.store.get("a") == ByteBuffer(string: "two"))
            try await region.store.delete("a", version: second.versionID)
            let current = try region.store.object(key("a"), version: nil, bucket: Names.bucket)
            #expect(current.stamp == first.stamp)
            #expect(current.isCurrent)
            #expect(
                try await refusal { _ = try await region.store.get("a", version: second.versionID) } == .noSuchVersion)
        }
    }

    @Test(arguments: Backend.allCases)
    func deletingAMissingKeyOfAVersionedBucketMakesAMarker(backend: Backend) async throws {
        try await withRegion(backend, versioning: .enabled) { region in
            let outcome = try await region.store.delete("missing")
            #expect(outcome.isDeleteMarker)
            let listing = try region.store.listVersions(ListQuery(), versionMarker: nil, bucket: Names.bucket)
            #expect(listing.versions.map(\.isDeleteMarker) == [true])
            #expect(try region.store.listObjects(ListQuery(), bucket: Names.bucket).objects.isEmpty)
        }
    }

    @Test(arguments: Backend.allCases)
    func currentMarkerSaysSoInHeaders(backend: Backend) async throws {
        try await withRegion(backend, versioning: .enabled) { region in
            try await region.store.put("a")
            let marker = try await region.store.delete("a")
            do {
                _ = try region.store.object(key("a"), version: nil, bucket: Names.bucket)
                Issue.record("a delete marker must hide the key")
            } catch let error as S3Error {
                #expect(error.code == .noSuchKey)
                #expect(error.headers.contains(S3Error.Field("x-amz-delete-marker", "true")))
                #expect(
                    error.headers.contains(
                        S3Error.Field("x-amz-version-id", marker.versionID?.description ?? "none")))
            }
        }
    }

    @Test(arguments: Backend.allCases)
    func suspendedBucketsHaveOneNullVersion(backend: Backend) async throws {
        try await withRegion(backend) { region in
            let store = region.store
            try await store.put("a", ByteBuffer(string: "null 1"))
            try await store.setVersioning(.enabled, bucket: Names.bucket)
            let kept = try await store.put("a", ByteBuffer(string: "kept"))
            #expect(try await store.get("a", version: .null) == ByteBuffer(string: "null 1"))
            try await store.setVersioning(.suspended, bucket: Names.bucket)
            let null = try await store.put("a", ByteBuffer(string: "null 2"))
            #expect(null.versionID == .null)
            #expect(try await store.get("a") == ByteBuffer(string: "null 2"))
            #expect(try await store.get("a", version: kept.versionID) == ByteBuffer(string: "kept"))
            // The null version has no other name.
            #expect(
                try await refusal { _ = try await store.get("a", version: .stamp(null.stamp)) } == .noSuchVersion)
            var listing = try store.listVersions(ListQuery(), versionMarker: nil, bucket: Names.bucket)
            #expect(listing.versions.map(\.versionID) == [.null, kept.versionID])
            #expect(listing.versions.map(\.isCurrent) == [true, false])

            let outcome = try await store.delete("a")
            #expect(outcome == DeleteOutcome(versionID: .null, isDeleteMarker: true))
            listing = try store.listVersions(ListQuery(), versionMarker: nil, bucket: Names.bucket)
            #expect(listing.versions.map(\.isDeleteMarker) == [true, false])
            #expect(listing.versions.map(\.versionID) == [.null, kept.versionID])
            try await store.delete("a", version: .null)
            #expect(try await store.get("a") == ByteBuffer(string: "kept"))
        }
    }

    @Test(arguments: Backend.allCases)
    func writeConditions(backend: Backend) async throws {
        try await withRegion(backend, versioning: .enabled) { region in
            let store = region.store
            let onlyNew = WriteConditions(ifNoneMatchAny: true)
            #expect(
                try await refusal { try await store.put("a", conditions: WriteConditions(ifMatch: ETag("x"))) }
                    == .noSuchKey)
            let first = try await store.put("a", conditions: onlyNew)
            #expect(try await refusal { try await store.put("a", conditions: onlyNew) } == .preconditionFailed)
            let big = someBytes(40_000)
            #expect(try await refusal { try await store.put("a", big, conditions: onlyNew) } == .preconditionFailed)
            #expect(region.blobs.committed.isEmpty, "refused bytes are given back")
            let match = WriteConditions(ifMatch: first.object?.etag)
            let second = try await store.put("a", big, conditions: match)
            #expect(try await refusal { try await store.put("a", conditions: match) } == .preconditionFailed)
            try await store.put("a", big, conditions: WriteConditions(ifMatch: ETag("*")))
            #expect(second.object?.etag != first.object?.etag)
            try await store.delete("a")
            #expect(
                try await refusal { try await store.put("a", conditions: WriteConditions(ifMatch: ETag("*"))) }
                    == .noSuchKey)
            try await store.put("a", conditions: onlyNew)
        }
    }

    @Test(arguments: Backend.allCases)
    func onlyOneOfManyConditionalWritersWins(backend: Backend) async throws {
        try await withRegion(backend, versioning: .enabled) { region in
            let wins = try await withThrowingTaskGroup(of: Bool.self) { group in
                for _ in 0..<20 {
                    group.addTask {
                        try await refusal {
                            try await region.store.put("a", conditions: WriteConditions(ifNoneMatchAny: true))
                        } == nil
                    }
                }
                return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(wins == 1)
        }
    }

    @Test(arguments: Backend.allCases)
    func deletesMany(backend: Backend) async throws {
        try await withRegion(backend, versioning: .enabled) { region in
            let first = try await region.store.put("a")
            try await region.store.put("b")
            let outcomes = try await region.store.deleteObjects(
                [
                    ObjectDeletion(key("a"), version: first.versionID), ObjectDeletion(key("b")),
                    ObjectDeletion(key("c"), version: .null),
                ], bucket: Names.bucket, owner: Names.owner)
            let results = try outcomes.map { try $0.get() }
            #expect(results.map(\.isDeleteMarker) == [false, true, false])
            #expect(results[0].versionID == first.versionID)
            #expect(try region.store.listObjects(ListQuery(), bucket: Names.bucket).objects.isEmpty)
        }
    }

    @Test(arguments: Backend.allCases)
    func deletesOnlyWhatMatches(backend: Backend) async throws {
        try await withRegion(backend, versioning: .enabled) { region in
            let store = region.store
            let put = try await store.put("a")
            let etag = try #require(put.object?.etag)
            func code(_ name: String, _ expected: String) async throws -> S3ErrorCode? {
                try await refusal {
                    _ = try await store.deleteObject(
                        key(name), version: nil, ifMatch: ETag(expected), bucket: Names.bucket, owner: Names.owner)
                }
            }
            #expect(try await code("a", "other") == .preconditionFailed)
            #expect(try await code("none", etag.rawValue) == .noSuchKey)
            let outcomes = try await store.deleteObjects(
                [ObjectDeletion(key("a"), ifMatch: ETag("other")), ObjectDeletion(key("a"), ifMatch: etag)],
                bucket: Names.bucket, owner: Names.owner)
            #expect(throws: S3Error.self) { try outcomes[0].get() }
            #expect(try outcomes[1].get().isDeleteMarker)
            #expect(try await code("a", "*") == .noSuchKey)
        }
    }

    @Test(arguments: Backend.allCases)
    func tags(backend: Backend) async throws {
        try await withRegion(backend, versioning: .enabled) { region in
            let put = try await region.store.put("a", tags: [Tag(key: "k", value: "1")])
            let changed = try await region.store.setTags(
                [Tag(key: "k", value: "2")], key: key("a"), version: nil, bucket: Names.bucket)
            #expect(changed.stamp == put.stamp)
            #expect(changed.attributesStamp > put.attributesStamp)
            let found = try region.store.object(key("a"), version: nil, bucket: Names.bucket)
            #expect(found.object?.tags == [Tag(key: "k", value: "2")])
            #expect(try await region.store.get("a") == ByteBuffer(string: "hello"))
            let marker = try await region.store.delete("a")
            let code = try await refusal {
                _ = try await region.store.setTags([], key: key("a"), version: marker.versionID, bucket: Names.bucket)
            }
            #expect(code == .methodNotAllowed)
        }
    }

    @Test(arguments: Backend.allCases)
    func buckets(backend: Backend) async throws {
        try await withRegion(backend) { region in
            let store = region.store
            #expect(
                try await refusal { _ = try await store.createBucket(Names.bucket, owner: Names.owner) }
                    == .bucketAlreadyOwnedByYou)
            let other = Owner(account: try #require(AccountID("999999999999")), canonicalID: "x", displayName: "x")
            #expect(
                try await refusal { _ = try await store.createBucket(Names.bucket, owner: other) }
                    == .bucketAlreadyExists)
            #expect(
                try await refusal { try await store.replicate(to: [Names.copy]) } == .invalidRequest)
            try await store.setVersioning(.enabled, bucket: Names.bucket)
            try await store.replicate(to: [Names.copy])
            #expect(
                try await refusal { try await store.setVersioning(.suspended, bucket: Names.bucket) }
                    == .invalidBucketState)
            #expect(
                try await refusal { try await store.setVersioning(.unversioned, bucket: Names.bucket) }
                    == .illegalVersioningConfigurationException)
            try await store.setTags([Tag(key: "a", value: "b")], bucket: Names.bucket)
            let bucket = try store.bucket(Names.bucket)
            #expect(bucket.versioning == .enabled)
            #expect(bucket.replication?.rules.count == 1)
            #expect(bucket.tags.count == 1)
            try await store.put("a")
            #expect(try await refusal { try await store.deleteBucket(Names.bucket) } == .bucketNotEmpty)
            _ = try await store.createBucket(Names.copy, owner: Names.owner)
            #expect(store.listBuckets().map(\.name) == [Names.bucket, Names.copy])
            try await store.deleteBucket(Names.copy)
            try await store.createClaimedBucket(Names.copy, owner: Names.owner, tags: [Tag(key: "c", value: "d")])
            let made = try store.bucket(Names.copy)
            #expect(made.tags == [Tag(key: "c", value: "d")])
            try await store.createClaimedBucket(Names.copy, owner: Names.owner, tags: [])
            #expect(try store.bucket(Names.copy).tags == made.tags && store.bucket(Names.copy).id == made.id)
            try await store.createClaimedBucket(Names.copy, owner: Names.owner, tags: [Tag(key: "e", value: "f")])
            #expect(try store.bucket(Names.copy).tags == [Tag(key: "e", value: "f")])
            #expect(
                try await refusal { try await store.createClaimedBucket(Names.copy, owner: other, tags: []) }
                    == .bucketAlreadyExists)
            try await store.deleteBucket(Names.copy)
            #expect(try await refusal { _ = try store.bucket(Names.copy) } == .noSuchBucket)
            #expect(try await refusal { try await store.put("a", bucket: Names.copy) } == .noSuchBucket)
        }
    }

    @Test func flippedBytesAreNotHandedOut() async throws {
        try await withRegion(.memory) { region in
            let put = try await region.store.put("a")
            guard case .inline(let id, let crc)? = put.object?.data else {
                Issue.record("five bytes are inline")
                return
            }
            var wrong = put
            wrong.content =
                put.object.map {
                    var content = $0
                    content.data = .inline(id: id, crc32c: crc ^ 1)
                    return .object(content)
                } ?? .deleteMarker
            #expect(throws: StorageError.self) { try region.store.inlineContent(of: wrong) }
        }
    }

    @Test(arguments: Backend.allCases)
    func readersKeepTheirBytes(backend: Backend) async throws {
        try await withRegion(backend) { region in
            let bytes = someBytes(100_000)
            let put = try await region.store.put("a", bytes)
            try await {
                let source = try region.store.content(of: put, range: 0..<100_000)
                try await region.store.delete("a")
                #expect(try await region.store.collectGarbage() == 0)
                #expect(try await source.collect(upTo: 100_000) == bytes)
            }()
            #expect(try await region.store.collectGarbage() == 1)
            #expect(
                try await refusal { _ = try region.store.content(of: put, range: 0..<1) } == .serviceUnavailable)
        }
    }
}
