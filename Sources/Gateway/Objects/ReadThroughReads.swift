import AccessPoints
import Replication
import S3Model
import Storage

/// What a read serves, and from where.
struct ReadSource {
    let store: RegionStore
    let version: ObjectVersion
    let content: ObjectContent
    /// Another region than the one the request was routed to: its version is still on the way here.
    let servedBy: RegionName?

    var facts: [S3Response.Fact] { servedBy.map { [.servedBy($0)] } ?? [] }
}

extension Router {
    /// The version that a read is about. Through an access point, what is still on its way to the routed region is read
    /// where it is, as the access point's setting says (``ReadThrough``). Members are asked once and answer from what
    /// they have themselves, so nothing goes round in circles.
    ///
    /// Throws as ``BucketRequest/readableVersion()``.
    func readSource(_ target: BucketRequest) throws -> ReadSource {
        guard let point = target.accessPoint, point.reads != .local, point.members.count > 1 else {
            return try Self.local(target)
        }
        let key = try target.objectKey()
        let id = try target.versionID()
        let here = try target.store.newestOrMarker(key, version: id, bucket: target.bucket.name)
        guard ReadThrough.asks(point.reads, local: here) else { return try Self.local(target) }
        let candidates = point.members.compactMap { member in
            member.region == target.region && member.bucket == target.bucket.name
                ? nil : candidate(of: member, key, version: id, for: target)
        }
        switch ReadThrough.decide(point.reads, local: here, candidates: candidates) {
        case .local:
            // Looked at once more: what was on its way a moment ago may have arrived since.
            return try Self.local(target)
        case .remote(let found):
            guard let content = found.version.object else { throw Self.marker(found.version, isNamed: id != nil) }
            return ReadSource(
                store: try store(found.region), version: found.version, content: content, servedBy: found.region)
        }
    }

    static func local(_ target: BucketRequest) throws -> ReadSource {
        let (version, content) = try target.readableVersion()
        return ReadSource(store: target.store, version: version, content: content, servedBy: nil)
    }

    /// A member that cannot be asked promises nothing: the region then answers with what it has.
    private func candidate(
        of member: RoutingEntry.Member, _ key: ObjectKey, version: VersionID?, for target: BucketRequest
    ) -> ReadThrough.Candidate? {
        let destination = target.bucket
        guard let store = regions[member.region], let bucket = try? store.bucket(member.bucket),
            ReadThrough.mayPromise(key, bucket.replication, to: destination.name),
            let work = try? store.promised(key, version: version, bucket: bucket.name, to: destination.name),
            // Its sender may not have learnt yet that it arrived here and was removed.
            let waiting = try? work.filter({
                try !target.store.wasErased($0.version.stamp, bucket: destination.name)
            })
        else { return nil }
        return ReadThrough.candidate(
            waiting, bucket.replication, in: member.region, destinationOwner: destination.owner)
    }

    /// What a delete marker answers, wherever it is.
    static func marker(_ version: ObjectVersion, isNamed: Bool) -> S3Error {
        let headers: [S3Error.Field] = [
            .init("x-amz-delete-marker", "true"), .init("x-amz-version-id", version.versionID.description),
        ]
        guard isNamed else {
            return S3Error(.noSuchKey, fields: [.init("Key", version.key.rawValue)], headers: headers)
        }
        return S3Error(
            .methodNotAllowed, fields: [.init("Method", "GET"), .init("ResourceType", "DeleteMarker")],
            headers: headers + [.init("Last-Modified", version.modified.httpDate), .init("Allow", "DELETE")])
    }
}
