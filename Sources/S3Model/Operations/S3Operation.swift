/// Every operation of S3 and, of S3 Control, those of Multi-Region Access Points and their neighbours, by AWS's name. Those
/// that are not served are here too, so that they answer 501 `NotImplemented` by name.
package enum S3Operation: String, CaseIterable, Sendable {
    // MARK: Service
    case listBuckets = "ListBuckets"
    case listDirectoryBuckets = "ListDirectoryBuckets"

    // MARK: Bucket
    case createBucket = "CreateBucket"
    case deleteBucket = "DeleteBucket"
    case headBucket = "HeadBucket"
    case createSession = "CreateSession"
    case listObjects = "ListObjects"
    case listObjectsV2 = "ListObjectsV2"
    case listObjectVersions = "ListObjectVersions"
    case listMultipartUploads = "ListMultipartUploads"
    case deleteObjects = "DeleteObjects"
    case postObject = "PostObject"
    case getBucketAbac = "GetBucketAbac"
    case putBucketAbac = "PutBucketAbac"
    case getBucketAccelerateConfiguration = "GetBucketAccelerateConfiguration"
    case putBucketAccelerateConfiguration = "PutBucketAccelerateConfiguration"
    case getBucketAcl = "GetBucketAcl"
    case putBucketAcl = "PutBucketAcl"
    case getBucketAnalyticsConfiguration = "GetBucketAnalyticsConfiguration"
    case listBucketAnalyticsConfigurations = "ListBucketAnalyticsConfigurations"
    case putBucketAnalyticsConfiguration = "PutBucketAnalyticsConfiguration"
    case deleteBucketAnalyticsConfiguration = "DeleteBucketAnalyticsConfiguration"
    case getBucketCors = "GetBucketCors"
    case putBucketCors = "PutBucketCors"
    case deleteBucketCors = "DeleteBucketCors"
    case getBucketEncryption = "GetBucketEncryption"
    case putBucketEncryption = "PutBucketEncryption"
    case deleteBucketEncryption = "DeleteBucketEncryption"
    case getBucketIntelligentTieringConfiguration = "GetBucketIntelligentTieringConfiguration"
    case listBucketIntelligentTieringConfigurations = "ListBucketIntelligentTieringConfigurations"
    case putBucketIntelligentTieringConfiguration = "PutBucketIntelligentTieringConfiguration"
    case deleteBucketIntelligentTieringConfiguration = "DeleteBucketIntelligentTieringConfiguration"
    case getBucketInventoryConfiguration = "GetBucketInventoryConfiguration"
    case listBucketInventoryConfigurations = "ListBucketInventoryConfigurations"
    case putBucketInventoryConfiguration = "PutBucketInventoryConfiguration"
    case deleteBucketInventoryConfiguration = "DeleteBucketInventoryConfiguration"
    case getBucketLifecycleConfiguration = "GetBucketLifecycleConfiguration"
    case putBucketLifecycleConfiguration = "PutBucketLifecycleConfiguration"
    case deleteBucketLifecycle = "DeleteBucketLifecycle"
    case getBucketLocation = "GetBucketLocation"
    case getBucketLogging = "GetBucketLogging"
    case putBucketLogging = "PutBucketLogging"
    case createBucketMetadataConfiguration = "CreateBucketMetadataConfiguration"
    case getBucketMetadataConfiguration = "GetBucketMetadataConfiguration"
    case deleteBucketMetadataConfiguration = "DeleteBucketMetadataConfiguration"
    case createBucketMetadataTableConfiguration = "CreateBucketMetadataTableConfiguration"
    case getBucketMetadataTableConfiguration = "GetBucketMetadataTableConfiguration"
    case deleteBucketMetadataTableConfiguration = "DeleteBucketMetadataTableConfiguration"
    case updateBucketMetadataInventoryTableConfiguration = "UpdateBucketMetadataInventoryTableConfiguration"
    case updateBucketMetadataJournalTableConfiguration = "UpdateBucketMetadataJournalTableConfiguration"
    case getBucketMetricsConfiguration = "GetBucketMetricsConfiguration"
    case listBucketMetricsConfigurations = "ListBucketMetricsConfigurations"
    case putBucketMetricsConfiguration = "PutBucketMetricsConfiguration"
    case deleteBucketMetricsConfiguration = "DeleteBucketMetricsConfiguration"
    case getBucketNotificationConfiguration = "GetBucketNotificationConfiguration"
    case putBucketNotificationConfiguration = "PutBucketNotificationConfiguration"
    case getObjectLockConfiguration = "GetObjectLockConfiguration"
    case putObjectLockConfiguration = "PutObjectLockConfiguration"
    case getBucketOwnershipControls = "GetBucketOwnershipControls"
    case putBucketOwnershipControls = "PutBucketOwnershipControls"
    case deleteBucketOwnershipControls = "DeleteBucketOwnershipControls"
    case getBucketPolicy = "GetBucketPolicy"
    case putBucketPolicy = "PutBucketPolicy"
    case deleteBucketPolicy = "DeleteBucketPolicy"
    case getBucketPolicyStatus = "GetBucketPolicyStatus"
    case getPublicAccessBlock = "GetPublicAccessBlock"
    case putPublicAccessBlock = "PutPublicAccessBlock"
    case deletePublicAccessBlock = "DeletePublicAccessBlock"
    case getBucketReplication = "GetBucketReplication"
    case putBucketReplication = "PutBucketReplication"
    case deleteBucketReplication = "DeleteBucketReplication"
    case getBucketRequestPayment = "GetBucketRequestPayment"
    case putBucketRequestPayment = "PutBucketRequestPayment"
    case getBucketTagging = "GetBucketTagging"
    case putBucketTagging = "PutBucketTagging"
    case deleteBucketTagging = "DeleteBucketTagging"
    case getBucketVersioning = "GetBucketVersioning"
    case putBucketVersioning = "PutBucketVersioning"
    case getBucketWebsite = "GetBucketWebsite"
    case putBucketWebsite = "PutBucketWebsite"
    case deleteBucketWebsite = "DeleteBucketWebsite"

    // MARK: Object
    case getObject = "GetObject"
    case headObject = "HeadObject"
    case putObject = "PutObject"
    case copyObject = "CopyObject"
    case deleteObject = "DeleteObject"
    case renameObject = "RenameObject"
    case getObjectAcl = "GetObjectAcl"
    case putObjectAcl = "PutObjectAcl"
    case getObjectAttributes = "GetObjectAttributes"
    case getObjectLegalHold = "GetObjectLegalHold"
    case putObjectLegalHold = "PutObjectLegalHold"
    case getObjectRetention = "GetObjectRetention"
    case putObjectRetention = "PutObjectRetention"
    case getObjectTagging = "GetObjectTagging"
    case putObjectTagging = "PutObjectTagging"
    case deleteObjectTagging = "DeleteObjectTagging"
    case getObjectTorrent = "GetObjectTorrent"
    case restoreObject = "RestoreObject"
    case selectObjectContent = "SelectObjectContent"
    case updateObjectEncryption = "UpdateObjectEncryption"
    case createMultipartUpload = "CreateMultipartUpload"
    case uploadPart = "UploadPart"
    case uploadPartCopy = "UploadPartCopy"
    case completeMultipartUpload = "CompleteMultipartUpload"
    case abortMultipartUpload = "AbortMultipartUpload"
    case listParts = "ListParts"

    // MARK: S3 Control (spec/mrap.md §6; the rest is not served)
    case createMultiRegionAccessPoint = "CreateMultiRegionAccessPoint"
    case deleteMultiRegionAccessPoint = "DeleteMultiRegionAccessPoint"
    case describeMultiRegionAccessPointOperation = "DescribeMultiRegionAccessPointOperation"
    case getMultiRegionAccessPoint = "GetMultiRegionAccessPoint"
    case listMultiRegionAccessPoints = "ListMultiRegionAccessPoints"
    case getMultiRegionAccessPointPolicy = "GetMultiRegionAccessPointPolicy"
    case getMultiRegionAccessPointPolicyStatus = "GetMultiRegionAccessPointPolicyStatus"
    case putMultiRegionAccessPointPolicy = "PutMultiRegionAccessPointPolicy"
    case getMultiRegionAccessPointRoutes = "GetMultiRegionAccessPointRoutes"
    case submitMultiRegionAccessPointRoutes = "SubmitMultiRegionAccessPointRoutes"
    case listTagsForResource = "ListTagsForResource"
    case tagResource = "TagResource"
    case untagResource = "UntagResource"
    case listAccessPoints = "ListAccessPoints"
    case createAccessPoint = "CreateAccessPoint"
    case getAccessPoint = "GetAccessPoint"
    case deleteAccessPoint = "DeleteAccessPoint"
    case getAccessPointPolicy = "GetAccessPointPolicy"
    case putAccessPointPolicy = "PutAccessPointPolicy"
    case deleteAccessPointPolicy = "DeleteAccessPointPolicy"
    case getAccessPointPolicyStatus = "GetAccessPointPolicyStatus"
    case createJob = "CreateJob"
    case listJobs = "ListJobs"
    case describeJob = "DescribeJob"
    case updateJobPriority = "UpdateJobPriority"
    case updateJobStatus = "UpdateJobStatus"
    case getJobTagging = "GetJobTagging"
    case putJobTagging = "PutJobTagging"
    case deleteJobTagging = "DeleteJobTagging"
    case getAccountPublicAccessBlock = "GetAccountPublicAccessBlock"
    case putAccountPublicAccessBlock = "PutAccountPublicAccessBlock"
    case deleteAccountPublicAccessBlock = "DeleteAccountPublicAccessBlock"
    case listStorageLensConfigurations = "ListStorageLensConfigurations"
    case listAccessGrants = "ListAccessGrants"
    case listRegionalBuckets = "ListRegionalBuckets"
}

extension S3Operation {
    /// What the request's path names.
    package enum Level: Sendable, Hashable { case service, bucket, object, control }

    package var level: Level {
        switch self {
        case .listBuckets, .listDirectoryBuckets: .service
        case .getObject, .headObject, .putObject, .copyObject, .deleteObject, .renameObject, .getObjectAcl,
            .putObjectAcl, .getObjectAttributes, .getObjectLegalHold, .putObjectLegalHold, .getObjectRetention,
            .putObjectRetention, .getObjectTagging, .putObjectTagging, .deleteObjectTagging, .getObjectTorrent,
            .restoreObject, .selectObjectContent, .updateObjectEncryption, .createMultipartUpload, .uploadPart,
            .uploadPartCopy, .completeMultipartUpload, .abortMultipartUpload, .listParts:
            .object
        case .createMultiRegionAccessPoint, .deleteMultiRegionAccessPoint, .describeMultiRegionAccessPointOperation,
            .getMultiRegionAccessPoint, .listMultiRegionAccessPoints, .getMultiRegionAccessPointPolicy,
            .getMultiRegionAccessPointPolicyStatus, .putMultiRegionAccessPointPolicy,
            .getMultiRegionAccessPointRoutes, .submitMultiRegionAccessPointRoutes, .listTagsForResource,
            .tagResource, .untagResource, .listAccessPoints, .createAccessPoint, .getAccessPoint, .deleteAccessPoint,
            .getAccessPointPolicy, .putAccessPointPolicy, .deleteAccessPointPolicy, .getAccessPointPolicyStatus,
            .createJob, .listJobs, .describeJob, .updateJobPriority, .updateJobStatus, .getJobTagging,
            .putJobTagging, .deleteJobTagging, .getAccountPublicAccessBlock, .putAccountPublicAccessBlock,
            .deleteAccountPublicAccessBlock, .listStorageLensConfigurations, .listAccessGrants, .listRegionalBuckets:
            .control
        default: .bucket
        }
    }

    /// Whether it gives a page of a bucket's keys. The markers that lead to the next page are keys, which cannot say which
    /// region the page came from.
    package var isListing: Bool {
        switch self {
        case .listObjects, .listObjectsV2, .listObjectVersions, .listMultipartUploads: true
        default: false
        }
    }
}
