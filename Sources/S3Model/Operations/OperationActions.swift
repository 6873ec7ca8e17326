extension S3Operation {
    /// The IAM action that a policy must allow, for example `s3:GetObject`, when the request names no version.
    /// Source: AWS "Required permissions for Amazon S3 API operations".
    package var action: String { action(hasVersionID: false) }

    /// The IAM action: reading or changing a named version is an action of its own.
    package func action(hasVersionID: Bool) -> String {
        if hasVersionID, let action = versionAction { return action }
        return renamedAction ?? "s3:\(rawValue)"
    }

    private var versionAction: String? {
        switch self {
        case .getObject, .headObject: "s3:GetObjectVersion"
        case .deleteObject: "s3:DeleteObjectVersion"
        case .getObjectAcl: "s3:GetObjectVersionAcl"
        case .putObjectAcl: "s3:PutObjectVersionAcl"
        case .getObjectAttributes: "s3:GetObjectVersionAttributes"
        case .getObjectTagging: "s3:GetObjectVersionTagging"
        case .putObjectTagging: "s3:PutObjectVersionTagging"
        case .deleteObjectTagging: "s3:DeleteObjectVersionTagging"
        case .getObjectTorrent: "s3:GetObjectVersionTorrent"
        default: nil
        }
    }

    /// Actions whose name is not the operation's.
    private var renamedAction: String? {
        level == .bucket || level == .service ? renamedBucketAction : renamedOtherAction
    }

    private var renamedBucketAction: String? {
        switch self {
        case .listBuckets: "s3:ListAllMyBuckets"
        case .listDirectoryBuckets: "s3express:ListAllMyDirectoryBuckets"
        case .createSession: "s3express:CreateSession"
        case .listObjects, .listObjectsV2, .headBucket: "s3:ListBucket"
        case .listObjectVersions: "s3:ListBucketVersions"
        case .listMultipartUploads: "s3:ListBucketMultipartUploads"
        case .deleteObjects: "s3:DeleteObject"
        case .postObject: "s3:PutObject"
        case .getBucketAccelerateConfiguration: "s3:GetAccelerateConfiguration"
        case .putBucketAccelerateConfiguration: "s3:PutAccelerateConfiguration"
        case .getBucketAnalyticsConfiguration, .listBucketAnalyticsConfigurations: "s3:GetAnalyticsConfiguration"
        case .putBucketAnalyticsConfiguration, .deleteBucketAnalyticsConfiguration: "s3:PutAnalyticsConfiguration"
        case .getBucketCors: "s3:GetBucketCORS"
        case .putBucketCors, .deleteBucketCors: "s3:PutBucketCORS"
        case .getBucketEncryption: "s3:GetEncryptionConfiguration"
        case .putBucketEncryption, .deleteBucketEncryption: "s3:PutEncryptionConfiguration"
        case .getBucketIntelligentTieringConfiguration, .listBucketIntelligentTieringConfigurations:
            "s3:GetIntelligentTieringConfiguration"
        case .putBucketIntelligentTieringConfiguration, .deleteBucketIntelligentTieringConfiguration:
            "s3:PutIntelligentTieringConfiguration"
        case .getBucketInventoryConfiguration, .listBucketInventoryConfigurations: "s3:GetInventoryConfiguration"
        case .putBucketInventoryConfiguration, .deleteBucketInventoryConfiguration: "s3:PutInventoryConfiguration"
        case .getBucketLifecycleConfiguration: "s3:GetLifecycleConfiguration"
        case .putBucketLifecycleConfiguration, .deleteBucketLifecycle: "s3:PutLifecycleConfiguration"
        case .getBucketMetricsConfiguration, .listBucketMetricsConfigurations: "s3:GetMetricsConfiguration"
        case .putBucketMetricsConfiguration, .deleteBucketMetricsConfiguration: "s3:PutMetricsConfiguration"
        case .getBucketNotificationConfiguration: "s3:GetBucketNotification"
        case .putBucketNotificationConfiguration: "s3:PutBucketNotification"
        case .getObjectLockConfiguration: "s3:GetBucketObjectLockConfiguration"
        case .putObjectLockConfiguration: "s3:PutBucketObjectLockConfiguration"
        case .deleteBucketOwnershipControls: "s3:PutBucketOwnershipControls"
        case .getPublicAccessBlock: "s3:GetBucketPublicAccessBlock"
        case .putPublicAccessBlock, .deletePublicAccessBlock: "s3:PutBucketPublicAccessBlock"
        case .getBucketReplication: "s3:GetReplicationConfiguration"
        case .putBucketReplication, .deleteBucketReplication: "s3:PutReplicationConfiguration"
        case .deleteBucketTagging: "s3:PutBucketTagging"
        default: nil
        }
    }

    private var renamedOtherAction: String? {
        switch self {
        case .headObject, .selectObjectContent: "s3:GetObject"
        case .copyObject, .renameObject, .createMultipartUpload, .uploadPart, .uploadPartCopy,
            .completeMultipartUpload:
            "s3:PutObject"
        case .listParts: "s3:ListMultipartUploadParts"
        case .putAccountPublicAccessBlock, .deleteAccountPublicAccessBlock: "s3:PutAccountPublicAccessBlock"
        default: nil
        }
    }
}
