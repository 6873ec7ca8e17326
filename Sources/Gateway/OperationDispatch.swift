import AccessPoints
import S3Model
import Storage

/// Operation → handler. The compiler checks that every operation of the table has an answer; those that are not served
/// say so by name.
package struct OperationDispatch: Sendable {
    package let router: Router
    package let objects: ObjectOperations
    package let buckets: BucketOperations
    package let control: ControlOperations

    package init(router: Router, objects: ObjectOperations, buckets: BucketOperations, control: ControlOperations) {
        self.router = router
        self.objects = objects
        self.buckets = buckets
        self.control = control
    }

    package func perform(
        _ call: OperationCall, _ request: S3Request, endpoint: Endpoint, trace: inout RequestTrace
    ) async throws -> S3Response {
        switch (endpoint, call.operation) {
        case (.control, _): return try await control.perform(call, request)
        case (.service, .listBuckets): return try buckets.listBuckets(request)
        case (.bucket(let label, nil, let region), .createBucket):
            return try await buckets.createBucket(label: label, hostRegion: region, request)
        default: break
        }
        let target: BucketRequest
        do { target = try router.route(request, to: endpoint) } catch let error as S3Error {
            // The caller may delete this bucket: that was asked before the region was.
            guard error.code == .noSuchBucket, case .bucket(let label, nil, _) = endpoint,
                call.operation == .deleteBucket, try await buckets.finishDeletion(of: label)
            else { throw error }
            return S3Response(status: 204)
        }
        trace.region = target.region
        trace.bucket = target.bucket.name.rawValue
        trace.accessPoint = target.accessPoint?.accessPoint.alias.rawValue
        trace.reason = target.routing?.rawValue
        if target.accessPoint != nil, !Self.isAllowedThroughAccessPoint(call.operation) {
            throw S3Error(.methodNotAllowed, "\(call.operation.rawValue) does not work through an access point.")
        }
        try target.checkExpectedOwner()
        if let answer = try await performOnObject(target) { return answer }
        if let answer = try await performOnBucket(target) { return answer }
        throw S3Error(.notImplemented, "\(call.operation.rawValue) is not implemented by Meridian (docs/compat.md).")
    }

    private func performOnObject(_ target: BucketRequest) async throws -> S3Response? {
        switch target.request.operation {
        case .getObject:
            if let answer = try objects.getObject(target) { answer } else { try await objects.getPromised(target) }
        case .headObject:
            if let answer = try objects.headObject(target) { answer } else { try await objects.headPromised(target) }
        case .putObject: try await objects.putObject(target)
        case .copyObject: try await objects.copyObject(target)
        case .deleteObject: try await objects.deleteObject(target)
        case .deleteObjects: try await objects.deleteObjects(target)
        case .getObjectAttributes: try await objects.getObjectAttributes(target)
        case .getObjectTagging: try await objects.getObjectTagging(target)
        case .putObjectTagging: try await objects.putObjectTagging(target)
        case .deleteObjectTagging: try await objects.deleteObjectTagging(target)
        case .getObjectAcl: try await objects.getObjectAcl(target)
        case .putObjectAcl: try await objects.putObjectAcl(target)
        case .createMultipartUpload: try await objects.createMultipartUpload(target)
        case .uploadPart: try await objects.uploadPart(target)
        case .uploadPartCopy: try await objects.uploadPartCopy(target)
        case .completeMultipartUpload: try await objects.completeMultipartUpload(target)
        case .abortMultipartUpload: try await objects.abortMultipartUpload(target)
        case .listParts: try objects.listParts(target)
        default: nil
        }
    }

    private func performOnBucket(_ target: BucketRequest) async throws -> S3Response? {
        switch target.request.operation {
        case .headBucket: buckets.headBucket(target)
        case .deleteBucket: try await buckets.deleteBucket(target)
        case .getBucketLocation: buckets.getBucketLocation(target)
        case .listObjects: try buckets.listObjects(target)
        case .listObjectsV2: try buckets.listObjectsV2(target)
        case .listObjectVersions: try buckets.listObjectVersions(target)
        case .listMultipartUploads: try buckets.listMultipartUploads(target)
        case .getBucketVersioning: buckets.getBucketVersioning(target)
        case .putBucketVersioning: try await buckets.putBucketVersioning(target)
        case .getBucketReplication: try buckets.getBucketReplication(target)
        case .putBucketReplication: try await buckets.putBucketReplication(target)
        case .deleteBucketReplication: try await buckets.deleteBucketReplication(target)
        case .getBucketTagging: try buckets.getBucketTagging(target)
        case .putBucketTagging: try await buckets.putBucketTagging(target)
        case .deleteBucketTagging: try await buckets.deleteBucketTagging(target)
        case .getBucketAcl: buckets.getBucketAcl(target)
        case .putBucketAcl: try await buckets.putBucketAcl(target)
        case .getBucketOwnershipControls: buckets.getOwnershipControls(target)
        case .putBucketOwnershipControls: try await buckets.putOwnershipControls(target)
        default: try buckets.unconfigured(target)
        }
    }

    /// spec/mrap.md §8.1 and §8.2 ("OURS"): everything on objects; of the bucket's operations those that read it.
    static func isAllowedThroughAccessPoint(_ operation: S3Operation) -> Bool {
        switch operation.level {
        case .object: true
        case .bucket:
            switch operation {
            case .headBucket, .getBucketLocation, .listObjects, .listObjectsV2, .listObjectVersions,
                .listMultipartUploads, .deleteObjects:
                true
            default: false
            }
        case .service, .control: false
        }
    }
}

extension BucketRequest {
    /// `x-amz-expected-bucket-owner`: a guard against talking to somebody else's bucket.
    func checkExpectedOwner() throws(S3Error) {
        guard let expected = header("x-amz-expected-bucket-owner") else { return }
        guard AccountID(expected) == bucket.owner.account else {
            throw S3Error(.accessDenied, "Access Denied: the bucket is not owned by the expected account.")
        }
    }
}
