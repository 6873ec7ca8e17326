/// S3's error codes with their HTTP status. Source: AWS S3 API reference "Error responses"; for access points
/// spec/mrap.md §21.
package enum S3ErrorCode: String, Sendable, Hashable, CaseIterable {
    case accessControlListNotSupported = "AccessControlListNotSupported"
    case accessDenied = "AccessDenied"
    case authorizationHeaderMalformed = "AuthorizationHeaderMalformed"
    case authorizationQueryParametersError = "AuthorizationQueryParametersError"
    case badDigest = "BadDigest"
    case badRequest = "BadRequest"
    case bucketAlreadyExists = "BucketAlreadyExists"
    case bucketAlreadyOwnedByYou = "BucketAlreadyOwnedByYou"
    case bucketHasAccessPointsAttached = "BucketHasAccessPointsAttached"
    case bucketNotEmpty = "BucketNotEmpty"
    case clientTokenConflict = "ClientTokenConflict"
    case conditionalRequestConflict = "ConditionalRequestConflict"
    case entityTooLarge = "EntityTooLarge"
    case entityTooSmall = "EntityTooSmall"
    case expiredToken = "ExpiredToken"
    case idempotencyException = "IdempotencyException"
    case illegalLocationConstraintException = "IllegalLocationConstraintException"
    case illegalVersioningConfigurationException = "IllegalVersioningConfigurationException"
    case incompleteBody = "IncompleteBody"
    case internalError = "InternalError"
    case invalidAccessKeyId = "InvalidAccessKeyId"
    case invalidAccessPointAliasError = "InvalidAccessPointAliasError"
    case invalidArgument = "InvalidArgument"
    case invalidBucketName = "InvalidBucketName"
    case invalidBucketState = "InvalidBucketState"
    case invalidDigest = "InvalidDigest"
    case invalidLocationConstraint = "InvalidLocationConstraint"
    case invalidNextTokenException = "InvalidNextTokenException"
    case invalidObjectState = "InvalidObjectState"
    case invalidPart = "InvalidPart"
    case invalidPartNumber = "InvalidPartNumber"
    case invalidPartOrder = "InvalidPartOrder"
    case invalidRange = "InvalidRange"
    case invalidRegion = "InvalidRegion"
    case invalidRequest = "InvalidRequest"
    case invalidSecurity = "InvalidSecurity"
    case invalidStorageClass = "InvalidStorageClass"
    case invalidTag = "InvalidTag"
    case invalidToken = "InvalidToken"
    case invalidURI = "InvalidURI"
    case jobStatusException = "JobStatusException"
    case keyTooLongError = "KeyTooLongError"
    case malformedACLError = "MalformedACLError"
    case malformedPolicy = "MalformedPolicy"
    case malformedTrailerError = "MalformedTrailerError"
    case malformedXML = "MalformedXML"
    case maxMessageLengthExceeded = "MaxMessageLengthExceeded"
    case metadataTooLarge = "MetadataTooLarge"
    case methodNotAllowed = "MethodNotAllowed"
    case missingContentLength = "MissingContentLength"
    case missingSecurityHeader = "MissingSecurityHeader"
    case noSuchAsyncRequest = "NoSuchAsyncRequest"
    case noSuchBucket = "NoSuchBucket"
    case noSuchBucketPolicy = "NoSuchBucketPolicy"
    case noSuchCORSConfiguration = "NoSuchCORSConfiguration"
    case noSuchJob = "NoSuchJob"
    case noSuchKey = "NoSuchKey"
    case noSuchLifecycleConfiguration = "NoSuchLifecycleConfiguration"
    case noSuchMultiRegionAccessPoint = "NoSuchMultiRegionAccessPoint"
    case noSuchPublicAccessBlockConfiguration = "NoSuchPublicAccessBlockConfiguration"
    case noSuchTagSet = "NoSuchTagSet"
    case noSuchUpload = "NoSuchUpload"
    case noSuchVersion = "NoSuchVersion"
    case noSuchWebsiteConfiguration = "NoSuchWebsiteConfiguration"
    case notImplemented = "NotImplemented"
    case notModified = "NotModified"
    case objectLockConfigurationNotFoundError = "ObjectLockConfigurationNotFoundError"
    case operationAborted = "OperationAborted"
    case ownershipControlsNotFoundError = "OwnershipControlsNotFoundError"
    case permanentRedirect = "PermanentRedirect"
    case preconditionFailed = "PreconditionFailed"
    case replicationConfigurationNotFoundError = "ReplicationConfigurationNotFoundError"
    case requestHeaderSectionTooLarge = "RequestHeaderSectionTooLarge"
    case requestTimeTooSkewed = "RequestTimeTooSkewed"
    case requestTimeout = "RequestTimeout"
    case serverSideEncryptionConfigurationNotFoundError = "ServerSideEncryptionConfigurationNotFoundError"
    case serviceUnavailable = "ServiceUnavailable"
    case signatureDoesNotMatch = "SignatureDoesNotMatch"
    case slowDown = "SlowDown"
    case tooManyBuckets = "TooManyBuckets"
    case tooManyMultiRegionAccessPoints = "TooManyMultiRegionAccessPoints"
    case tooManyRequestsException = "TooManyRequestsException"
    case tooManyRegionsInMultiRegionAccessPoint = "TooManyMultiRegionAccessPointregionsError"
    case unexpectedContent = "UnexpectedContent"
    case unsupportedSignature = "UnsupportedSignature"
    case xAmzContentChecksumMismatch = "XAmzContentChecksumMismatch"
    case xAmzContentSHA256Mismatch = "XAmzContentSHA256Mismatch"

    package var status: Int {
        switch self {
        case .permanentRedirect: 301
        case .notModified: 304
        case .accessDenied, .expiredToken, .invalidAccessKeyId, .invalidObjectState, .invalidRegion, .invalidSecurity,
            .requestTimeTooSkewed, .signatureDoesNotMatch:
            403
        case .noSuchAsyncRequest, .noSuchBucket, .noSuchBucketPolicy, .noSuchCORSConfiguration, .noSuchJob, .noSuchKey,
            .noSuchLifecycleConfiguration, .noSuchWebsiteConfiguration, .objectLockConfigurationNotFoundError,
            .serverSideEncryptionConfigurationNotFoundError, .noSuchMultiRegionAccessPoint,
            .noSuchPublicAccessBlockConfiguration, .noSuchTagSet, .noSuchUpload, .noSuchVersion,
            .ownershipControlsNotFoundError, .replicationConfigurationNotFoundError:
            404
        case .methodNotAllowed: 405
        case .bucketAlreadyExists, .bucketAlreadyOwnedByYou, .bucketNotEmpty, .clientTokenConflict,
            .conditionalRequestConflict, .invalidBucketState, .operationAborted:
            409
        case .missingContentLength: 411
        case .preconditionFailed: 412
        case .invalidRange, .invalidPartNumber: 416
        case .internalError: 500
        case .notImplemented: 501
        case .serviceUnavailable, .slowDown: 503
        default: 400
        }
    }

    package var defaultMessage: String {
        switch self {
        case .accessDenied: "Access Denied"
        case .accessControlListNotSupported: "The bucket does not allow ACLs"
        case .badDigest: "The Content-MD5 or checksum value that you specified did not match what the server received."
        case .bucketAlreadyExists:
            "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Select a different name and try again."
        case .bucketAlreadyOwnedByYou:
            "Your previous request to create the named bucket succeeded and you already own it."
        case .bucketNotEmpty: "The bucket you tried to delete is not empty."
        case .entityTooLarge: "Your proposed upload exceeds the maximum allowed object size."
        case .entityTooSmall: "Your proposed upload is smaller than the minimum allowed object size."
        case .incompleteBody: "You did not provide the number of bytes specified by the Content-Length HTTP header."
        case .internalError: "We encountered an internal error. Please try again."
        case .invalidAccessKeyId: "The AWS access key Id you provided does not exist in our records."
        case .invalidBucketName: "The specified bucket is not valid."
        case .invalidDigest: "The Content-MD5 or checksum value that you specified is not valid."
        case .invalidPart:
            "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match the part's entity tag."
        case .invalidPartOrder:
            "The list of parts was not in ascending order. Parts must be ordered by part number."
        case .invalidRange: "The requested range is not satisfiable"
        case .keyTooLongError: "Your key is too long"
        case .malformedXML: "The XML you provided was not well-formed or did not validate against our published schema"
        case .metadataTooLarge: "Your metadata headers exceed the maximum allowed metadata size"
        case .methodNotAllowed: "The specified method is not allowed against this resource."
        case .missingContentLength: "You must provide the Content-Length HTTP header."
        case .noSuchAsyncRequest: "The specified async request does not exist."
        case .noSuchBucket: "The specified bucket does not exist"
        case .noSuchJob: "The specified job does not exist."
        case .noSuchKey: "The specified key does not exist."
        case .noSuchCORSConfiguration: "The CORS configuration does not exist"
        case .noSuchLifecycleConfiguration: "The lifecycle configuration does not exist"
        case .noSuchWebsiteConfiguration: "The specified bucket does not have a website configuration"
        case .noSuchPublicAccessBlockConfiguration: "The public access block configuration was not found"
        case .objectLockConfigurationNotFoundError: "Object Lock configuration does not exist for this bucket"
        case .serverSideEncryptionConfigurationNotFoundError:
            "The server side encryption configuration was not found"
        case .noSuchMultiRegionAccessPoint: "The specified Multi-Region Access Point does not exist."
        case .noSuchTagSet: "The TagSet does not exist"
        case .noSuchUpload:
            "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed."
        case .noSuchVersion: "The specified version does not exist."
        case .notImplemented: "A header or operation you provided implies functionality that is not implemented"
        case .preconditionFailed: "At least one of the pre-conditions you specified did not hold"
        case .replicationConfigurationNotFoundError: "The replication configuration was not found"
        case .requestTimeTooSkewed: "The difference between the request time and the current time is too large."
        case .signatureDoesNotMatch:
            "The request signature we calculated does not match the signature you provided. Check your key and signing method."
        case .slowDown: "Please reduce your request rate."
        default: rawValue
        }
    }
}
