package import NIOHTTP1
package import S3Model

/// Which operation a request is, from the operation table.
package struct OperationCall: Sendable {
    package let operation: S3Operation
    /// What an S3 Control path carries: an access point's name or ARN, or a request token.
    package let controlParameter: String?

    /// Throws `MethodNotAllowed` for combinations S3 does not have, and `NotImplemented` by name for those we do not.
    package init(method: String, endpoint: Endpoint, target: RequestTarget, headers: HTTPHeaders) throws(S3Error) {
        let query = target.query
        let level: S3Operation.Level
        switch endpoint {
        case .control:
            guard let path = PercentEncoding.decode(target.rawPath.utf8) else {
                throw S3Error(.invalidURI, "The path is not percent-encoded UTF-8.")
            }
            let resolved = try S3Operation.resolveControl(method: method, path: path, query: { query[$0] })
            operation = resolved.operation
            controlParameter = resolved.parameter
            return
        case .service, .console: level = .service
        case .bucket(_, let key, _), .accessPoint(_, _, let key): level = key == nil ? .bucket : .object
        }
        let deciding = query.withoutSignature
        operation = try S3Operation.resolve(
            method: method, level: level, query: { deciding[$0] }, header: { headers.first(name: $0) })
        controlParameter = nil
    }
}
