/// The answer of ListBuckets.
package struct ListAllMyBucketsResult: Sendable {
    package struct Bucket: Sendable {
        package var name: String
        package var creationDate: Timestamp
        package var region: String?

        package init(name: String, creationDate: Timestamp, region: String?) {
            self.name = name
            self.creationDate = creationDate
            self.region = region
        }
    }

    package var owner: Owner
    package var buckets: [Bucket]
    /// Where the next page starts.
    package var continuationToken: String?
    /// As in the request.
    package var prefix: String?

    package init(owner: Owner, buckets: [Bucket], continuationToken: String? = nil, prefix: String? = nil) {
        self.owner = owner
        self.buckets = buckets
        self.continuationToken = continuationToken
        self.prefix = prefix
    }

    package func xml() -> [UInt8] {
        XMLWriter.document("ListAllMyBucketsResult", namespace: XMLNamespace.s3) { writer in
            writer.owner(owner)
            writer.element("Buckets") { writer in
                for bucket in buckets {
                    writer.element("Bucket") { writer in
                        writer.element("Name", bucket.name)
                        writer.element("CreationDate", bucket.creationDate)
                        writer.element(ifPresent: "BucketRegion", bucket.region)
                    }
                }
            }
            writer.element(ifPresent: "ContinuationToken", continuationToken)
            writer.element(ifPresent: "Prefix", prefix)
        }
    }
}

/// The body of CreateBucket.
package struct CreateBucketConfiguration: Sendable, Hashable {
    /// `nil` when the body names none.
    package var locationConstraint: String?
    package var tags: [Tag]

    package init(locationConstraint: String? = nil, tags: [Tag] = []) {
        self.locationConstraint = locationConstraint
        self.tags = tags
    }

    /// An empty body is an empty configuration.
    package static func parse(_ body: some Collection<UInt8>) throws(S3Error) -> CreateBucketConfiguration {
        if body.isEmpty { return CreateBucketConfiguration() }
        let root = try XMLReader.parse(
            body, root: "CreateBucketConfiguration",
            shape: ["LocationConstraint": [:], "Location": .anything, "Bucket": .anything, "Tags": ["Tag": .tag]])
        if try root.child("Location") != nil {
            throw S3Error(.invalidRequest, "Directory buckets in zones are not supported; use LocationConstraint.")
        }
        var configuration = CreateBucketConfiguration()
        if let location = try root.trimmed("LocationConstraint"), !location.isEmpty {
            configuration.locationConstraint = location
        }
        if let tags = try root.child("Tags") { configuration.tags = try Tagging.parse(set: tags, kind: .bucket) }
        return configuration
    }
}

/// The answer of GetBucketLocation.
package struct LocationConstraint: Sendable {
    /// `nil` for us-east-1, which has no name here.
    package var region: String?

    package init(region: String?) { self.region = region == "us-east-1" ? nil : region }

    package func xml() -> [UInt8] {
        XMLWriter.document("LocationConstraint", namespace: XMLNamespace.s3, capacity: 256) { writer in
            if let region { writer.text(region) }
        }
    }
}

/// The document of Put- and GetBucketVersioning.
package struct VersioningConfiguration: Sendable, Hashable {
    package var state: VersioningState

    package init(state: VersioningState) { self.state = state }

    /// Throws `IllegalVersioningConfigurationException` when neither `Enabled` nor `Suspended` is asked for.
    package static func parse(_ body: some Collection<UInt8>) throws(S3Error) -> VersioningConfiguration {
        let root = try XMLReader.parse(
            body, root: "VersioningConfiguration", shape: ["Status": [:], "MfaDelete": [:]])
        if try root.trimmed("MfaDelete") == "Enabled" {
            throw S3Error(.notImplemented, "MFA delete is not implemented.")
        }
        switch try root.trimmed("Status") {
        case "Enabled": return VersioningConfiguration(state: .enabled)
        case "Suspended": return VersioningConfiguration(state: .suspended)
        case nil:
            throw S3Error(
                .illegalVersioningConfigurationException,
                "The Versioning element must be specified: a Status of Enabled or Suspended.")
        case .some(let other):
            throw .malformed("'Status' must be Enabled or Suspended, but it is '\(other.prefix(64))'.")
        }
    }

    /// Without `Status` for a bucket that never was versioned.
    package func xml() -> [UInt8] {
        XMLWriter.document("VersioningConfiguration", namespace: XMLNamespace.s3, capacity: 256) { writer in
            switch state {
            case .unversioned: break
            case .enabled: writer.element("Status", "Enabled")
            case .suspended: writer.element("Status", "Suspended")
            }
        }
    }
}
