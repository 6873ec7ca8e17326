import S3Model

/// What a SigV4 or SigV4A request claims: parsed and well-formed, but nothing of it verified.
struct SignatureClaim {
    let algorithm: SignatureAlgorithm
    let isPresigned: Bool
    let accessKeyID: String
    /// `<access key>/<scope>`, as received.
    let credential: ArraySlice<UInt8>
    /// `<date>/[<region>/]<service>/aws4_request`.
    let scope: ArraySlice<UInt8>
    let date: ArraySlice<UInt8>
    /// SigV4 only.
    let region: ArraySlice<UInt8>?
    let service: ArraySlice<UInt8>
    let signedHeaders: ArraySlice<UInt8>
    let signature: ArraySlice<UInt8>
    /// `yyyyMMdd'T'HHmmss'Z'`, as it goes into the string to sign.
    let timestamp: [UInt8]
    let time: Timestamp
    /// Seconds that a presigned request is valid.
    let lifetime: Int64?
    /// SigV4A only.
    let regionSet: ArraySlice<UInt8>?
}

extension SignatureClaim {
    static let maximumLifetime: Int64 = 604_800
    private static let queryNames = [
        "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-Date", "X-Amz-SignedHeaders", "X-Amz-Expires",
        "X-Amz-Region-Set", "X-Amz-Security-Token", "X-Amz-Content-Sha256",
    ]

    /// From the value of `Authorization` behind the algorithm's name.
    init(
        authorization: ArraySlice<UInt8>, algorithm: SignatureAlgorithm, parts: RequestParts
    ) throws(S3Error) {
        var fields: [String: ArraySlice<UInt8>] = [:]
        for piece in authorization.split(separator: UInt8(ascii: ",")) {
            let piece = piece.trimmed
            guard let equals = piece.firstIndex(of: UInt8(ascii: "=")) else { continue }
            let name = piece[..<equals].text
            guard fields.updateValue(piece[(equals + 1)...], forKey: name) == nil else {
                throw SignatureFault.malformed("it has \(name) more than once.", isPresigned: false)
            }
        }
        guard let credential = fields["Credential"], let signedHeaders = fields["SignedHeaders"],
            let signature = fields["Signature"]
        else {
            throw SignatureFault.malformed(
                "the authorization header requires three components: Credential, SignedHeaders, and Signature.",
                isPresigned: false)
        }
        let (timestamp, time) = try Self.headerDate(parts)
        try self.init(
            algorithm: algorithm, isPresigned: false, credential: credential, signedHeaders: signedHeaders,
            signature: signature, timestamp: timestamp, time: time, lifetime: nil,
            regionSet: parts.header("x-amz-region-set"))
    }

    /// From the query string.
    init(query parts: RequestParts) throws(S3Error) {
        // One bit per name that was seen.
        var seen: UInt32 = 0
        for item in parts.query {
            guard let index = Self.queryNames.firstIndex(where: { parts.isName(item.name, $0) }) else { continue }
            guard seen & 1 << UInt32(index) == 0 else {
                throw SignatureFault.malformed("\(Self.queryNames[index]) is there more than once.", isPresigned: true)
            }
            seen |= 1 << UInt32(index)
        }
        guard let algorithmName = parts.queryValue("X-Amz-Algorithm"),
            let credential = parts.queryValue("X-Amz-Credential"),
            let signature = parts.queryValue("X-Amz-Signature"), let date = parts.queryValue("X-Amz-Date"),
            let signedHeaders = parts.queryValue("X-Amz-SignedHeaders"), let expires = parts.queryValue("X-Amz-Expires")
        else {
            throw SignatureFault.malformed(
                "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, "
                    + "X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.", isPresigned: true)
        }
        let algorithms: [SignatureAlgorithm] = [.v4, .v4a]
        guard let algorithm = algorithms.first(where: { algorithmName.equals($0.name) }) else {
            throw SignatureFault.malformed(
                #"X-Amz-Algorithm only supports "AWS4-HMAC-SHA256" and "AWS4-ECDSA-P256-SHA256""#, isPresigned: true)
        }
        guard let time = RequestDate.parse(basic: date) else {
            throw SignatureFault.malformed(
                #"X-Amz-Date must be in the ISO8601 Long Format "yyyyMMdd'T'HHmmss'Z'""#, isPresigned: true)
        }
        try self.init(
            algorithm: algorithm, isPresigned: true, credential: credential, signedHeaders: signedHeaders,
            signature: signature, timestamp: Array(date), time: time, lifetime: try Self.lifetime(expires),
            regionSet: parts.queryValue("X-Amz-Region-Set"))
    }

    private init(
        algorithm: SignatureAlgorithm, isPresigned: Bool, credential: ArraySlice<UInt8>,
        signedHeaders: ArraySlice<UInt8>, signature: ArraySlice<UInt8>, timestamp: [UInt8], time: Timestamp,
        lifetime: Int64?, regionSet: ArraySlice<UInt8>?
    ) throws(S3Error) {
        // The access key may hold slashes, the scope may not: it is taken from the end.
        let terminator = Self.lastPiece(of: credential)
        let service = Self.lastPiece(of: credential[..<terminator.before])
        let region = Self.lastPiece(of: credential[..<service.before])
        let date = algorithm == .v4 ? Self.lastPiece(of: credential[..<region.before]) : region
        guard date.isBehindSlash, date.piece.count == 8, date.piece.allSatisfy({ $0.isDigit }),
            date.piece.startIndex > credential.startIndex + 1, !terminator.piece.isEmpty, !service.piece.isEmpty,
            !region.piece.isEmpty
        else {
            let place = algorithm == .v4 ? "REGION/" : ""
            let source = isPresigned ? "Error parsing the X-Amz-Credential parameter; " : ""
            throw SignatureFault.malformed(
                source
                    + "the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/\(place)SERVICE/aws4_request\".",
                isPresigned: isPresigned)
        }
        guard terminator.piece.equals("aws4_request") else {
            throw SignatureFault.malformed(
                "incorrect terminal \"\(terminator.piece.text)\". This endpoint uses \"aws4_request\".",
                isPresigned: isPresigned)
        }
        guard date.piece.elementsEqual(timestamp[..<8]) else {
            throw SignatureFault.malformed(
                "Invalid credential date \"\(date.piece.text)\". This date is not the same as X-Amz-Date: "
                    + "\"\(timestamp[..<8].text)\".", isPresigned: isPresigned)
        }
        if algorithm == .v4a, regionSet?.isEmpty ?? true {
            throw SignatureFault.malformed(
                "\(algorithm.name) requires \(isPresigned ? "X-Amz-Region-Set" : "the header x-amz-region-set").",
                isPresigned: isPresigned)
        }
        self.algorithm = algorithm
        self.isPresigned = isPresigned
        self.accessKeyID = credential[..<date.before].text
        self.credential = credential
        self.scope = credential[date.piece.startIndex...]
        self.date = date.piece
        self.region = algorithm == .v4 ? region.piece : nil
        self.service = service.piece
        self.signedHeaders = signedHeaders
        self.signature = signature
        self.timestamp = timestamp
        self.time = time
        self.lifetime = lifetime
        self.regionSet = algorithm == .v4a ? regionSet : nil
    }

    /// What stands behind the last slash, where that slash is, and whether there is one; without it everything counts as
    /// behind it.
    private static func lastPiece(
        of text: ArraySlice<UInt8>
    ) -> (piece: ArraySlice<UInt8>, before: Int, isBehindSlash: Bool) {
        var index = text.endIndex
        while index > text.startIndex {
            index -= 1
            if text[index] == UInt8(ascii: "/") { return (text[(index + 1)...], index, true) }
        }
        return (text, text.startIndex, false)
    }

    /// `x-amz-date`, or `Date` in one of the two forms when there is none.
    private static func headerDate(_ parts: RequestParts) throws(S3Error) -> (text: [UInt8], time: Timestamp) {
        guard parts.headerCount("x-amz-date") <= 1 else {
            throw S3Error(.accessDenied, "The header x-amz-date is there more than once.")
        }
        if let text = parts.header("x-amz-date") {
            if let time = RequestDate.parse(basic: text) { return (Array(text), time) }
        } else if let text = parts.header("date") {
            if let time = RequestDate.parse(basic: text) { return (Array(text), time) }
            if let time = RequestDate.parse(http: text) { return (Array(time.basicISO.utf8), time) }
        }
        throw S3Error(
            .accessDenied,
            "AWS authentication requires a valid Date or x-amz-date header, for example x-amz-date: 20261120T233057Z.")
    }

    private static func lifetime(_ text: ArraySlice<UInt8>) throws(S3Error) -> Int64 {
        if text.first == UInt8(ascii: "-"), text.dropFirst().decimal != nil {
            throw SignatureFault.malformed("X-Amz-Expires must be non-negative", isPresigned: true)
        }
        guard !text.isEmpty, text.allSatisfy({ $0.isDigit }) else {
            throw SignatureFault.malformed("X-Amz-Expires should be a number", isPresigned: true)
        }
        guard let seconds = text.decimal, seconds <= maximumLifetime else {
            throw SignatureFault.malformed(
                "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than "
                    + "604800 seconds", isPresigned: true)
        }
        return seconds
    }

    /// The skew of header signatures is at most 15 minutes either way; presigned requests live until they expire.
    func checkTime(now: Timestamp) throws(S3Error) {
        let age = now.milliseconds - time.milliseconds
        let text = timestamp[...].text
        guard let lifetime else {
            guard abs(age) <= SignatureFault.maximumSkewMilliseconds else {
                throw SignatureFault.skewed(requestTime: text, now: now)
            }
            return
        }
        guard age >= -SignatureFault.maximumSkewMilliseconds else {
            throw SignatureFault.notYetValid(requestTime: text, now: now)
        }
        guard age < lifetime * 1000 else {
            let expiry = Timestamp(milliseconds: time.milliseconds + lifetime * 1000)
            throw SignatureFault.expired(at: expiry, lifetime: lifetime, now: now)
        }
    }
}
