import S3Model
import Storage

extension ObjectOperations {
    func deleteObject(_ target: BucketRequest) async throws -> S3Response {
        let version = try target.versionID()
        // Conditions of directory buckets: to ignore one would delete what the client wanted to keep.
        for name in ["x-amz-if-match-last-modified-time", "x-amz-if-match-size"] where target.header(name) != nil {
            throw S3Error(.notImplemented, "The condition \(name) is not implemented; use If-Match.")
        }
        let outcome = try await target.store.deleteObject(
            try target.objectKey(), version: version, ifMatch: target.header("if-match").map { ETag($0) },
            bucket: target.bucket.name, owner: target.bucket.owner)
        var facts: [S3Response.Fact] = []
        if let version = outcome.versionID { facts.append(.versionID(version)) }
        if outcome.isDeleteMarker { facts.append(.deleteMarker) }
        return S3Response(status: 204, facts)
    }

    func deleteObjects(_ target: BucketRequest) async throws -> S3Response {
        let document = try Delete.parse(try await target.request.readDocument(limit: 2 * 1024 * 1024))
        var valid: [ObjectDeletion] = []
        var slots: [Result<Int, S3Error>] = []
        for object in document.objects {
            do throws(S3Error) {
                let found = try Self.deletion(of: object)
                slots.append(.success(valid.count))
                valid.append(found)
            } catch {
                slots.append(.failure(error))
            }
        }
        let outcomes =
            valid.isEmpty
            ? []
            : try await target.store.deleteObjects(valid, bucket: target.bucket.name, owner: target.bucket.owner)
        var deleted: [DeleteResult.Deleted] = []
        var failures: [DeleteResult.Failure] = []
        for (object, slot) in zip(document.objects, slots) {
            switch slot.flatMap({ outcomes[$0] }) {
            case .success(let outcome): deleted.append(Self.row(object, outcome))
            case .failure(let error):
                failures.append(.init(key: object.key, versionID: object.versionID, error: error))
            }
        }
        return .document(DeleteResult(deleted: deleted, failures: failures, isQuiet: document.isQuiet).xml())
    }

    private static func deletion(of object: Delete.Object) throws(S3Error) -> ObjectDeletion {
        let key = try Router.objectKey(object.key)
        guard object.lastModified == nil, object.size == nil else {
            throw S3Error(.notImplemented, "The conditions LastModifiedTime and Size are not implemented; use ETag.")
        }
        guard let text = object.versionID else { return ObjectDeletion(key, ifMatch: object.etag) }
        guard let version = VersionID(text) else { throw S3Error(.noSuchVersion) }
        return ObjectDeletion(key, version: version, ifMatch: object.etag)
    }

    private static func row(_ object: Delete.Object, _ outcome: DeleteOutcome) -> DeleteResult.Deleted {
        DeleteResult.Deleted(
            key: object.key, versionID: object.versionID,
            deleteMarkerVersionID: outcome.isDeleteMarker ? outcome.versionID?.description ?? object.versionID : nil)
    }
}
