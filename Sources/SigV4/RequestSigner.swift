import Crypto
package import S3Model

/// Signs requests: for our command line, for peers and for tests. One algorithm, region and service.
package struct RequestSigner: Sendable {
    private let secret: SigningSecret
    private let region: String
    private let service: String
    private let algorithm: SignatureAlgorithm
    /// SigV4A only.
    private let privateKey: P256.Signing.PrivateKey?

    /// - Parameter region: for SigV4 the region of the scope, for SigV4A the region set: `*`, or names with commas.
    package init(secret: SigningSecret, region: String, service: String = "s3", algorithm: SignatureAlgorithm = .v4) {
        self.secret = secret
        self.region = region
        self.service = service
        self.algorithm = algorithm
        privateKey = algorithm == .v4a ? SigningKeys.v4a(secret) : nil
    }

    /// The headers to add to a request so that it is signed: the date, the payload hash, the region set and
    /// `Authorization`, as far as they are not there. All of `headers` are signed but those that change on the way;
    /// `Host` must be among them, and a security token too.
    /// - Parameters:
    ///   - target: the path and query as they will be sent.
    ///   - payloadHash: for `x-amz-content-sha256` (spec/mrap.md §11.5).
    package func sign(
        method: String, target: String, headers: [(name: String, value: String)], payloadHash: String, now: Timestamp
    ) -> [(name: String, value: String)] {
        if algorithm == .v2 { return signV2(method: method, target: target, headers: headers, now: now) }
        let present = Set(headers.map { $0.name.lowercased() })
        let timestamp = now.basicISO
        var added: [(name: String, value: String)] = []
        func add(_ name: String, _ value: String) {
            if !present.contains(name) { added.append((name, value)) }
        }
        add("x-amz-date", timestamp)
        add("x-amz-content-sha256", payloadHash)
        if algorithm == .v4a { add("x-amz-region-set", region) }
        let parts = RequestParts(method: method, target: target, headers: headers + added)
        let date = parts.header("x-amz-date").map(Array.init) ?? Array(timestamp.utf8)
        let hash = parts.header("x-amz-content-sha256").map(Array.init) ?? []
        let signedHeaders = Self.signedHeaders(of: parts)
        let signature = signature(parts, signedHeaders: signedHeaders, timestamp: date, payloadHash: hash)
        let credential = "\(secret.accessKeyID)/\(scope(of: date))"
        added.append(
            (
                "Authorization",
                "\(algorithm.name) Credential=\(credential), SignedHeaders=\(signedHeaders), Signature=\(signature)"
            ))
        return added
    }

    /// The target with a signature in its query, valid for `lifetime` seconds (at most 604800). `headers` must be sent
    /// with the request; `Host` must be among them. A security token of SigV4 is passed as the query parameter
    /// `X-Amz-Security-Token` in `target`.
    package func presign(
        method: String, target: String, headers: [(name: String, value: String)], lifetime: Int64, now: Timestamp
    ) -> String {
        if algorithm == .v2 {
            return presignV2(method: method, target: target, headers: headers, lifetime: lifetime, now: now)
        }
        let timestamp = now.basicISO
        let credential = "\(secret.accessKeyID)/\(scope(of: Array(timestamp.utf8)))"
        let signedHeaders = Self.signedHeaders(of: RequestParts(method: method, target: target, headers: headers))
        var fields = [
            ("X-Amz-Algorithm", algorithm.name), ("X-Amz-Credential", credential), ("X-Amz-Date", timestamp),
            ("X-Amz-SignedHeaders", signedHeaders), ("X-Amz-Expires", "\(lifetime)"),
        ]
        if algorithm == .v4a { fields.append(("X-Amz-Region-Set", region)) }
        let unsigned = Self.adding(fields, to: target)
        let parts = RequestParts(method: method, target: unsigned, headers: headers)
        let hash = service == "s3" ? PayloadMode.unsignedName : PayloadMode.emptySHA256
        let signature = signature(
            parts, signedHeaders: signedHeaders, timestamp: Array(timestamp.utf8),
            payloadHash: parts.queryValue("X-Amz-Content-Sha256").map(Array.init)
                ?? parts.header("x-amz-content-sha256").map(Array.init) ?? Array(hash.utf8))
        return unsigned + "&X-Amz-Signature=\(signature)"
    }

    /// What changes on the way or belongs to one connection.
    private static let unsignedNames: Set<String> = [
        "authorization", "connection", "expect", "transfer-encoding", "user-agent", "x-amzn-trace-id",
    ]

    private static func signedHeaders(of parts: RequestParts) -> String {
        Set(parts.headers.map { parts[$0.name].text }).subtracting(unsignedNames)
            .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.joined(separator: ";")
    }

    private static func adding(_ fields: [(String, String)], to target: String) -> String {
        var out = Array(target.utf8)
        var separator = target.utf8.contains(UInt8(ascii: "?")) ? UInt8(ascii: "&") : UInt8(ascii: "?")
        for (name, value) in fields {
            out.append(separator)
            out.appendURIEncoded(name.utf8)
            out.append(UInt8(ascii: "="))
            out.appendURIEncoded(value.utf8)
            separator = UInt8(ascii: "&")
        }
        return out[...].text
    }

    private func scope(of timestamp: [UInt8]) -> String {
        let date = timestamp.prefix(8).text
        return algorithm == .v4a
            ? "\(date)/\(service)/aws4_request" : "\(date)/\(region)/\(service)/aws4_request"
    }
}

// MARK: Signatures

extension RequestSigner {
    /// Lower-case hex; empty, and so refused by every server, when a request without `Host` cannot be signed.
    private func signature(
        _ parts: RequestParts, signedHeaders: String, timestamp: [UInt8], payloadHash: [UInt8]
    ) -> String {
        guard
            let canonical = try? CanonicalRequest(
                parts, signedHeaders: Array(signedHeaders.utf8)[...], payloadHash: payloadHash,
                ignoredQueryName: nil)
        else { return "" }
        return signature(
            of: SigV4.stringToSign(
                algorithm: algorithm, timestamp: timestamp, scope: scope(of: timestamp).utf8,
                canonicalRequest: canonical.bytes(path: .encoded)), date: timestamp.prefix(8))
    }

    /// Signs any string to sign, those of chunks among them.
    func signature(of text: [UInt8], date: ArraySlice<UInt8>) -> String {
        var out: [UInt8] = []
        if algorithm == .v4a {
            guard let signature = try? privateKey?.signature(for: text) else { return "" }
            out.appendHex(signature.derRepresentation)
        } else {
            let key = SigningKeys.v4(
                secret: secret.secretAccessKey, date: date, region: region.utf8, service: service.utf8)
            out.appendHex(HMAC<SHA256>.authenticationCode(for: text, using: key))
        }
        return out[...].text
    }
}

// MARK: SigV2

extension RequestSigner {
    private func signV2(
        method: String, target: String, headers: [(name: String, value: String)], now: Timestamp
    ) -> [(name: String, value: String)] {
        let added = [(name: "x-amz-date", value: now.basicISO)]
        let parts = RequestParts(method: method, target: target, headers: headers + added)
        let claim = SignatureV2(accessKeyID: secret.accessKeyID, dateLine: [], isPresigned: false)
        let text = claim.stringToSign(parts, bucket: nil, resource: .raw)
        let signature = SignatureV2.sign(text, secret: secret.secretAccessKey)[...].text
        return added + [("Authorization", "AWS \(secret.accessKeyID):\(signature)")]
    }

    private func presignV2(
        method: String, target: String, headers: [(name: String, value: String)], lifetime: Int64, now: Timestamp
    ) -> String {
        let expires = String(now.seconds + lifetime)
        let parts = RequestParts(method: method, target: target, headers: headers)
        let claim = SignatureV2(
            accessKeyID: secret.accessKeyID, dateLine: Array(expires.utf8)[...], isPresigned: true)
        let signature = SignatureV2.sign(
            claim.stringToSign(parts, bucket: nil, resource: .raw), secret: secret.secretAccessKey)
        return Self.adding(
            [("AWSAccessKeyId", secret.accessKeyID), ("Signature", signature[...].text), ("Expires", expires)],
            to: target)
    }
}
