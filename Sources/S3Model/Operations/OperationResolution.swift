extension S3Operation {
    /// The operation that a request to the S3 API asks for.
    ///
    /// `query` and `header` give the first value of a name: empty when it has none, `nil` when it is not there. Query
    /// parameters that name no sub-resource (`X-Amz-Signature`, `x-id`, `versionId` …) do not decide anything. Throws
    /// `MethodNotAllowed` for a method that the named resource or sub-resource does not have, so that for instance a
    /// DELETE of a sub-resource never deletes the bucket.
    package static func resolve(
        method: String, level: Level, query: (String) -> String?, header: (String) -> String?
    ) throws(S3Error) -> S3Operation {
        switch level {
        case .service:
            if method == "GET" { return query("x-id") == "ListDirectoryBuckets" ? .listDirectoryBuckets : .listBuckets }
            throw notAllowed(method, subresource: nil)
        case .bucket: return try resolveBucket(method: method, query: query)
        case .object: return try resolveObject(method: method, query: query, header: header)
        case .control: throw notAllowed(method, subresource: nil)
        }
    }

    private static func resolveBucket(
        method: String, query: (String) -> String?
    ) throws(S3Error) -> S3Operation {
        if method == "HEAD" { return .headBucket }
        for (name, operations) in bucketSubresources where query(name) != nil {
            if let operation = operations.operation(method: method, hasID: query("id") != nil) { return operation }
            throw notAllowed(method, subresource: name)
        }
        if method == "GET" { return query("list-type") == "2" ? .listObjectsV2 : .listObjects }
        if let name = foreignSubresource(objectSubresources, query: query) {
            throw notAllowed(method, subresource: name)
        }
        switch method {
        case "PUT": return .createBucket
        case "DELETE": return .deleteBucket
        case "POST": return .postObject
        default: throw notAllowed(method, subresource: nil)
        }
    }

    private static func resolveObject(
        method: String, query: (String) -> String?, header: (String) -> String?
    ) throws(S3Error) -> S3Operation {
        if method == "HEAD" { return .headObject }
        if query("uploadId") != nil {
            return try resolveUpload(method: method, query: query, header: header)
        }
        for (name, operations) in objectSubresources where query(name) != nil {
            if let operation = operations.operation(method: method, hasID: false) { return operation }
            throw notAllowed(method, subresource: name)
        }
        if let name = foreignSubresource(bucketSubresources, query: query) {
            throw notAllowed(method, subresource: name)
        }
        switch method {
        case "GET": return .getObject
        case "PUT":
            guard query("partNumber") == nil else {
                throw S3Error(.invalidArgument, "A part needs both partNumber and uploadId, but uploadId is missing.")
            }
            return header("x-amz-copy-source") == nil ? .putObject : .copyObject
        case "DELETE": return .deleteObject
        default: throw notAllowed(method, subresource: nil)
        }
    }

    private static func resolveUpload(
        method: String, query: (String) -> String?, header: (String) -> String?
    ) throws(S3Error) -> S3Operation {
        switch method {
        case "GET": return .listParts
        case "POST": return .completeMultipartUpload
        case "DELETE": return .abortMultipartUpload
        case "PUT":
            guard query("partNumber") != nil else {
                throw S3Error(.invalidArgument, "A part needs both partNumber and uploadId, but partNumber is missing.")
            }
            return header("x-amz-copy-source") == nil ? .uploadPart : .uploadPartCopy
        default: throw notAllowed(method, subresource: "uploadId")
        }
    }

    private static func foreignSubresource(
        _ table: [(name: String, operations: Methods)], query: (String) -> String?
    ) -> String? {
        table.first { query($0.name) != nil }?.name
    }

    private static func notAllowed(_ method: String, subresource: String?) -> S3Error {
        S3Error(.methodNotAllowed)
            .with(field: "Method", method)
            .with(field: "ResourceType", subresource?.uppercased() ?? "SERVICE_OR_OBJECT")
    }
}

extension S3Operation {
    /// The operations of one sub-resource by method.
    private struct Methods: Sendable {
        var get: S3Operation?
        /// GET without `id`, for configurations of which a bucket has several.
        var list: S3Operation?
        var put: S3Operation?
        var post: S3Operation?
        var delete: S3Operation?

        init(
            get: S3Operation? = nil, list: S3Operation? = nil, put: S3Operation? = nil, post: S3Operation? = nil,
            delete: S3Operation? = nil
        ) {
            self.get = get
            self.list = list
            self.put = put
            self.post = post
            self.delete = delete
        }

        func operation(method: String, hasID: Bool) -> S3Operation? {
            switch method {
            case "GET": hasID ? get : list ?? get
            case "PUT": put
            case "POST": post
            case "DELETE": delete
            default: nil
            }
        }
    }

    /// In order of precedence: the first that the query names decides.
    private static let bucketSubresources: [(name: String, operations: Methods)] = [
        ("versions", Methods(get: .listObjectVersions)),
        ("uploads", Methods(get: .listMultipartUploads)),
        ("delete", Methods(post: .deleteObjects)),
        ("location", Methods(get: .getBucketLocation)),
        ("versioning", Methods(get: .getBucketVersioning, put: .putBucketVersioning)),
        (
            "replication",
            Methods(get: .getBucketReplication, put: .putBucketReplication, delete: .deleteBucketReplication)
        ),
        ("tagging", Methods(get: .getBucketTagging, put: .putBucketTagging, delete: .deleteBucketTagging)),
        ("policy", Methods(get: .getBucketPolicy, put: .putBucketPolicy, delete: .deleteBucketPolicy)),
        ("policyStatus", Methods(get: .getBucketPolicyStatus)),
        ("acl", Methods(get: .getBucketAcl, put: .putBucketAcl)),
        ("abac", Methods(get: .getBucketAbac, put: .putBucketAbac)),
        ("accelerate", Methods(get: .getBucketAccelerateConfiguration, put: .putBucketAccelerateConfiguration)),
        (
            "analytics",
            Methods(
                get: .getBucketAnalyticsConfiguration, list: .listBucketAnalyticsConfigurations,
                put: .putBucketAnalyticsConfiguration, delete: .deleteBucketAnalyticsConfiguration)
        ),
        ("cors", Methods(get: .getBucketCors, put: .putBucketCors, delete: .deleteBucketCors)),
        ("encryption", Methods(get: .getBucketEncryption, put: .putBucketEncryption, delete: .deleteBucketEncryption)),
        (
            "intelligent-tiering",
            Methods(
                get: .getBucketIntelligentTieringConfiguration, list: .listBucketIntelligentTieringConfigurations,
                put: .putBucketIntelligentTieringConfiguration, delete: .deleteBucketIntelligentTieringConfiguration)
        ),
        (
            "inventory",
            Methods(
                get: .getBucketInventoryConfiguration, list: .listBucketInventoryConfigurations,
                put: .putBucketInventoryConfiguration, delete: .deleteBucketInventoryConfiguration)
        ),
        (
            "lifecycle",
            Methods(
                get: .getBucketLifecycleConfiguration, put: .putBucketLifecycleConfiguration,
                delete: .deleteBucketLifecycle)
        ),
        ("logging", Methods(get: .getBucketLogging, put: .putBucketLogging)),
        (
            "metadataConfiguration",
            Methods(
                get: .getBucketMetadataConfiguration, post: .createBucketMetadataConfiguration,
                delete: .deleteBucketMetadataConfiguration)
        ),
        (
            "metadataTable",
            Methods(
                get: .getBucketMetadataTableConfiguration, post: .createBucketMetadataTableConfiguration,
                delete: .deleteBucketMetadataTableConfiguration)
        ),
        ("metadataInventoryTable", Methods(put: .updateBucketMetadataInventoryTableConfiguration)),
        ("metadataJournalTable", Methods(put: .updateBucketMetadataJournalTableConfiguration)),
        (
            "metrics",
            Methods(
                get: .getBucketMetricsConfiguration, list: .listBucketMetricsConfigurations,
                put: .putBucketMetricsConfiguration, delete: .deleteBucketMetricsConfiguration)
        ),
        ("notification", Methods(get: .getBucketNotificationConfiguration, put: .putBucketNotificationConfiguration)),
        ("object-lock", Methods(get: .getObjectLockConfiguration, put: .putObjectLockConfiguration)),
        (
            "ownershipControls",
            Methods(
                get: .getBucketOwnershipControls, put: .putBucketOwnershipControls,
                delete: .deleteBucketOwnershipControls)
        ),
        (
            "publicAccessBlock",
            Methods(get: .getPublicAccessBlock, put: .putPublicAccessBlock, delete: .deletePublicAccessBlock)
        ),
        ("requestPayment", Methods(get: .getBucketRequestPayment, put: .putBucketRequestPayment)),
        ("session", Methods(get: .createSession)),
        ("website", Methods(get: .getBucketWebsite, put: .putBucketWebsite, delete: .deleteBucketWebsite)),
    ]

    private static let objectSubresources: [(name: String, operations: Methods)] = [
        ("uploads", Methods(post: .createMultipartUpload)),
        ("tagging", Methods(get: .getObjectTagging, put: .putObjectTagging, delete: .deleteObjectTagging)),
        ("acl", Methods(get: .getObjectAcl, put: .putObjectAcl)),
        ("attributes", Methods(get: .getObjectAttributes)),
        ("encryption", Methods(put: .updateObjectEncryption)),
        ("legal-hold", Methods(get: .getObjectLegalHold, put: .putObjectLegalHold)),
        ("renameObject", Methods(put: .renameObject)),
        ("restore", Methods(post: .restoreObject)),
        ("retention", Methods(get: .getObjectRetention, put: .putObjectRetention)),
        ("select", Methods(post: .selectObjectContent)),
        ("torrent", Methods(get: .getObjectTorrent)),
    ]
}
