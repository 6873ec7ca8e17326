import AccessPoints
import Replication
import S3Model
import Storage

/// What a read serves, and from where.
struct ReadSource {
    enum Place {
        case here(RegionStore)
        case peer(PeerReads.Member)
    }

    let place: Place
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
    func readSource(_ target: BucketRequest) async throws -> ReadSource {
        guard let point = target.accessPoint, point.reads != .local, point.members.count > 1 else {
            return try Self.local(target)
        }
        let key = try target.objectKey()
        let id = try target.versionID()
        let here = try target.store.newestOrMarker(key, version: id, bucket: target.bucket.name)
        guard ReadThrough.asks(point.reads, local: here) else { return try Self.local(target) }
        let question = PromiseQuestion(
            key: key, version: id, destination: target.bucket.name, destinationOwner: target.bucket.owner)
        switch ReadThrough.decide(point.reads, local: here, candidates: await candidates(point, question, target)) {
        case .local:
            // Looked at once more: what was on its way a moment ago may have arrived since.
            return try Self.local(target)
        case .remote(let found):
            guard let content = found.version.object else { throw Self.marker(found.version, isNamed: id != nil) }
            return ReadSource(
                place: try place(of: found, point), version: found.version, content: content, servedBy: found.region)
        }
    }

    /// The version of a request that is not about bytes alone: as the region has it, and only where that is missing, or the
    /// access point wants the freshest, as the other members do.
    func metadataSource(_ target: BucketRequest) async throws -> ReadSource {
        guard let point = target.accessPoint, point.reads != .local else { return try Self.local(target) }
        do {
            if point.reads != .freshest { return try Self.local(target) }
        } catch let missing as S3Error where missing.code == .noSuchKey || missing.code == .noSuchVersion {}
        return try await readSource(target)
    }

    static func local(_ target: BucketRequest) throws -> ReadSource {
        let (version, content) = try target.readableVersion()
        return ReadSource(place: .here(target.store), version: version, content: content, servedBy: nil)
    }

    private func place(of found: ReadThrough.Candidate, _ point: RoutingEntry) throws -> ReadSource.Place {
        if regions[found.region] == nil, let peer = peerReads[found.region], let member = point.member(in: found.region)
        {
            return .peer(PeerReads.Member(peer: peer, bucket: member.bucket))
        }
        return .here(try store(found.region))
    }

    /// What the members but the routed one promise. Those in other processes are asked all at once. A member that cannot
    /// be asked promises nothing: the region then answers with what it has.
    private func candidates(
        _ point: RoutingEntry, _ question: PromiseQuestion, _ target: BucketRequest
    ) async -> [ReadThrough.Candidate] {
        var candidates: [ReadThrough.Candidate] = []
        var others: [PeerReads.Member] = []
        for member in point.members where member.region != target.region || member.bucket != target.bucket.name {
            if let store = regions[member.region] {
                let promised = question.answer(from: store, bucket: member.bucket)
                if let found = Self.newest(promised, in: member.region, target) { candidates.append(found) }
            } else if let peer = peerReads[member.region] {
                others.append(PeerReads.Member(peer: peer, bucket: member.bucket))
            }
        }
        guard !others.isEmpty else { return candidates }
        return await withTaskGroup(of: ReadThrough.Candidate?.self) { group in
            for member in others {
                group.addTask { Self.newest(await member.promises(question), in: member.peer.region, target) }
            }
            for await case let found? in group { candidates.append(found) }
            return candidates
        }
    }

    /// The newest of a member's promises that was not removed here already: its sender may not have learnt yet that it
    /// arrived.
    private static func newest(
        _ promised: [ObjectVersion], in region: RegionName, _ target: BucketRequest
    ) -> ReadThrough.Candidate? {
        for version in promised {
            guard let isErased = try? target.store.wasErased(version.stamp, bucket: target.bucket.name) else {
                return nil
            }
            if !isErased { return ReadThrough.Candidate(region: region, version: version) }
        }
        return nil
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
