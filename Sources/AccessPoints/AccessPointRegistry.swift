package import Cluster
package import Environment
package import Logging
package import S3Model

/// The control plane of access points: what the S3 Control handlers call (spec/mrap.md §6).
///
/// Every call goes to the control store, so it sees what was committed anywhere before. Create, delete and put-policy
/// return at once with a request token; ``run()`` carries them out, in whichever process it runs, and goes on after a
/// crash. Routes take effect before ``submitRoutes(_:account:updates:)`` returns.
package final class AccessPointRegistry: Sendable {
    /// What an installation may change.
    package struct Settings: Sendable {
        /// The region in request token ARNs (spec/mrap.md §4).
        package var home: RegionName
        package var pointsPerAccount: Int
        package var regionsPerPoint: Int
        /// Bytes of a policy document.
        package var policyLimit: Int
        /// Between the steps of an operation, so that watchers see them.
        package var paceMilliseconds: Int64
        /// How long finished requests and their client tokens are kept.
        package var retentionMilliseconds: Int64

        package init() {
            home = RegionName(literal: "us-west-2")
            pointsPerAccount = 100
            regionsPerPoint = 17
            policyLimit = 20 * 1024
            paceMilliseconds = 20
            retentionMilliseconds = 30 * 24 * 3_600_000
        }
    }

    let store: any ControlStore
    let buckets: BucketDirectory
    let regions: RegionDirectory
    let policies: any PolicyReviewing
    let time: any TimeSource
    let random: any RandomSource
    let settings: Settings
    let log: Logger
    /// This process's own table, brought up to date before a call that changes it returns.
    package let table: RoutingTable

    package init(
        store: any ControlStore, buckets: BucketDirectory, regions: RegionDirectory, table: RoutingTable,
        policies: any PolicyReviewing = PolicyDocumentReview(), time: any TimeSource, random: any RandomSource,
        settings: Settings = Settings(), log: Logger = Logger(label: "access-points")
    ) {
        self.store = store
        self.buckets = buckets
        self.regions = regions
        self.table = table
        self.policies = policies
        self.time = time
        self.random = random
        self.settings = settings
        self.log = log
    }

    var now: Timestamp { Timestamp(milliseconds: time.wallMilliseconds()) }
}

// MARK: Reading

extension AccessPointRegistry {
    /// By name; an alias or an ARN is understood too. Throws `NoSuchMultiRegionAccessPoint`.
    package func get(_ reference: String, account: AccountID) async throws(S3Error) -> AccessPoint {
        try await stored(reference, account: account).value.accessPoint
    }

    /// In name order, at most `maxResults` (nothing or 0: all of them) from the position after `nextToken`. Throws
    /// `InvalidRequest` for a token that this call did not return.
    package func list(account: AccountID, maxResults: Int?, nextToken: String?) async throws(S3Error)
        -> (accessPoints: [AccessPoint], nextToken: String?)
    {
        let limit = maxResults ?? 0
        guard (0...1000).contains(limit) else {
            throw S3Error(.invalidRequest, "maxResults must be 0 to 1000, not \(limit).")
        }
        var after: AccessPointName?
        if let nextToken {
            guard nextToken.hasPrefix("1."), let name = AccessPointName(String(nextToken.dropFirst(2))) else {
                throw S3Error(.invalidRequest, "nextToken is not one that ListMultiRegionAccessPoints returned.")
            }
            after = name
        }
        let all = try await points(of: account).map(\.accessPoint)
        let rest = all.filter { point in
            after.map { $0.rawValue.utf8.lexicographicallyPrecedes(point.name.rawValue.utf8) } ?? true
        }
        let page = Array(rest.prefix(limit == 0 ? 1000 : limit))
        return (page, page.count < rest.count ? page.last.map { "1." + $0.name.rawValue } : nil)
    }

    package func policy(of reference: String, account: AccountID) async throws(S3Error) -> AccessPointPolicy {
        try await get(reference, account: account).policy
    }

    /// Whether the established policy is public; a point without one is not.
    package func policyStatus(of reference: String, account: AccountID) async throws(S3Error) -> PolicyFindings {
        let point = try await get(reference, account: account)
        guard let document = point.policy.established else { return PolicyFindings(isPublic: false) }
        return try policies.review(document, of: point)
    }

    /// Throws `NoSuchAsyncRequest`, also for another account's token.
    package func describeOperation(_ requestTokenARN: String, account: AccountID) async throws(S3Error)
        -> AsyncOperation
    {
        guard let token = RequestToken(arn: requestTokenARN), token.account == account,
            let record = try await record(ControlKeys.request(token.token, account), as: RequestRecord.self)?.value,
            record.parameters.kind == token.kind
        else {
            throw S3Error(.noSuchAsyncRequest, fields: [S3Error.Field("RequestToken", requestTokenARN)])
        }
        return operation(record)
    }

    func operation(_ record: RequestRecord) -> AsyncOperation {
        AsyncOperation(
            requestTokenARN: arn(of: record), created: record.created, parameters: record.parameters,
            status: record.status, regions: record.status.isFinal ? record.regions : [], failure: record.failure)
    }

    func arn(of record: RequestRecord) -> String {
        RequestToken(
            region: settings.home, account: record.account, kind: record.parameters.kind, token: record.token
        ).description
    }
}

// MARK: The control store

extension AccessPointRegistry {
    /// Calls the control store; its trouble becomes the S3 error of a service that is away for a while.
    func ask<Value: Sendable>(_ body: () async throws -> Value) async throws(S3Error) -> Value {
        do {
            return try await body()
        } catch let error as S3Error {
            throw error
        } catch ControlStoreError.unavailable(let reason) {
            throw S3Error(.serviceUnavailable, "The control store is not available: \(reason). Please try again.")
        } catch is CancellationError {
            throw S3Error(.serviceUnavailable, "The server is shutting down. Please try again.")
        } catch {
            log.error("control store", metadata: ["error": "\(error)"])
            throw S3Error(.internalError)
        }
    }

    /// `nil` on a conflict, and nothing was written.
    func commit(_ transaction: ControlTransaction) async throws(S3Error) -> Int64? {
        try await ask {
            do { return try await store.commit(transaction) } catch ControlStoreError.conflict { return nil }
        }
    }

    func record<Value: ControlRecordValue>(_ key: String, as type: Value.Type) async throws(S3Error)
        -> (value: Value, revision: Int64)?
    {
        try await ask {
            guard let record = try await store.record(key) else { return nil }
            return (try Value.decode(record.value), record.revision)
        }
    }

    /// All points of an account, in name order.
    func points(of account: AccountID) async throws(S3Error) -> [PointRecord] {
        try await ask {
            try await store.snapshot(prefix: ControlKeys.points(account)).records.map {
                try PointRecord.decode($0.value)
            }
        }
    }

    /// The point that a name, an alias (with or without `.mrap`) or an ARN stands for. Throws
    /// `NoSuchMultiRegionAccessPoint`.
    func stored(_ reference: String, account: AccountID) async throws(S3Error)
        -> (value: PointRecord, revision: Int64)
    {
        var label = reference
        if reference.utf8.starts(with: "arn:".utf8) {
            guard let parsed = AccessPointARN.parse(reference), parsed.objectKey == nil else {
                throw S3Error(.invalidRequest, "\(reference.prefix(200)) is not the ARN of an access point.")
            }
            guard parsed.arn.account == account else { throw Self.noSuchPoint(reference) }
            label = parsed.arn.label
        }
        let lower = label.lowercased()
        let bare = lower.hasSuffix(".mrap") ? String(lower.dropLast(5)) : lower
        if let name = AccessPointName(bare),
            let found = try await record(ControlKeys.point(name, account), as: PointRecord.self)
        {
            return found
        }
        guard AccessPointAlias(bare + ".mrap") != nil,
            let alias = try await record(ControlKeys.alias(bare), as: AliasRecord.self)?.value,
            alias.account == account, !alias.isRetired,
            let found = try await record(ControlKeys.point(alias.name, account), as: PointRecord.self),
            found.value.alias.label == bare
        else { throw Self.noSuchPoint(reference) }
        return found
    }

    static func noSuchPoint(_ reference: String) -> S3Error {
        S3Error(
            .noSuchMultiRegionAccessPoint, fields: [S3Error.Field("Name", String(reference.prefix(200)))])
    }
}
