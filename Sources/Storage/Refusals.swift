import S3Model

/// The refusals that more than one operation gives, with the fields S3 puts into the error document.
extension S3Error {
    static func noSuchBucket(_ name: BucketName) -> S3Error {
        S3Error(.noSuchBucket, fields: [Field("BucketName", name.rawValue)])
    }

    static func noSuchKey(_ key: ObjectKey) -> S3Error {
        S3Error(.noSuchKey, fields: [Field("Key", key.rawValue)])
    }

    static func noSuchVersion(_ key: ObjectKey, _ version: VersionID) -> S3Error {
        S3Error(.noSuchVersion, fields: [Field("Key", key.rawValue), Field("VersionId", version.description)])
    }

    static func noSuchUpload(_ id: String) -> S3Error {
        S3Error(.noSuchUpload, fields: [Field("UploadId", id)])
    }

    static func preconditionFailed(_ condition: String) -> S3Error {
        S3Error(.preconditionFailed, fields: [Field("Condition", condition)])
    }

    /// A current delete marker hides the key; the headers say so.
    static func hidden(by marker: ObjectVersion) -> S3Error {
        noSuchKey(marker.key)
            .with(header: "x-amz-delete-marker", "true")
            .with(header: "x-amz-version-id", marker.versionID.description)
    }

    /// The bytes went away between finding a version and opening it, because it was replaced or deleted just then.
    /// Clients repeat a request that was answered with 503.
    static func replacedWhileReading(_ key: ObjectKey) -> S3Error {
        S3Error(
            .serviceUnavailable, "The object was replaced or deleted while this request was being answered; try again.",
            fields: [Field("Key", key.rawValue)])
    }
}
