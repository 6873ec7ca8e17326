/// The four Block Public Access switches, of a bucket or of an access point.
package struct PublicAccessBlockConfiguration: Sendable, Hashable {
    package var blockPublicAcls: Bool
    package var ignorePublicAcls: Bool
    package var blockPublicPolicy: Bool
    package var restrictPublicBuckets: Bool

    /// All four alike.
    package init(all value: Bool) {
        blockPublicAcls = value
        ignorePublicAcls = value
        blockPublicPolicy = value
        restrictPublicBuckets = value
    }

    /// The body of PutPublicAccessBlock, where a switch that is not named is off.
    package static func parse(_ body: some Collection<UInt8>) throws(S3Error) -> PublicAccessBlockConfiguration {
        try parse(XMLReader.parse(body, root: "PublicAccessBlockConfiguration"), missing: false)
    }

    static func parse(_ element: XMLElement, missing: Bool) throws(S3Error) -> PublicAccessBlockConfiguration {
        var block = PublicAccessBlockConfiguration(all: missing)
        block.blockPublicAcls = try element.boolean("BlockPublicAcls") ?? missing
        block.ignorePublicAcls = try element.boolean("IgnorePublicAcls") ?? missing
        block.blockPublicPolicy = try element.boolean("BlockPublicPolicy") ?? missing
        block.restrictPublicBuckets = try element.boolean("RestrictPublicBuckets") ?? missing
        return block
    }

    package func xml() -> [UInt8] {
        XMLWriter.document("PublicAccessBlockConfiguration", namespace: XMLNamespace.s3) { write(&$0) }
    }

    func write(_ writer: inout XMLWriter) {
        writer.element("BlockPublicAcls", blockPublicAcls)
        writer.element("IgnorePublicAcls", ignorePublicAcls)
        writer.element("BlockPublicPolicy", blockPublicPolicy)
        writer.element("RestrictPublicBuckets", restrictPublicBuckets)
    }
}

/// The document of bucket ownership controls.
package struct OwnershipControls: Sendable, Hashable {
    package enum Ownership: String, Sendable, Hashable, CaseIterable {
        case bucketOwnerEnforced = "BucketOwnerEnforced"
        case bucketOwnerPreferred = "BucketOwnerPreferred"
        case objectWriter = "ObjectWriter"
    }

    package var ownership: Ownership

    package init(ownership: Ownership) { self.ownership = ownership }

    package static func parse(_ body: some Collection<UInt8>) throws(S3Error) -> OwnershipControls {
        let rule = try XMLReader.parse(body, root: "OwnershipControls").required("Rule")
        let text = try rule.required("ObjectOwnership").trimmedText
        guard let ownership = Ownership(rawValue: text) else {
            let known = Ownership.allCases.map(\.rawValue).joined(separator: ", ")
            throw .malformed("'ObjectOwnership' must be one of \(known), but it is '\(text.prefix(64))'.")
        }
        return OwnershipControls(ownership: ownership)
    }

    package func xml() -> [UInt8] {
        XMLWriter.document("OwnershipControls", namespace: XMLNamespace.s3) { writer in
            writer.element("Rule") { $0.element("ObjectOwnership", ownership.rawValue) }
        }
    }
}

/// The document of access control lists. Buckets here are always BucketOwnerEnforced, so the only one there is gives the
/// owner full control.
package struct AccessControlPolicy: Sendable, Hashable {
    package struct Grant: Sendable, Hashable {
        /// The canonical id, the URI of a group, or an e-mail address.
        package var grantee: String
        package var permission: String
    }

    package var grants: [Grant]

    /// Whether the list says no more than that `owner` has full control.
    package func isOwnerFullControl(_ owner: Owner) -> Bool {
        grants.allSatisfy { $0.grantee == owner.canonicalID && $0.permission == "FULL_CONTROL" }
    }

    /// Throws `MalformedACLError` for grants without grantee or with an unknown permission.
    package static func parse(_ body: some Collection<UInt8>) throws(S3Error) -> AccessControlPolicy {
        let list = try XMLReader.parse(body, root: "AccessControlPolicy").child("AccessControlList")
        var grants: [Grant] = []
        for grant in list?.all("Grant") ?? [] {
            let grantee = try grant.required("Grantee")
            var name: String?
            for element in ["ID", "URI", "EmailAddress"] where name == nil { name = try grantee.trimmed(element) }
            let permission = try grant.trimmed("Permission") ?? ""
            guard let name, ["FULL_CONTROL", "WRITE", "WRITE_ACP", "READ", "READ_ACP"].contains(permission) else {
                throw S3Error(.malformedACLError, "A grant needs a grantee and a permission that S3 has.")
            }
            grants.append(Grant(grantee: name, permission: permission))
        }
        return AccessControlPolicy(grants: grants)
    }

    /// The answer of GetBucketAcl and GetObjectAcl: `owner` has full control.
    package static func xml(owner: Owner) -> [UInt8] {
        XMLWriter.document("AccessControlPolicy", namespace: XMLNamespace.s3) { writer in
            writer.owner(owner)
            writer.element("AccessControlList") { writer in
                writer.element("Grant") { writer in
                    writer.open(
                        "Grantee",
                        attributes: [
                            ("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance"), ("xsi:type", "CanonicalUser"),
                        ])
                    writer.element("ID", owner.canonicalID)
                    writer.element("DisplayName", owner.displayName)
                    writer.close("Grantee")
                    writer.element("Permission", "FULL_CONTROL")
                }
            }
        }
    }
}
