package import S3Model

extension RegionStore {
    /// Puts a version into the outbox once more, for one destination, when the rules as they are now bring it there and it
    /// does not wait for it already. Returns whether it was put in. Throws `NoSuchBucket`.
    ///
    /// With `renews` the version's tags and metadata get a later stamp, so that they win over others of the same stamp.
    package func requeue(
        _ position: VersionPosition, kind: OutboxEntry.Kind, from bucket: BucketName, to destination: BucketName,
        renews: Bool = false
    ) async throws -> Bool {
        try await writeAndNotify { transaction in
            let known = try self.bucket(bucket, in: transaction)
            guard
                var version = try transaction.version(bucket: known.id, key: position.key, stamp: position.stamp),
                var entry = self.planner.plan(version, kind: kind, in: known, at: self.now)
                    .first(where: { $0.destination == destination })
            else { return (false, enqueued: false) }
            let waiting = try transaction.work(on: position, bucket: known.id).waiting
            guard !waiting.contains(where: { $0.destination == destination && $0.kind.covers(kind) }) else {
                return (false, enqueued: false)
            }
            if renews {
                version.attributesStamp = self.clock.next()
                try transaction.update(version: version, bucket: known.id)
            }
            entry.enqueued = self.now
            try transaction.deleteFailure(of: entry)
            try transaction.insert(outbox: entry)
            try self.updateStatus(of: version, bucket: known.id, mayHaveFailed: true, transaction)
            return (true, enqueued: true)
        }
    }
}

extension OutboxEntry.Kind {
    /// Whether this work does what work of the other kind would do: a whole version brings its tags along.
    fileprivate func covers(_ other: Self) -> Bool { self == other || other == .attributes }
}
