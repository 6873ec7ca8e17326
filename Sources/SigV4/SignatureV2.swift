import Crypto
import S3Model

/// A SigV2 claim, in the `Authorization` header (`AWS <access key>:<signature>`) or in the query string
/// (spec/clients.md §4.5). Source: AWS S3 developer guide, "Signing and authenticating REST requests".
struct SignatureV2 {
    /// Spellings of the same resource that clients sign.
    enum ResourceForm: CaseIterable {
        /// The path as it is sent.
        case raw
        /// The path escaped, from clients that send it less so.
        case encoded
        /// `/bucket/` where `/bucket` is sent: botocore.
        case bucket
        /// `/key` where `/LABEL.mrap/key` is sent: botocore signs a link to an access point's ARN without the ARN, also
        /// where an endpoint override makes it path style. Only where ``SignatureVerifier`` is told that the path stands
        /// for nothing else.
        case withoutLabel
    }

    let accessKeyID: String
    let signature: ArraySlice<UInt8>
    let isPresigned: Bool
    /// The line of the date in the string to sign: `Date`, nothing beside `x-amz-date`, or `Expires`.
    let dateLine: ArraySlice<UInt8>

    /// - Parameter authorization: what follows `AWS`.
    init(authorization: ArraySlice<UInt8>, parts: RequestParts, now: Timestamp) throws(S3Error) {
        guard let colon = authorization.lastIndex(of: UInt8(ascii: ":")), colon > authorization.startIndex,
            colon + 1 < authorization.endIndex
        else {
            throw S3Error(
                .invalidArgument, "AWS authorization header is invalid; expected AwsAccessKeyId:signature",
                fields: [.init("ArgumentName", "Authorization")])
        }
        let amzDate = parts.header("x-amz-date")
        guard let date = amzDate ?? parts.header("date"),
            let time = RequestDate.parse(http: date) ?? RequestDate.parse(basic: date)
        else {
            throw S3Error(.accessDenied, "AWS authentication requires a valid Date or x-amz-date header")
        }
        guard abs(now.milliseconds - time.milliseconds) <= SignatureFault.maximumSkewMilliseconds else {
            throw SignatureFault.skewed(requestTime: date.text, now: now)
        }
        accessKeyID = authorization[..<colon].text
        signature = authorization[(colon + 1)...]
        isPresigned = false
        dateLine = amzDate == nil ? date : []
    }

    init(query parts: RequestParts, now: Timestamp) throws(S3Error) {
        let names = ["AWSAccessKeyId", "Signature", "Expires"]
        guard names.allSatisfy({ parts.queryCount($0) == 1 }), let accessKeyID = parts.queryValue(names[0]),
            let signature = parts.queryValue(names[1]), let expires = parts.queryValue(names[2])
        else {
            throw S3Error(
                .accessDenied,
                "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters, each once")
        }
        guard let seconds = expires.decimal, seconds < Int64.max / 1000 else {
            throw S3Error(.accessDenied, "Invalid date (should be seconds since epoch): \(expires.prefix(32).text)")
        }
        let expiry = Timestamp(milliseconds: seconds * 1000)
        guard now < expiry else { throw SignatureFault.expired(at: expiry, lifetime: nil, now: now) }
        self.accessKeyID = accessKeyID.text
        self.signature = signature
        isPresigned = true
        dateLine = expires
    }

    /// For signing.
    init(accessKeyID: String, dateLine: ArraySlice<UInt8>, isPresigned: Bool) {
        self.accessKeyID = accessKeyID
        self.signature = []
        self.isPresigned = isPresigned
        self.dateLine = dateLine
    }

    /// - Parameter bucket: set when the host names the bucket.
    func stringToSign(_ parts: RequestParts, bucket: String?, resource form: ResourceForm) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(256)
        out.appendLine(parts.method)
        for name in ["content-md5", "content-type"] {
            out.appendLine(parts.header(name) ?? (isPresigned ? parts.queryValue(name) : nil) ?? [])
        }
        out.appendLine(dateLine)
        appendAmzHeaders(parts, to: &out)
        if let bucket {
            out.append(UInt8(ascii: "/"))
            out.append(contentsOf: bucket.utf8)
        }
        switch form {
        case .encoded: CanonicalRequest.appendPath(parts[parts.path], to: &out)
        case .raw: out.append(contentsOf: parts[parts.path])
        case .bucket:
            out.append(contentsOf: parts[parts.path])
            if bucket == nil, parts[parts.path].count(where: { $0 == UInt8(ascii: "/") }) == 1 {
                out.append(UInt8(ascii: "/"))
            }
        case .withoutLabel:
            out.append(contentsOf: parts[parts.path].dropFirst().drop { $0 != UInt8(ascii: "/") })
        }
        appendSubresources(parts, to: &out)
        return out
    }

    /// Whether what stands for headers in the query could be headers. The string to sign does not escape them: a line break
    /// in one would let whoever chose a signed `response-content-disposition` compose a request to another resource.
    func isUnambiguous(_ parts: RequestParts) -> Bool {
        !parts.query.contains { item in
            let isHeader =
                parts.isName(item.name, "content-type") || parts.isName(item.name, "content-md5")
                || parts.hasPrefix(item.name, "x-amz-")
            return isHeader && (parts[item.name] + parts[item.value]).contains { $0 < 0x20 || $0 == 0x7f }
        }
    }

    /// `x-amz-*` headers sorted by name; boto3 moves them into the query when it presigns, and they count the same.
    private func appendAmzHeaders(_ parts: RequestParts, to out: inout [UInt8]) {
        var fields = parts.headers.filter { parts.hasPrefix($0.name, "x-amz-") }.map { ($0.name, $0.value) }
        if isPresigned {
            fields += parts.query.filter { parts.hasPrefix($0.name, "x-amz-") }.map { ($0.name, $0.value) }
        }
        let order = fields.indices.sorted { one, other in
            let (left, right) = (parts[fields[one].0], parts[fields[other].0])
            return left.elementsEqual(right) ? one < other : left.lexicographicallyPrecedes(right)
        }
        var previous: ArraySlice<UInt8>?
        for index in order {
            let (name, value) = (parts[fields[index].0], parts[fields[index].1])
            if let previous, previous.elementsEqual(name) {
                out.append(UInt8(ascii: ","))
            } else {
                if previous != nil { out.append(UInt8(ascii: "\n")) }
                out.append(contentsOf: name)
                out.append(UInt8(ascii: ":"))
            }
            out.append(contentsOf: value)
            previous = name
        }
        if previous != nil { out.append(UInt8(ascii: "\n")) }
    }

    private func appendSubresources(_ parts: RequestParts, to out: inout [UInt8]) {
        let items = parts.query.filter { Self.subresources.contains(parts[$0.name].text) }.sorted {
            parts[$0.name].lexicographicallyPrecedes(parts[$1.name])
        }
        for (index, item) in items.enumerated() {
            out.append(UInt8(ascii: index == 0 ? "?" : "&"))
            out.append(contentsOf: parts[item.name])
            guard item.hasValue else { continue }
            out.append(UInt8(ascii: "="))
            out.append(contentsOf: parts[item.value])
        }
    }

    /// What SigV2 signs of the query. The list of AWS and botocore, and all younger sub-resources as well: a link to an
    /// object must not become a link to its retention by adding a parameter.
    private static let subresources: Set<String> = [
        "accelerate", "acl", "analytics", "attributes", "cors", "defaultObjectAcl", "delete", "encryption",
        "intelligent-tiering", "inventory", "legal-hold", "lifecycle", "location", "logging", "metadataTable",
        "metrics",
        "notification", "object-lock", "ownershipControls", "partNumber", "policy", "policyStatus",
        "publicAccessBlock", "renameObject", "replication", "requestPayment", "response-cache-control",
        "response-content-disposition", "response-content-encoding", "response-content-language",
        "response-content-type", "response-expires", "restore", "retention", "select", "select-type", "session",
        "storageClass", "tagging", "torrent", "uploadId", "uploads", "versionId", "versioning", "versions", "website",
    ]

    /// Base64 of HMAC-SHA1.
    static func sign(_ text: [UInt8], secret: String) -> [UInt8] {
        let key = SymmetricKey(data: Array(secret.utf8))
        return base64(Array(HMAC<Insecure.SHA1>.authenticationCode(for: text, using: key)))
    }

    private static func base64(_ bytes: [UInt8]) -> [UInt8] {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var out: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let word = group.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << (8 * UInt32(3 - group.count))
            for position in 0..<4 {
                let index = Int(word >> (18 - 6 * UInt32(position)) & 63)
                out.append(position <= group.count ? alphabet[index] : UInt8(ascii: "="))
            }
        }
        return out
    }
}

extension SignatureVerifier {
    func verify(_ claim: SignatureV2, _ parts: RequestParts) throws(S3Error) -> VerifiedSignature {
        let secret = try secret(of: claim.accessKeyID)
        let payload = try PayloadMode(header: parts.header("x-amz-content-sha256")?.text, algorithm: .v2)
        let bucket = parts.header("host").flatMap { virtualHostLabel($0.text) }
        let isValid =
            claim.isUnambiguous(parts)
            && SignatureV2.ResourceForm.allCases.contains { form in
                if form == .withoutLabel {
                    guard claim.isPresigned, bucket == nil, signsWithoutLabel(parts[parts.path].text) else {
                        return false
                    }
                }
                let text = claim.stringToSign(parts, bucket: bucket, resource: form)
                let expected = SignatureV2.sign(text, secret: secret.secretAccessKey)
                return isEqualInConstantTime(expected, claim.signature)
            }
        guard isValid else {
            throw SignatureFault.mismatch(
                accessKeyID: claim.accessKeyID, stringToSign: claim.stringToSign(parts, bucket: bucket, resource: .raw),
                signature: claim.signature, canonicalRequest: nil)
        }
        let token =
            parts.header("x-amz-security-token")
            ?? (claim.isPresigned ? parts.queryValue("x-amz-security-token") : nil)
        return VerifiedSignature(
            accessKeyID: claim.accessKeyID, algorithm: .v2, scopeRegion: nil, regionSet: nil, service: nil,
            isPresigned: claim.isPresigned, payload: payload, securityToken: token?.text, chunkVerifier: nil)
    }
}
