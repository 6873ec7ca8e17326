import NIOCore
import NIOHTTP1
import Policy
import S3Model
import SigV4
import Storage

/// The one action of the Security Token Service that tools ask for before anything else: GetCallerIdentity. It gives out
/// no tokens.
struct TokenService: Sendable {
    /// What GetCallerIdentity is called in metrics and the log.
    static let operation = "GetCallerIdentity"
    private static let maximumBytes = 64 * 1024

    let authenticator: Authenticator

    /// Whether a request to `/` is for this service: by its host, or on any other host by being a form, which S3 has none
    /// of there. Clients with one endpoint for all services (`AWS_ENDPOINT_URL`) send it that way.
    static func isAddressed(_ request: HTTPRequest, host: String?) -> Bool {
        if isServiceName(EndpointResolver.name(ofHost: host)) { return true }
        guard request.method == "POST", let type = request.headers.first(name: "content-type") else { return false }
        return type.lowercased().hasPrefix("application/x-www-form-urlencoded")
    }

    /// `sts.amazonaws.com`, `sts.REGION.amazonaws.com` and their `-fips` forms.
    static func isServiceName(_ host: String) -> Bool {
        guard host.hasSuffix(".amazonaws.com") else { return false }
        let labels = host.split(separator: ".", omittingEmptySubsequences: false).dropLast(2)
        guard labels.first == "sts" || labels.first == "sts-fips" else { return false }
        return labels.count == 1 || labels.count == 2 && RegionName(String(labels.last ?? "")) != nil
    }

    /// Answers in the service's own form, errors included.
    func respond(to request: HTTPRequest, query: QueryItems, now: Timestamp, trace: inout RequestTrace) async
        -> HTTPResponse
    {
        trace.otherOperation = Self.operation
        do {
            let caller = try await caller(of: request, query: query, now: now, trace: &trace)
            let xml = CallerIdentityDocument.xml(
                arn: caller.arn, userID: Self.userID(of: caller), account: caller.account,
                requestID: trace.id.description)
            return Self.response(200, xml, trace)
        } catch {
            trace.note(error)
            let fault = TokenFault(reporting: error)
            trace.errorCode = fault.code
            var response = Self.response(
                fault.status,
                CallerIdentityDocument.errorXML(
                    code: fault.code, message: fault.message, isOurFault: fault.status >= 500,
                    requestID: trace.id.description), trace)
            response.closes = error is HTTPBodyError
            return response
        }
    }

    private func caller(
        of request: HTTPRequest, query: QueryItems, now: Timestamp, trace: inout RequestTrace
    ) async throws -> Identity {
        let (form, hash) = try await body(of: request)
        let parameters = request.method == "POST" ? try QueryItems(parsing: form[...]) : query
        let authentication = try authenticator.authenticate(request, bodySHA256: hash, now: now)
        trace.accessKeyID = authentication.signature?.accessKeyID
        guard let signature = authentication.signature, let caller = authentication.principal.identity else {
            throw TokenFault.anonymous
        }
        guard signature.service == "sts" else { throw TokenFault.otherService }
        if case .literal(let signed) = authentication.payload, signed != hash { throw TokenFault.otherBody }
        guard let action = parameters["Action"] else { throw TokenFault.missingAction }
        let version = parameters["Version"] ?? ""
        guard action == Self.operation, version == CallerIdentityDocument.version else {
            throw TokenFault.invalidAction(action, version: version)
        }
        return caller
    }

    /// The body as text, and the lower-case hex of its SHA-256: what the signature covers, since clients of this service
    /// send no header that says it.
    private func body(of request: HTTPRequest) async throws -> (text: String, sha256: String) {
        let digest = ContentDigest(DigestPlan(md5: false, sha256: true, checksum: nil))
        var bytes: [UInt8] = []
        while let piece = try await request.body.next() {
            guard bytes.count + piece.readableBytes <= Self.maximumBytes else {
                throw S3Error(.maxMessageLengthExceeded, "A request to STS has at most \(Self.maximumBytes) bytes.")
            }
            digest.update(piece)
            bytes.append(contentsOf: piece.readableBytesView)
        }
        return (String(decoding: bytes, as: UTF8.self), Hex.encode(digest.finish().sha256 ?? []))
    }

    /// AWS gives the root its account's number and every user an id that begins with AIDA and never changes.
    static func userID(of identity: Identity) -> String {
        guard identity.userName != nil else { return identity.account.rawValue }
        let digest = ContentDigest(DigestPlan(md5: false, sha256: true, checksum: nil))
        digest.update(ByteBuffer(string: identity.arn))
        return "AIDA" + Hex.encode(digest.finish().sha256 ?? []).prefix(17).uppercased()
    }

    private static func response(_ status: Int, _ xml: [UInt8], _ trace: RequestTrace) -> HTTPResponse {
        HTTPResponse(
            status: status, headers: ["Content-Type": "text/xml", "x-amzn-RequestId": trace.id.description],
            body: trace.method == "HEAD" ? .headOnly(length: Int64(xml.count)) : .buffer(ByteBuffer(bytes: xml)))
    }
}
