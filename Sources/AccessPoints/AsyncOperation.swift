package import S3Model

/// The result of CreateMultiRegionAccessPoint, Delete… and Put…Policy: accepted now, done later (spec/mrap.md §7).
package struct AsyncOperation: Sendable, Hashable {
    /// With the names that DescribeMultiRegionAccessPointOperation uses.
    package enum Kind: String, Sendable, Hashable, Codable, CaseIterable {
        case create = "CreateMultiRegionAccessPoint"
        case delete = "DeleteMultiRegionAccessPoint"
        case putPolicy = "PutMultiRegionAccessPointPolicy"

        /// Its part of the request token ARN.
        package var path: String {
            switch self {
            case .create: "create"
            case .delete: "delete"
            case .putPolicy: "put-policy"
            }
        }
    }

    /// With the spelling seen on the wire, which is not the user guide's (spec/mrap.md §7.1).
    package enum Status: String, Sendable, Hashable, Codable {
        case new = "NEW"
        case inProgress = "INPROGRESS"
        case succeeded = "SUCCEEDED"
        case failed = "FAILED"

        package var isFinal: Bool { self == .succeeded || self == .failed }
    }

    /// What was asked, with defaults filled in; echoed by describe.
    package enum Parameters: Sendable, Hashable, Codable {
        case create(CreateAccessPoint)
        case delete(name: String)
        case putPolicy(name: String, policy: String)

        package var kind: Kind {
            switch self {
            case .create: .create
            case .delete: .delete
            case .putPolicy: .putPolicy
            }
        }

        package var name: String {
            switch self {
            case .create(let request): request.name
            case .delete(let name), .putPolicy(let name, _): name
            }
        }
    }

    /// `ErrorDetails` of a failed operation.
    package struct Failure: Sendable, Hashable, Codable {
        /// The codes of spec/mrap.md §21, "Asynchronous".
        package enum Code: String, Sendable, Hashable, Codable {
            case accessDenied = "AccessDenied"
            case internalErrors = "InternalErrors"
            case malformedPolicy = "MalformedPolicy"
            case alreadyOwnedByYou = "MultiRegionAccessPointAlreadyOwnedByYou"
            case modifiedByAnotherRequest = "MultiRegionAccessPointModifiedByAnotherRequest"
            case notReady = "MultiRegionAccessPointNotReady"
            case sameBucketRegion = "MultiRegionAccessPointSameBucketRegion"
            case unsupportedRegion = "MultiRegionAccessPointUnsupportedRegion"
            case noSuchBucket = "NoSuchBucket"
            case noSuchAccessPoint = "NoSuchMultiRegionAccessPoint"
        }

        package let code: Code
        package let message: String
        /// The name of the bucket or access point that is in the way.
        package let resource: String

        package init(_ code: Code, _ message: String, resource: String) {
            self.code = code
            self.message = String(message.prefix(1024))
            self.resource = String(resource.prefix(1024))
        }
    }

    package struct RegionStatus: Sendable, Hashable, Codable {
        package let region: RegionName
        package let status: Status

        package init(region: RegionName, status: Status) {
            self.region = region
            self.status = status
        }
    }

    /// `arn:aws:s3:us-west-2:ACCOUNT:async-request/mrap/create/TOKEN`.
    package let requestTokenARN: String
    package let created: Timestamp
    package let parameters: Parameters
    package let status: Status
    /// Present once the operation is final.
    package let regions: [RegionStatus]
    package let failure: Failure?

    package var kind: Kind { parameters.kind }

    package init(
        requestTokenARN: String, created: Timestamp, parameters: Parameters, status: Status, regions: [RegionStatus],
        failure: Failure?
    ) {
        self.requestTokenARN = requestTokenARN
        self.created = created
        self.parameters = parameters
        self.status = status
        self.regions = regions
        self.failure = failure
    }
}

/// `Details` of CreateMultiRegionAccessPoint, as they came; the registry validates them.
package struct CreateAccessPoint: Sendable, Hashable, Codable {
    package struct Member: Sendable, Hashable, Codable {
        package let bucket: String
        /// `nil` is the account of the access point.
        package let account: String?

        package init(bucket: String, account: String? = nil) {
            self.bucket = bucket
            self.account = account
        }
    }

    package let name: String
    package let publicAccessBlock: PublicAccessBlock
    package let regions: [Member]

    package init(name: String, publicAccessBlock: PublicAccessBlock = PublicAccessBlock(), regions: [Member]) {
        self.name = name
        self.publicAccessBlock = publicAccessBlock
        self.regions = regions
    }
}
