import Replication
import S3Model
import Storage

/// What is asked of a member of an access point: which versions of a key are still on their way from it to the bucket that
/// a read was routed to.
struct PromiseQuestion: Sendable, Hashable {
    var key: ObjectKey
    /// Only this version; `nil` for any.
    var version: VersionID?
    var destination: BucketName
    var destinationOwner: Owner

    /// No more promises than this are told; those after the first count only when it was removed at the destination.
    static let promisesTold = 64

    /// The promises of a bucket in `store`, as the replicas that they will be, newest first. A bucket that cannot be asked
    /// promises nothing.
    func answer(from store: RegionStore, bucket name: BucketName) -> [ObjectVersion] {
        guard let bucket = try? store.bucket(name),
            ReadThrough.mayPromise(key, bucket.replication, to: destination),
            let work = try? store.promised(
                key, version: version, bucket: name, to: destination, limit: Self.promisesTold,
                rules: { bucket.replication?.rule(id: $0)?.isEnabled ?? false })
        else { return [] }
        return ReadThrough.candidates(work, bucket.replication, destinationOwner: destinationOwner)
    }
}
