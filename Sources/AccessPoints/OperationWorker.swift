import Cluster
import Environment
import Logging
package import S3Model

extension AccessPointRegistry {
    /// Carries out accepted requests until the task is cancelled. May run in several processes: each step is a
    /// transaction on the request's own record, so one of them makes it and the others go on. A crash between two steps
    /// loses nothing; the next worker goes on from the last one.
    package func run() async {
        var pause = settings.paceMilliseconds
        var nextPruning = time.wallMilliseconds()
        while !Task.isCancelled {
            do {
                let pass = try await advancePending()
                guard pass.failed == 0 else {
                    throw S3Error(.internalError, "\(pass.failed) operations could not be advanced")
                }
                pause = settings.paceMilliseconds
                if pass.remaining > 0 {
                    try await time.sleep(milliseconds: settings.paceMilliseconds)
                    continue
                }
                if time.wallMilliseconds() >= nextPruning {
                    try await pruneRequests()
                    nextPruning = time.wallMilliseconds() + 3_600_000
                }
                _ = try await store.changed(after: pass.revision)
            } catch {
                if Task.isCancelled { return }
                log.warning("access point operations wait", metadata: ["error": "\(error)", "ms": "\(pause)"])
                guard (try? await time.sleep(milliseconds: pause)) != nil else { return }
                pause = min(pause * 2, 2_000)
            }
        }
    }

    /// Makes one step of every pending request. `revision` is the control store's before the pass; one request's trouble
    /// does not hold up the others.
    package func advancePending() async throws(S3Error) -> (remaining: Int, failed: Int, revision: Int64) {
        let snapshot = try await ask { try await store.snapshot(prefix: ControlKeys.pending) }
        var remaining = 0
        var failed = 0
        for marker in snapshot.records {
            let token = String(marker.key.dropFirst(ControlKeys.pending.count))
            do {
                let account = try PendingRecord.decode(marker.value).account
                if try await advance(token, account: account) == false { remaining += 1 }
            } catch {
                failed += 1
                log.error("access point operation", metadata: ["token": "\(token)", "error": "\(error)"])
            }
        }
        if !snapshot.records.isEmpty { await refreshTable() }
        return (remaining, failed, snapshot.revision)
    }

    /// One step. Returns whether the request is final now; also `false` when another worker was faster.
    private func advance(_ token: String, account: AccountID) async throws(S3Error) -> Bool {
        guard let (request, revision) = try await record(ControlKeys.request(token, account), as: RequestRecord.self),
            !request.status.isFinal
        else {
            var transaction = ControlTransaction()
            transaction.writes = [.delete(key: ControlKeys.pending(token))]
            return try await commit(transaction) != nil
        }
        var step = OperationStep(request: request, revision: revision)
        let point = try await pointHeld(by: request)
        if let point {
            switch (request.parameters, request.status) {
            case (.create(let wanted), .new): try await beginCreate(wanted, point: point, step: &step)
            case (.putPolicy(_, let document), .new): beginPolicy(document, point: point, step: &step)
            case (.delete, .new): step.begin(regions: point.value.members.map(\.region))
            case (.create, _): step.finishCreate(point, now: now)
            case (.putPolicy(_, let document), _): step.finishPolicy(document, point: point)
            case (.delete, _): step.finishDelete(point)
            }
        } else {
            step.fail(
                AsyncOperation.Failure(
                    .noSuchAccessPoint, "The access point no longer exists.", resource: request.parameters.name))
        }
        let finished = step
        let transaction = try await ask { try finished.transaction() }
        guard try await commit(transaction) != nil else { return false }
        return finished.request.status.isFinal
    }

    /// The point that the request took when it was accepted.
    private func pointHeld(by request: RequestRecord) async throws(S3Error)
        -> (value: PointRecord, revision: Int64)?
    {
        do {
            let point = try await stored(request.parameters.name, account: request.account)
            return point.value.operation == request.token ? point : nil
        } catch let error where error.code == .noSuchMultiRegionAccessPoint {
            return nil
        }
    }

    /// Every bucket must exist, belong to whom the request says, and be alone in a region of this installation. The
    /// transaction depends on the buckets' records, so that none can be deleted meanwhile.
    private func beginCreate(
        _ wanted: CreateAccessPoint, point: (value: PointRecord, revision: Int64), step: inout OperationStep
    ) async throws(S3Error) {
        var members: [PointRecord.Member] = []
        for member in wanted.regions {
            let owner = member.account.flatMap(AccountID.init) ?? point.value.account
            let found = try await ask { () -> (location: BucketLocation, key: String, revision: Int64)? in
                guard let name = BucketName(member.bucket) else { return nil }
                return try await buckets.current(name)
            }
            guard let found, found.location.owner.account == owner else {
                return step.refuseCreate(
                    point, .noSuchBucket, "Account \(owner) has no bucket with this name.", member.bucket)
            }
            let region = found.location.region
            guard regions.contains(region) else {
                let known = regions.regions.map(\.rawValue).joined(separator: ", ")
                return step.refuseCreate(
                    point, .unsupportedRegion, "The bucket is in \(region), which is none of \(known).", member.bucket)
            }
            if let other = members.first(where: { $0.region == region }) {
                return step.refuseCreate(
                    point, .sameBucketRegion, "It is in \(region), as is \(other.bucket); each region has one bucket.",
                    member.bucket)
            }
            members.append(PointRecord.Member(bucket: member.bucket, account: owner, region: region))
            step.expectations.append(.unchanged(key: found.key, revision: found.revision))
        }
        step.beginCreate(point, members: members)
    }

    private func beginPolicy(
        _ document: String, point: (value: PointRecord, revision: Int64), step: inout OperationStep
    ) {
        do {
            let findings = try policies.review(document, of: point.value.accessPoint)
            guard !(findings.isPublic && point.value.publicAccessBlock.blockPublicPolicy) else {
                return step.refusePolicy(
                    point, .accessDenied, "The policy is public, and the access point blocks public policies.")
            }
            step.begin(regions: point.value.members.map(\.region))
        } catch {
            step.refusePolicy(point, .malformedPolicy, error.message)
        }
    }

    /// Forgets finished requests, with their client tokens, after the retention time.
    private func pruneRequests() async throws(S3Error) {
        let oldest = time.wallMilliseconds() - settings.retentionMilliseconds
        let snapshot = try await ask { try await store.snapshot(prefix: ControlKeys.requests) }
        for record in snapshot.records {
            guard let request = try? RequestRecord.decode(record.value), request.status.isFinal,
                request.created.milliseconds < oldest
            else { continue }
            var transaction = ControlTransaction()
            transaction.expectations = [.unchanged(key: record.key, revision: record.revision)]
            transaction.writes = [
                .delete(key: record.key),
                .delete(key: ControlKeys.clientToken(request.clientToken, request.account)),
            ]
            _ = try await commit(transaction)
        }
    }
}
