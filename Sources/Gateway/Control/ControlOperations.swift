package import AccessPoints
import Policy
package import Replication
import S3Model

/// The S3 Control API: Multi-Region Access Points (spec/mrap.md §5-7) and jobs (§16).
package struct ControlOperations: Sendable {
    let router: Router
    let registry: AccessPointRegistry
    let jobs: BatchJobRegistry

    package init(router: Router, registry: AccessPointRegistry, jobs: BatchJobRegistry) {
        self.router = router
        self.registry = registry
        self.jobs = jobs
    }

    package func perform(_ call: OperationCall, _ request: S3Request) async throws -> S3Response {
        let account = try account(of: request)
        let subject = call.controlParameter ?? ""
        if let answer = try await performOnJob(request, subject, account) { return answer }
        try router.authorize(
            request, action: request.action, arn: "arn:aws:s3::\(account):accesspoint/\(subject)", owner: account)
        switch call.operation {
        case .createMultiRegionAccessPoint: return try await create(request, account)
        case .deleteMultiRegionAccessPoint: return try await delete(request, account)
        case .putMultiRegionAccessPointPolicy: return try await putPolicy(request, account)
        case .describeMultiRegionAccessPointOperation:
            let operation = try await registry.describeOperation(subject, account: account)
            return .document(DescribeMultiRegionAccessPointOperationResult(operation).xml())
        case .getMultiRegionAccessPoint:
            let point = try await registry.get(subject, account: account)
            return .document(MultiRegionAccessPointReport(point).xml())
        case .listMultiRegionAccessPoints: return try await list(request, account)
        case .getMultiRegionAccessPointPolicy:
            let policy = try await registry.policy(of: subject, account: account)
            return .document(
                GetMultiRegionAccessPointPolicyResult(established: policy.established, proposed: policy.proposed).xml())
        case .getMultiRegionAccessPointPolicyStatus:
            let findings = try await registry.policyStatus(of: subject, account: account)
            return .document(GetMultiRegionAccessPointPolicyStatusResult(isPublic: findings.isPublic).xml())
        case .getMultiRegionAccessPointRoutes: return try await routes(subject, account)
        case .submitMultiRegionAccessPointRoutes: return try await submit(request, subject, account)
        default:
            throw S3Error(
                .notImplemented, "\(call.operation.rawValue) is not implemented by Meridian (docs/compat.md).")
        }
    }

    /// `x-amz-account-id`, which every SDK sends and signs; without it the caller's own account.
    private func account(of request: S3Request) throws(S3Error) -> AccountID {
        guard let text = request.header("x-amz-account-id") else { return request.caller.account }
        guard let account = AccountID(text) else {
            throw S3Error(.invalidRequest, "x-amz-account-id must be twelve digits, but it is '\(text.prefix(64))'.")
        }
        return account
    }
}

// MARK: Requests that are carried out later

extension ControlOperations {
    static let documentLimit: Int64 = 256 * 1024

    private func create(_ request: S3Request, _ account: AccountID) async throws -> S3Response {
        let document = try CreateMultiRegionAccessPointRequest.parse(
            try await request.readDocument(limit: Self.documentLimit))
        let block = document.publicAccessBlock
        let wanted = CreateAccessPoint(
            name: document.name,
            publicAccessBlock: PublicAccessBlock(
                blockPublicAcls: block.blockPublicAcls, ignorePublicAcls: block.ignorePublicAcls,
                blockPublicPolicy: block.blockPublicPolicy, restrictPublicBuckets: block.restrictPublicBuckets),
            regions: document.regions.map { .init(bucket: $0.bucket, account: $0.bucketAccountID) })
        let token = try await registry.create(wanted, account: account, clientToken: document.clientToken)
        return .document(AsyncRequestResult(operation: request.operation, requestTokenARN: token).xml())
    }

    private func delete(_ request: S3Request, _ account: AccountID) async throws -> S3Response {
        let document = try DeleteMultiRegionAccessPointRequest.parse(
            try await request.readDocument(limit: Self.documentLimit))
        let token = try await registry.delete(
            name: document.name, account: account, clientToken: document.clientToken)
        return .document(AsyncRequestResult(operation: request.operation, requestTokenARN: token).xml())
    }

    private func putPolicy(_ request: S3Request, _ account: AccountID) async throws -> S3Response {
        let document = try PutMultiRegionAccessPointPolicyRequest.parse(
            try await request.readDocument(limit: Self.documentLimit))
        let token = try await registry.putPolicy(
            name: document.name, policy: document.policy, account: account, clientToken: document.clientToken)
        return .document(AsyncRequestResult(operation: request.operation, requestTokenARN: token).xml())
    }
}

// MARK: Lists and routes

extension ControlOperations {
    private func list(_ request: S3Request, _ account: AccountID) async throws -> S3Response {
        var limit: Int?
        if let text = request.query["maxResults"], !text.isEmpty {
            guard let value = Int(text) else {
                throw S3Error(.invalidRequest, "maxResults must be a number, but it is '\(text.prefix(64))'.")
            }
            limit = value
        }
        let page = try await registry.list(
            account: account, maxResults: limit, nextToken: request.query["nextToken"])
        return .document(
            ListMultiRegionAccessPointsResult(
                accessPoints: page.accessPoints.map { .init($0) }, nextToken: page.nextToken
            ).xml())
    }

    private func routes(_ subject: String, _ account: AccountID) async throws -> S3Response {
        let (point, routes) = try await registry.routes(of: subject, account: account)
        return .document(
            GetMultiRegionAccessPointRoutesResult(
                mrap: point.arn.description,
                routes: routes.dials.map {
                    .init(bucket: $0.bucket.rawValue, region: $0.region.rawValue, trafficDialPercentage: $0.percentage)
                }
            ).xml())
    }

    private func submit(_ request: S3Request, _ subject: String, _ account: AccountID) async throws -> S3Response {
        let document = try SubmitMultiRegionAccessPointRoutesRequest.parse(
            try await request.readDocument(limit: Self.documentLimit))
        try await registry.submitRoutes(
            subject, account: account,
            updates: document.routeUpdates.map {
                RouteUpdate(bucket: $0.bucket, region: $0.region, percentage: $0.trafficDialPercentage)
            })
        return S3Response()
    }
}
