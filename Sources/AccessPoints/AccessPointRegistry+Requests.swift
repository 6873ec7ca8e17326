import Cluster
import Environment
package import S3Model

// Accepting requests. What happens to them afterwards is in OperationWorker.swift.

extension AccessPointRegistry {
    /// Returns the request token ARN. Whether the buckets fit is found out by the operation; what can be seen at once is
    /// thrown: `InvalidRequest`, `TooManyMultiRegionAccessPoints`, `TooManyMultiRegionAccessPointregionsError`,
    /// `ClientTokenConflict` (spec/mrap.md §6.1). Without a client token the request is not idempotent.
    package func create(_ request: CreateAccessPoint, account: AccountID, clientToken: String?) async throws(S3Error)
        -> String
    {
        let name = try validate(request)
        return try await accept(.create(request), account: account, clientToken: clientToken) {
            (draft) async throws(S3Error) in
            try await self.prepareCreate(request, name: name, draft: &draft)
        }
    }

    /// Returns the request token ARN. Throws `NoSuchMultiRegionAccessPoint` at once, `ClientTokenConflict`. An operation
    /// that is under way makes this one fail (spec/mrap.md §7.2).
    package func delete(name: String, account: AccountID, clientToken: String?) async throws(S3Error) -> String {
        try await accept(.delete(name: name), account: account, clientToken: clientToken) {
            (draft) async throws(S3Error) in
            try await self.prepareChange(name, draft: &draft) { $0.status = .deleting }
        }
    }

    /// Returns the request token ARN. The document replaces the whole policy. Throws as
    /// ``delete(name:account:clientToken:)``, and `MalformedPolicy` above the size limit.
    package func putPolicy(name: String, policy: String, account: AccountID, clientToken: String?)
        async throws(S3Error) -> String
    {
        guard policy.utf8.count <= settings.policyLimit else {
            throw S3Error(
                .malformedPolicy,
                "The policy has \(policy.utf8.count) bytes, at most \(settings.policyLimit) are allowed.")
        }
        return try await accept(.putPolicy(name: name, policy: policy), account: account, clientToken: clientToken) {
            (draft) async throws(S3Error) in
            try await self.prepareChange(name, draft: &draft) { $0.policy.proposed = policy }
        }
    }

    private func validate(_ request: CreateAccessPoint) throws(S3Error) -> AccessPointName {
        func invalid(_ message: String) -> S3Error { S3Error(.invalidRequest, message) }
        guard let name = AccessPointName(request.name) else {
            throw invalid(
                "The name must have 3 to 50 lower-case letters, digits and hyphens and neither start nor end with a "
                    + "hyphen, not \"\(request.name.prefix(100))\".")
        }
        guard !request.regions.isEmpty else { throw invalid("Details must name at least one bucket in Regions.") }
        guard request.regions.count <= settings.regionsPerPoint else {
            throw S3Error(
                .tooManyRegionsInMultiRegionAccessPoint,
                "An access point has at most \(settings.regionsPerPoint) regions, not \(request.regions.count).")
        }
        for member in request.regions {
            guard (3...255).contains(member.bucket.utf8.count) else {
                throw invalid("A bucket's name has 3 to 255 characters, not \"\(member.bucket.prefix(300))\".")
            }
            if let account = member.account, AccountID(account) == nil {
                throw invalid("BucketAccountId must have 12 digits, not \"\(account.prefix(100))\".")
            }
        }
        return name
    }
}

// MARK: Accepting

/// A request on its way into the control store, and what has to be written with it.
private struct RequestDraft {
    var request: RequestRecord
    var transaction = ControlTransaction()
}

extension AccessPointRegistry {
    /// Writes the request and what `prepare` adds in one transaction; a repeated client token gets the first answer.
    private func accept(
        _ parameters: AsyncOperation.Parameters, account: AccountID, clientToken: String?,
        prepare: (inout RequestDraft) async throws(S3Error) -> Void
    ) async throws(S3Error) -> String {
        let clientToken = clientToken ?? String(RequestToken.random(random).prefix(64))
        guard (1...64).contains(clientToken.unicodeScalars.count),
            !clientToken.unicodeScalars.contains(where: \.properties.isWhitespace)
        else { throw S3Error(.invalidRequest, "ClientToken must have 1 to 64 characters and no white space.") }
        let tokenKey = ControlKeys.clientToken(clientToken, account)
        while true {
            if let earlier = try await record(tokenKey, as: TokenRecord.self)?.value {
                return try await answer(again: earlier, parameters: parameters, account: account)
            }
            let request = RequestRecord(
                token: RequestToken.random(random), account: account, clientToken: clientToken, created: now,
                parameters: parameters, status: .new, regions: [], failure: nil)
            var draft = RequestDraft(request: request)
            try await prepare(&draft)
            let accepted = draft.request
            var transaction = draft.transaction
            transaction.expectations.append(.absent(key: tokenKey))
            transaction.writes += try await ask {
                var writes: [ControlTransaction.Write] = [
                    .put(key: tokenKey, value: try TokenRecord(token: accepted.token).encoded()),
                    .put(key: ControlKeys.request(accepted.token, account), value: try accepted.encoded()),
                ]
                if !accepted.status.isFinal {
                    let marker = try PendingRecord(account: account).encoded()
                    writes.append(.put(key: ControlKeys.pending(accepted.token), value: marker))
                }
                return writes
            }
            guard try await commit(transaction) != nil else { continue }
            await refreshTable()
            return arn(of: accepted)
        }
    }

    private func answer(again earlier: TokenRecord, parameters: AsyncOperation.Parameters, account: AccountID)
        async throws(S3Error) -> String
    {
        let request = try await record(ControlKeys.request(earlier.token, account), as: RequestRecord.self)?.value
        // Compared as bytes: texts that are only equivalent in Unicode are different requests.
        let isSame = try await ask {
            try request.map {
                try ControlValue.encode($0.parameters, version: 1) == ControlValue.encode(parameters, version: 1)
            } ?? false
        }
        guard let request, isSame else {
            throw S3Error(.clientTokenConflict, "This ClientToken was used for another request.")
        }
        return arn(of: request)
    }

    /// The point is stored at once, as CREATING, so that its name and alias are taken and everyone sees it.
    private func prepareCreate(_ request: CreateAccessPoint, name: AccessPointName, draft: inout RequestDraft)
        async throws(S3Error)
    {
        let account = draft.request.account
        guard try await record(ControlKeys.alias(name.rawValue), as: AliasRecord.self) == nil else {
            throw S3Error(.invalidRequest, "The name \(name) is the alias of an access point; choose another one.")
        }
        // Read before the points are counted: a create that comes in between changes it, and this one starts again.
        let gate = try await record(ControlKeys.account(account), as: AccountRecord.self)
        let existing = try await points(of: account)
        if existing.contains(where: { $0.name == name }) {
            draft.request.status = .failed
            draft.request.failure = AsyncOperation.Failure(
                .alreadyOwnedByYou, "The account already has an access point with this name.", resource: name.rawValue)
            return
        }
        guard existing.count < settings.pointsPerAccount else {
            throw S3Error(
                .tooManyMultiRegionAccessPoints,
                "The account already has \(existing.count) access points, and at most \(settings.pointsPerAccount) "
                    + "are allowed.")
        }
        guard let alias = AccessPointAlias.random(random),
            !existing.contains(where: { $0.name.rawValue == alias.label })
        else { throw S3Error(.internalError) }
        let point = AccessPoint(
            name: name, alias: alias, account: account, created: draft.request.created, status: .creating,
            regions: request.regions.compactMap { provisional($0, account: account) },
            publicAccessBlock: request.publicAccessBlock, policy: AccessPointPolicy())
        let creates = AccountRecord(creates: (gate?.value.creates ?? 0) + 1)
        let token = draft.request.token
        draft.transaction.expectations += [
            // Creates of one account go one after the other, so that the limit holds.
            gate.map { .unchanged(key: ControlKeys.account(account), revision: $0.revision) }
                ?? .absent(key: ControlKeys.account(account)),
            .absent(key: ControlKeys.point(name, account)),
            .absent(key: ControlKeys.alias(alias.label)),
        ]
        draft.transaction.writes += try await ask {
            [
                .put(key: ControlKeys.account(account), value: try creates.encoded()),
                .put(
                    key: ControlKeys.point(name, account), value: try PointRecord(point, operation: token).encoded()),
                .put(
                    key: ControlKeys.alias(alias.label),
                    value: try AliasRecord(account: account, name: name, isRetired: false).encoded()),
            ]
        }
    }

    /// What is known of a member before the operation looks closely.
    private func provisional(_ member: CreateAccessPoint.Member, account: AccountID) -> MemberBucket? {
        let owner = member.account.flatMap(AccountID.init) ?? account
        guard let name = BucketName(member.bucket), let location = buckets.location(of: name),
            location.owner.account == owner
        else { return nil }
        return MemberBucket(bucket: name, account: owner, region: location.region)
    }

    /// Takes the point for this request, or records why it cannot be had (spec/mrap.md §7.2: one mutation at a time).
    private func prepareChange(_ name: String, draft: inout RequestDraft, change: (inout PointRecord) -> Void)
        async throws(S3Error)
    {
        let (stored, revision) = try await stored(name, account: draft.request.account)
        if stored.operation != nil {
            let isCreating = stored.status == .creating
            draft.request.status = .failed
            draft.request.failure = AsyncOperation.Failure(
                isCreating ? .notReady : .modifiedByAnotherRequest,
                isCreating
                    ? "The access point is still being created." : "Another request is changing the access point.",
                resource: stored.name.rawValue)
            return
        }
        var point = stored
        point.operation = draft.request.token
        change(&point)
        let key = ControlKeys.point(point.name, point.account)
        draft.transaction.expectations.append(.unchanged(key: key, revision: revision))
        let value = try await ask { [point] in try point.encoded() }
        draft.transaction.writes.append(.put(key: key, value: value))
    }
}
