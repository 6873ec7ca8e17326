/// The body of CreateMultiRegionAccessPoint (spec/mrap.md §6.1), as it came: whether the name and the buckets are good is
/// for the registry of access points to say.
package struct CreateMultiRegionAccessPointRequest: Sendable, Hashable {
    package struct Region: Sendable, Hashable {
        package var bucket: String
        /// `nil` for the account of the access point.
        package var bucketAccountID: String?

        package init(bucket: String, bucketAccountID: String?) {
            self.bucket = bucket
            self.bucketAccountID = bucketAccountID
        }
    }

    /// `nil` when the body has none: then the request is not idempotent.
    package var clientToken: String?
    package var name: String
    /// All on where the body does not say.
    package var publicAccessBlock: PublicAccessBlockConfiguration
    package var regions: [Region]

    package init(
        clientToken: String? = nil, name: String, publicAccessBlock: PublicAccessBlockConfiguration, regions: [Region]
    ) {
        self.clientToken = clientToken
        self.name = name
        self.publicAccessBlock = publicAccessBlock
        self.regions = regions
    }

    private static let shape: DocumentShape = [
        "ClientToken": [:],
        "Details": [
            "Name": [:],
            "PublicAccessBlock": [
                "BlockPublicAcls": [:], "IgnorePublicAcls": [:], "BlockPublicPolicy": [:], "RestrictPublicBuckets": [:],
            ],
            "Regions": ["Region": ["Bucket": [:], "BucketAccountId": [:]]],
        ],
    ]

    package static func parse(
        _ body: some Collection<UInt8>
    ) throws(S3Error) -> CreateMultiRegionAccessPointRequest {
        let root = try XMLReader.parse(body, root: "CreateMultiRegionAccessPointRequest", shape: shape)
        let details = try root.required("Details")
        var block = PublicAccessBlockConfiguration(all: true)
        if let element = try details.child("PublicAccessBlock") {
            block = try PublicAccessBlockConfiguration.parse(element, missing: true)
        }
        var regions: [Region] = []
        for element in try details.required("Regions").all("Region") {
            let account = try element.trimmed("BucketAccountId")
            regions.append(
                Region(
                    bucket: try element.required("Bucket").trimmedText,
                    bucketAccountID: account?.isEmpty == true ? nil : account))
        }
        guard !regions.isEmpty else { throw .malformed("'Regions' must contain at least one 'Region'.") }
        return CreateMultiRegionAccessPointRequest(
            clientToken: try root.clientToken(), name: try details.required("Name").trimmedText,
            publicAccessBlock: block, regions: regions)
    }

    /// As `RequestParameters` of an asynchronous operation echo it: without the token.
    func writeParameters(_ writer: inout XMLWriter) {
        writer.element("CreateMultiRegionAccessPointRequest") { writer in
            writer.element("Name", name)
            writer.element("PublicAccessBlock") { publicAccessBlock.write(&$0) }
            writer.element("Regions") { writer in
                for region in regions {
                    writer.element("Region") { writer in
                        writer.element("Bucket", region.bucket)
                        writer.element(ifPresent: "BucketAccountId", region.bucketAccountID)
                    }
                }
            }
        }
    }
}

/// The body of DeleteMultiRegionAccessPoint (spec/mrap.md §6.2).
package struct DeleteMultiRegionAccessPointRequest: Sendable, Hashable {
    package var clientToken: String?
    package var name: String

    package init(clientToken: String? = nil, name: String) {
        self.clientToken = clientToken
        self.name = name
    }

    package static func parse(
        _ body: some Collection<UInt8>
    ) throws(S3Error) -> DeleteMultiRegionAccessPointRequest {
        let root = try XMLReader.parse(body, root: "DeleteMultiRegionAccessPointRequest")
        return DeleteMultiRegionAccessPointRequest(
            clientToken: try root.clientToken(), name: try root.required("Details").required("Name").trimmedText)
    }

    func writeParameters(_ writer: inout XMLWriter) {
        writer.element("DeleteMultiRegionAccessPointRequest") { $0.element("Name", name) }
    }
}

/// The body of PutMultiRegionAccessPointPolicy (spec/mrap.md §6.6).
package struct PutMultiRegionAccessPointPolicyRequest: Sendable, Hashable {
    package var clientToken: String?
    package var name: String
    /// The JSON document as it came.
    package var policy: String

    package init(clientToken: String? = nil, name: String, policy: String) {
        self.clientToken = clientToken
        self.name = name
        self.policy = policy
    }

    package static func parse(
        _ body: some Collection<UInt8>
    ) throws(S3Error) -> PutMultiRegionAccessPointPolicyRequest {
        let root = try XMLReader.parse(body, root: "PutMultiRegionAccessPointPolicyRequest")
        let details = try root.required("Details")
        return PutMultiRegionAccessPointPolicyRequest(
            clientToken: try root.clientToken(), name: try details.required("Name").trimmedText,
            policy: try details.required("Policy").text)
    }

    func writeParameters(_ writer: inout XMLWriter) {
        writer.element("PutMultiRegionAccessPointPolicyRequest") { writer in
            writer.element("Name", name)
            writer.element("Policy", policy)
        }
    }
}

extension XMLElement {
    /// `ClientToken`: up to 64 characters without white space.
    fileprivate func clientToken() throws(S3Error) -> String? {
        guard let token = try child("ClientToken")?.text, !token.isEmpty else { return nil }
        guard token.utf8.count <= 64, token.unicodeScalars.allSatisfy({ !$0.properties.isWhitespace }) else {
            throw S3Error(.invalidRequest, "ClientToken must have 1 to 64 characters and no white space.")
        }
        return token
    }
}
