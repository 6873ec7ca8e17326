package import S3Model
package import Storage

/// Says what a difference means under the rules. Pure.
///
/// What a bucket that may send has (``Side/standing``, version and work as of one moment) is looked at before what the
/// other has (``Side/version``). So a version that is delivered in between is never taken for missing: where no work was
/// left, the version was there already.
package struct VersionJudge: Sendable {
    package struct Side: Sendable {
        package var region: RegionName
        package var bucket: Bucket
        package var standing: VersionStanding
        /// What it had later, after all `standing`s were read.
        package var version: ObjectVersion?
        /// The id of a version that it has and cannot read; looked at with `version`.
        package var damaged: VersionID?
        /// A client removed it here for good; looked at after `version`, and only where there is none.
        package var isErased = false
        /// The stamp of the null version that it has instead, where the version in question has the null id, too.
        package var otherNull: VersionStamp?

        package init(region: RegionName, bucket: Bucket, standing: VersionStanding) {
            self.region = region
            self.bucket = bucket
            self.standing = standing
        }
    }

    private let position: VersionPosition
    private let sides: [Side]

    package init(_ position: VersionPosition, _ sides: [Side]) {
        self.position = position
        self.sides = sides
    }

    package var findings: [Finding] {
        sides.indices.compactMap { index in
            let side = sides[index]
            let holders = sides.indices.filter { $0 != index }.compactMap { other -> Holder? in
                guard sides[other].version != nil, let version = sides[other].standing.version else { return nil }
                return Holder(side: sides[other], version: version)
            }
            if let id = side.damaged { return damaged(side, id, holders) }
            guard !holders.isEmpty else { return nil }
            guard let version = side.version else { return absent(side, holders) }
            return differentContent(side, version, holders) ?? differentAttributes(side, version, holders)
        }
    }

    private struct Holder {
        var side: Side
        var version: ObjectVersion

        var kind: OutboxEntry.Kind { version.isDeleteMarker ? .deleteMarker : .object }

        var isOrigin: Bool { version.stamp.region == side.region.stampID }

        /// The work that the rules make of the version for a destination.
        func planned(_ kind: OutboxEntry.Kind, to destination: BucketName) -> OutboxEntry? {
            RulePlanner(region: side.region)
                .plan(version, kind: kind, in: side.bucket, at: version.modified)
                .first { $0.destination == destination }
        }

        func isSending(to destination: BucketName, wholly: Bool) -> Bool {
            side.standing.waiting.contains { $0.destination == destination && (!wholly || $0.kind != .attributes) }
        }

        func failure(to destination: BucketName) -> String? {
            side.standing.failed.first { $0.destination == destination }?.lastError
        }
    }

    private func finding(_ verdict: Verdict, _ side: Side, _ holder: Holder) -> Finding {
        Finding(
            position: position, versionID: holder.version.versionID, isDeleteMarker: holder.version.isDeleteMarker,
            verdict: verdict, isPromised: false, bucket: side.bucket.name, source: holder.side.bucket.name)
    }

    /// Whoever can read it sends all of it again if a rule leads here, wherever it was made.
    private func damaged(_ side: Side, _ id: VersionID, _ holders: [Holder]) -> Finding {
        let destination = side.bucket.name
        if let sender = holders.first(where: { $0.isSending(to: destination, wholly: true) }) {
            return inFlight(side, sender)
        }
        var found = Finding(
            position: position, versionID: id, isDeleteMarker: holders.first?.version.isDeleteMarker ?? false,
            verdict: .damaged, isPromised: false, bucket: destination, source: holders.first?.side.bucket.name)
        let plan = ExistingPlan(destinations: [destination])
        for holder in holders {
            let (version, bucket) = (holder.version, holder.side.bucket)
            guard let entry = plan.entries(for: version, in: bucket, at: version.modified).first else { continue }
            found.isPromised = true
            found.source = bucket.name
            found.rule = entry.ruleID
            found.reason = holder.failure(to: destination)
            found.repair = Finding.Repair(kind: entry.kind, renews: false, takesReplicas: true)
            return found
        }
        found.reason =
            holders.isEmpty
            ? "None of these buckets can read it: take it from a backup, or remove it there by its id."
            : "No rule brings it back: set one that does and repair, or remove it there by its id."
        return found
    }

    private func inFlight(_ side: Side, _ sender: Holder) -> Finding {
        let entry = sender.side.standing.waiting.first { $0.destination == side.bucket.name }
        var found = finding(.inFlight, side, sender)
        found.isPromised = true
        found.rule = entry?.ruleID
        found.reason = entry?.lastError
        return found
    }

    private func absent(_ side: Side, _ holders: [Holder]) -> Finding? {
        let destination = side.bucket.name
        if let null = side.otherNull, null.region != position.stamp.region { return otherNull(side, holders) }
        // Before what waits for this bucket: it will be settled there without an effect.
        if side.isErased {
            var found = holders.first.map { finding(.erased, side, $0) }
            found?.reason = "It was removed there for good, by its id, which replication neither carries on nor undoes."
            return found
        }
        if let sender = holders.first(where: { $0.isSending(to: destination, wholly: true) }) {
            return inFlight(side, sender)
        }
        var found = holders.first.map { finding(.onlyThere, side, $0) }
        // The region has a later null version of its own in its place.
        guard side.otherNull == nil else { return found }
        for holder in holders {
            guard let entry = holder.planned(holder.kind, to: destination) else { continue }
            var found = finding(.missing, side, holder)
            found.isPromised = true
            found.rule = entry.ruleID
            found.reason = holder.failure(to: destination)
            found.repair = Finding.Repair(kind: entry.kind, renews: false)
            return found
        }
        if position.stamp.region == side.region.stampID {
            found?.reason =
                "It was made here and is gone: removed by its id long ago, or lost with an older backup. "
                + "meridian resync of a bucket that has it brings it back."
        }
        return found
    }

    /// Both have a version with the null id, and a key can have only one.
    private func otherNull(_ side: Side, _ holders: [Holder]) -> Finding? {
        let promising = holders.first { $0.planned($0.kind, to: side.bucket.name) != nil }
        var found = (promising ?? holders.first).map { finding(.differentContent, side, $0) }
        found?.isPromised = promising != nil
        found?.rule = promising.flatMap { $0.planned($0.kind, to: side.bucket.name)?.ruleID }
        found?.reason =
            "Both have a null version of their own, and neither is replaced by the other: copy the one to keep onto itself."
        return found
    }

    /// A version's content never changes, so the bucket where it was made is right.
    private func differentContent(_ side: Side, _ version: ObjectVersion, _ holders: [Holder]) -> Finding? {
        guard version.stamp.region != side.region.stampID else { return nil }
        let origin = holders.first(where: \.isOrigin)
        // Without the bucket where it was made the first one is taken to be right.
        guard let right = origin ?? (sides.first?.bucket.name == side.bucket.name ? nil : holders.first),
            VersionDigest(right.version).content != VersionDigest(version).content
        else { return nil }
        var found = finding(.differentContent, side, right)
        found.isPromised = true
        found.reason = "A version's content never changes: one of the two is damaged. Sending it again does not help."
        return found
    }

    /// The later change of tags or metadata is right; of changes with the same stamp that where the version was made.
    private func differentAttributes(_ side: Side, _ version: ObjectVersion, _ holders: [Holder]) -> Finding? {
        func rank(_ version: ObjectVersion, _ isOrigin: Bool) -> (VersionStamp, Int) {
            (version.attributesStamp, isOrigin ? 1 : 0)
        }
        let isOrigin = version.stamp.region == side.region.stampID
        guard
            let right = holders.max(by: { rank($0.version, $0.isOrigin) < rank($1.version, $1.isOrigin) }),
            rank(version, isOrigin) < rank(right.version, right.isOrigin)
        else { return nil }
        let digest = VersionDigest(right.version).attributes
        guard VersionDigest(version).attributes != digest else { return nil }
        let destination = side.bucket.name
        let carriers = holders.filter { VersionDigest($0.version).attributes == digest }
        if let sender = carriers.first(where: { $0.isSending(to: destination, wholly: false) }) {
            var found = finding(.inFlight, side, sender)
            found.isPromised = true
            found.rule = sender.side.standing.waiting.first { $0.destination == destination }?.ruleID
            return found
        }
        let isTie = version.attributesStamp == right.version.attributesStamp
        for carrier in carriers {
            for kind in [OutboxEntry.Kind.object, .attributes] {
                guard let entry = carrier.planned(kind, to: destination) else { continue }
                var found = finding(.differentMetadata, side, carrier)
                found.isPromised = true
                found.rule = entry.ruleID
                found.reason = carrier.failure(to: destination)
                found.repair = Finding.Repair(kind: kind, renews: isTie)
                return found
            }
        }
        return finding(.differentMetadata, side, right)
    }
}
