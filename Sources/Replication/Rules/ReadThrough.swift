package import S3Model
package import Storage

/// Whose version answers a read, such that it answers as if replication were instantaneous and nothing appears that no
/// rule would bring. Pure.
package enum ReadThrough {
    /// A version that is on its way here.
    package struct Candidate: Sendable, Hashable {
        package var region: RegionName
        package var version: ObjectVersion

        package init(region: RegionName, version: ObjectVersion) {
            self.region = region
            self.version = version
        }
    }

    package enum Decision: Sendable, Hashable {
        /// As the region itself answers, be that an object, a delete marker or nothing.
        case local
        case remote(Candidate)
    }

    /// Whether the members are asked at all. `local` is the newest version here, delete markers included.
    package static func asks(_ mode: ReadThroughMode, local: ObjectVersion?) -> Bool {
        switch mode {
        case .local: false
        case .readThrough: local?.object == nil
        case .freshest: true
        }
    }

    /// Whether a bucket with this configuration may have something on its way to `destination`: only then is it asked.
    package static func mayPromise(
        _ key: ObjectKey, _ configuration: ReplicationConfiguration?, to destination: BucketName
    ) -> Bool {
        configuration?.rules.contains { rule in
            rule.isEnabled && rule.destination.bucket == destination
                && key.rawValue.utf8.starts(with: rule.prefix.utf8)
        } ?? false
    }

    /// What an asked member tells: of its work for the destination, the versions that an enabled rule still brings, as the
    /// replicas that they will be; newest first. The first that was not removed at the destination already is the
    /// member's candidate.
    package static func candidates(
        _ work: [(version: ObjectVersion, rule: String)], _ configuration: ReplicationConfiguration?,
        destinationOwner: Owner
    ) -> [ObjectVersion] {
        work.sorted { $0.version.stamp > $1.version.stamp }.compactMap { version, id in
            guard let rule = configuration?.rule(id: id), rule.isEnabled else { return nil }
            var replica = rule.replica(of: version, destinationOwner: destinationOwner)
            // The bytes are read where they are.
            if case .object(var shaped) = replica.content, let stored = version.object {
                shaped.data = stored.data
                replica.content = .object(shaped)
            }
            return replica
        }
    }

    /// The greatest stamp wins, as everywhere (DESIGN §5.2). A delete marker that is on its way hides what is older, and
    /// an object that is on its way is hidden by a newer delete marker here.
    package static func decide(
        _ mode: ReadThroughMode, local: ObjectVersion?, candidates: [Candidate]
    ) -> Decision {
        guard asks(mode, local: local), let newest = candidates.max(by: { $0.version.stamp < $1.version.stamp })
        else { return .local }
        guard local.map({ $0.stamp < newest.version.stamp }) ?? true else { return .local }
        // Nothing here and a delete marker on its way: there is nothing either way.
        if newest.version.isDeleteMarker, local == nil { return .local }
        return .remote(newest)
    }
}
