package import Environment
package import Logging
package import S3Model
import Synchronization

/// Where each bucket lives. Names are unique over all regions and accounts.
package struct BucketLocation: Sendable, Hashable {
    package let name: BucketName
    package let region: RegionName
    package let owner: Owner
    package init(name: BucketName, region: RegionName, owner: Owner) {
        self.name = name
        self.region = region
        self.owner = owner
    }
}

/// The one place that hands out bucket names. Look-ups are answered from memory; claims go through the control store.
///
/// Creating a bucket takes two commits, with the region's store between them: a name is *claimed*, the region creates the
/// bucket, the claim is *confirmed*. After a crash between the two the owner can repeat the creation in the same region.
package final class BucketDirectory: Sendable {
    /// Unconfirmed claims older than this are nobody's creation in progress any more.
    static let staleClaimMilliseconds: Int64 = 60_000

    private struct Entry {
        let record: BucketClaimRecord
        let location: BucketLocation
        let revision: Int64
    }

    private struct Snapshot {
        var revision: Int64 = -1
        var entries: [BucketName: Entry] = [:]
    }

    private let store: any ControlStore
    private let time: any TimeSource
    private let log: Logger
    private let published = Mutex(Snapshot())

    package init(store: any ControlStore, time: any TimeSource, log: Logger = Logger(label: "buckets")) {
        self.store = store
        self.time = time
        self.log = log
    }

    // MARK: Look-ups

    /// Confirmed buckets only. From memory.
    package func location(of name: BucketName) -> BucketLocation? {
        let entry = published.withLock { $0.entries[name] }
        return entry.flatMap { $0.record.isConfirmed ? $0.location : nil }
    }

    /// When a bucket's creation was confirmed. From memory.
    package func confirmation(of name: BucketName) -> Timestamp? {
        let entry = published.withLock { $0.entries[name] }
        return entry.flatMap { $0.record.isConfirmed ? Timestamp(milliseconds: $0.record.claimedAt) : nil }
    }

    /// The confirmed buckets of an account, in name order. From memory.
    package func all(owner: AccountID) -> [BucketLocation] {
        let entries = published.withLock { $0.entries }
        return entries.values.filter { $0.record.isConfirmed && $0.location.owner.account == owner }.map(\.location)
            .sorted { $0.name.rawValue.utf8.lexicographicallyPrecedes($1.name.rawValue.utf8) }
    }

    /// The confirmed buckets of a region, in name order. From memory.
    package func all(in region: RegionName) -> [BucketLocation] {
        let entries = published.withLock { $0.entries }
        return entries.values.filter { $0.record.isConfirmed && $0.location.region == region }.map(\.location)
            .sorted { $0.name.rawValue.utf8.lexicographicallyPrecedes($1.name.rawValue.utf8) }
    }

    /// Follows the control store until the task is cancelled.
    package func run() async {
        await store.follow(prefix: BucketClaimRecord.prefix, time: time, log: log) { self.publish($0) }
    }

    /// Reads the directory now; call once before serving.
    package func refresh() async throws {
        publish(try await store.snapshot(prefix: BucketClaimRecord.prefix))
    }

    /// The record and its revision, read through to the control store, for transactions that depend on the bucket.
    package func current(_ name: BucketName) async throws -> (location: BucketLocation, key: String, revision: Int64)? {
        let key = BucketClaimRecord.key(name)
        guard let record = try await store.record(key) else { return nil }
        let claim = try BucketClaimRecord.decode(record.value)
        guard claim.isConfirmed else { return nil }
        let location = claim.location(name)
        return (location, key, record.revision)
    }
}

// MARK: Claims

extension BucketDirectory {
    /// Reserves a name. Repeating an unconfirmed claim of the same owner in the same region is allowed: that is how a
    /// creation goes on after a crash.
    ///
    /// Throws `BucketAlreadyOwnedByYou`, `BucketAlreadyExists`, or `OperationAborted` while the same owner's creation in
    /// another region is unfinished; `ControlStoreError` when the store is away.
    ///
    /// Returns the claim's revision, which ``abandon(name:claim:)`` asks for.
    @discardableResult
    package func claim(name: BucketName, region: RegionName, owner: Owner) async throws -> Int64 {
        try await put(name, region: region, owner: owner, isConfirmed: false).revision
    }

    /// The region has created the bucket: from now on it is found. Idempotent. Throws as ``claim(name:region:owner:)``
    /// when the name has become another's meanwhile.
    package func confirm(name: BucketName, region: RegionName, owner: Owner) async throws {
        _ = try await put(name, region: region, owner: owner, isConfirmed: true)
        try await refresh()
    }

    /// Writes the claim if the name is free, or held by an unconfirmed one of the same owner in the same region. Returns the
    /// record's revision; what is confirmed already is not confirmed again. `isNew` is `false` when the claim goes on with
    /// one that was there.
    private func put(
        _ name: BucketName, region: RegionName, owner: Owner, isConfirmed: Bool
    ) async throws -> (revision: Int64, isNew: Bool) {
        let key = BucketClaimRecord.key(name)
        let claim = BucketClaimRecord(
            region: region, owner: owner, isConfirmed: isConfirmed, claimedAt: time.wallMilliseconds())
        let value = try claim.encoded()
        while true {
            var transaction = ControlTransaction()
            let known = try await store.record(key)
            if let known {
                let held = try BucketClaimRecord.decode(known.value)
                if isConfirmed, held.isConfirmed, held.region == region, held.owner.account == owner.account {
                    return (known.revision, false)
                }
                try Self.check(held, name: name, region: region, owner: owner)
                transaction.expectations = [.unchanged(key: key, revision: known.revision)]
            } else {
                transaction.expectations = [.absent(key: key)]
            }
            transaction.writes = [.put(key: key, value: value)]
            do {
                return (try await store.commit(transaction), known == nil)
            } catch ControlStoreError.conflict { continue }
        }
    }

    /// Gives a name back after its region has deleted the bucket. Returns whether there was anything to give back. When
    /// this fails, because the control store is away, the name is held for a bucket that is no more: deleting the bucket
    /// again gets here again.
    ///
    /// - Parameter exists: whether the region has the bucket; asked after the name's record was read, so that a bucket
    ///   which was created anew meanwhile is never taken for the old one.
    @discardableResult
    package func release(_ name: BucketName, of region: RegionName, exists: () throws -> Bool) async throws -> Bool {
        guard let held = try await current(name), held.location.region == region, try !exists() else { return false }
        var transaction = ControlTransaction()
        transaction.expectations = [.unchanged(key: held.key, revision: held.revision)]
        transaction.writes = [.delete(key: held.key)]
        do { _ = try await store.commit(transaction) } catch ControlStoreError.conflict { return false }
        try await refresh()
        return true
    }

    /// Gives back a claim whose creation did not happen, unless somebody went on with it since.
    package func abandon(name: BucketName, claim: Int64) async throws {
        let key = BucketClaimRecord.key(name)
        var transaction = ControlTransaction()
        transaction.expectations = [.unchanged(key: key, revision: claim)]
        transaction.writes = [.delete(key: key)]
        do { _ = try await store.commit(transaction) } catch ControlStoreError.conflict {}
    }

    /// Claims, lets `body` create the bucket in its region's store, confirms. `BucketAlreadyOwnedByYou` from `body` means
    /// that an earlier try got that far, and is taken as success.
    ///
    /// An `S3Error` from `body` means that it created nothing; any other error, that nobody knows. The claim is given back
    /// only when there is certainly no bucket of this owner: after an `S3Error`, unless the claim goes on with an earlier
    /// one, whose creation may have got as far as the bucket. What is kept is the owner's to repeat, and where there is no
    /// bucket the next start gives it back (``reconcile(region:buckets:)``).
    package func create(
        name: BucketName, region: RegionName, owner: Owner, inRegion body: () async throws -> Void
    ) async throws {
        let claim = try await put(name, region: region, owner: owner, isConfirmed: false)
        do {
            try await body()
        } catch let error as S3Error where error.code == .bucketAlreadyOwnedByYou {
            log.info("finishing an interrupted bucket creation", metadata: ["bucket": "\(name)"])
        } catch let error as S3Error {
            // Where the region has another owner's bucket of the name, no earlier try has made ours.
            if claim.isNew || error.code == .bucketAlreadyExists {
                try await abandon(name: name, claim: claim.revision)
            }
            throw error
        }
        try await confirm(name: name, region: region, owner: owner)
    }

    /// Brings the directory in line with what a region's store really has, at start-up: buckets that exist are confirmed,
    /// stale claims on buckets that do not exist are given back. Returns the buckets whose name is another's, which the
    /// operator has to sort out.
    package func reconcile(region: RegionName, buckets: [(name: BucketName, owner: Owner)]) async throws
        -> [BucketName]
    {
        var conflicts: [BucketName] = []
        let existing = Set(buckets.map(\.name))
        try await refresh()
        for bucket in buckets {
            let known = published.withLock { $0.entries[bucket.name] }
            if let known, known.record.isConfirmed, known.record.region == region { continue }
            do {
                try await confirm(name: bucket.name, region: region, owner: bucket.owner)
            } catch is S3Error {
                conflicts.append(bucket.name)
            }
        }
        let stale = published.withLock { $0.entries }.values.filter {
            !$0.record.isConfirmed && $0.record.region == region && !existing.contains($0.location.name)
                && time.wallMilliseconds() - $0.record.claimedAt > Self.staleClaimMilliseconds
        }
        for entry in stale {
            try await abandon(name: entry.location.name, claim: entry.revision)
        }
        try await refresh()
        return conflicts
    }

    private static func check(
        _ held: BucketClaimRecord, name: BucketName, region: RegionName, owner: Owner
    ) throws(S3Error) {
        let field = S3Error.Field("BucketName", name.rawValue)
        guard held.owner.account == owner.account else { throw S3Error(.bucketAlreadyExists, fields: [field]) }
        if held.isConfirmed { throw S3Error(.bucketAlreadyOwnedByYou, fields: [field]) }
        guard held.region == region else {
            throw S3Error(
                .operationAborted,
                "The creation of bucket \(name) in \(held.region) is unfinished. Repeat it there, or try again later.",
                fields: [field])
        }
    }

    /// Swaps in a newer snapshot; records that did not change are not decoded again.
    private func publish(_ snapshot: ControlSnapshot) {
        let known = published.withLock { $0 }
        guard snapshot.revision > known.revision else { return }
        var entries: [BucketName: Entry] = [:]
        entries.reserveCapacity(snapshot.records.count)
        for record in snapshot.records {
            guard let name = BucketName(String(record.key.dropFirst(BucketClaimRecord.prefix.count))) else { continue }
            if let same = known.entries[name], same.revision == record.revision {
                entries[name] = same
                continue
            }
            do {
                let claim = try BucketClaimRecord.decode(record.value)
                let location = claim.location(name)
                entries[name] = Entry(record: claim, location: location, revision: record.revision)
            } catch {
                // A record of a newer version: what was known of it stays in force.
                log.error("unreadable bucket record", metadata: ["bucket": "\(name)", "error": "\(error)"])
                entries[name] = known.entries[name]
            }
        }
        let fresh = Snapshot(revision: snapshot.revision, entries: entries)
        published.withLock { if fresh.revision > $0.revision { $0 = fresh } }
    }
}
