package import S3Model
package import Storage

extension BatchManifestFilter {
    /// Whether a version is one of those that are asked for. Whether rules promise it is another question
    /// (``ExistingPlan``). Names are compared by bytes.
    package func selects(_ version: ObjectVersion) -> Bool {
        if !statuses.isEmpty {
            guard let status = Status(version.replication), statuses.contains(status) else { return false }
        }
        // "After" and "before" of S3: neither includes the time itself.
        if let createdAfter, version.modified <= createdAfter { return false }
        if let createdBefore, version.modified >= createdBefore { return false }
        let size = version.object?.size ?? 0
        if let sizeGreaterThan, size <= sizeGreaterThan { return false }
        if let sizeLessThan, size >= sizeLessThan { return false }
        if !storageClasses.isEmpty {
            let storageClass = version.object?.metadata.storageClass ?? "STANDARD"
            guard !version.isDeleteMarker, storageClasses.contains(storageClass) else { return false }
        }
        return selects(Array(version.key.rawValue.utf8))
    }

    private func selects(_ key: [UInt8]) -> Bool {
        if !prefixes.isEmpty, !prefixes.contains(where: { key.starts(with: $0.utf8) }) { return false }
        if !suffixes.isEmpty, !suffixes.contains(where: { key.reversed().starts(with: $0.utf8.reversed()) }) {
            return false
        }
        return substrings.isEmpty || substrings.contains { Self.contains(key, Array($0.utf8)) }
    }

    private static func contains(_ text: [UInt8], _ part: [UInt8]) -> Bool {
        guard part.count <= text.count else { return false }
        return (0...(text.count - part.count)).contains { text[$0..<($0 + part.count)].elementsEqual(part) }
    }
}

extension BatchManifestFilter.Status {
    /// `nil` for PENDING, which no filter names.
    init?(_ status: ReplicationStatus) {
        switch status {
        case .none: self = .none
        case .completed: self = .completed
        case .failed: self = .failed
        case .replica: self = .replica
        case .pending: return nil
        }
    }
}

/// Where versions that are there already have to go by the rules as they are now. Other than for live replication
/// (``RulePlanner``), replicas go too, and tags count as they are now (spec/mrap.md §15.4).
package struct ExistingPlan: Sendable {
    /// `nil` for all.
    package var destinations: Set<BucketName>?

    package init(destinations: Set<BucketName>? = nil) { self.destinations = destinations }

    package func entries(for version: ObjectVersion, in bucket: Bucket, at time: Timestamp) -> [OutboxEntry] {
        rules(for: version, in: bucket).map { rule in
            var entry = OutboxEntry(
                bucket: bucket.id, key: version.key, stamp: version.stamp,
                kind: version.isDeleteMarker ? .deleteMarker : .object, destination: rule.destination.bucket,
                ruleID: rule.id, bytes: version.object?.size ?? 0, enqueued: time)
            entry.isForJob = true
            return entry
        }
    }

    package func isEligible(_ version: ObjectVersion, in bucket: Bucket) -> Bool {
        !rules(for: version, in: bucket).isEmpty
    }

    private func rules(for version: ObjectVersion, in bucket: Bucket) -> [ReplicationRule] {
        guard let configuration = bucket.replication, bucket.versioning == .enabled else { return [] }
        return configuration.rules(for: version.key, tags: version.object?.tags ?? []).filter { rule in
            guard destinations?.contains(rule.destination.bucket) ?? true else { return false }
            return !version.isDeleteMarker || rule.replicatesDeleteMarkers
        }
    }
}

extension BatchJob {
    package var source: BucketName? { BucketName(arn: request.manifest.sourceBucketARN) }

    package var plan: ExistingPlan {
        ExistingPlan(destinations: destinations.map { Set($0.compactMap { BucketName($0) }) })
    }

    /// Whether a version is a task of this job. Versions that this region made after the job was created are not: the rules
    /// took those when they were made.
    package func takes(_ version: ObjectVersion, in bucket: Bucket) -> Bool {
        if version.stamp.region == region.stampID, version.modified > created { return false }
        guard request.manifest.filter.selects(version) else { return false }
        let mustBeEligible = request.manifest.filter.eligibleForReplication ?? true
        return !mustBeEligible || plan.isEligible(version, in: bucket)
    }
}
