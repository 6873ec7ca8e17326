import S3Model

/// An error of the Security Token Service.
struct TokenFault: Error, Hashable {
    let status: Int
    let code: String
    let message: String

    static func invalidAction(_ action: String, version: String) -> TokenFault {
        TokenFault(
            status: 400, code: "InvalidAction",
            message: "Could not find operation \(action.prefix(64)) for version \(version.prefix(32)). "
                + "Meridian's STS has GetCallerIdentity of \(CallerIdentityDocument.version) only.")
    }

    static let missingAction = TokenFault(
        status: 400, code: "MissingAction", message: "The request lacks the parameter Action.")

    static let anonymous = TokenFault(
        status: 403, code: "MissingAuthenticationToken", message: "Request is missing Authentication Token")

    static let otherService = TokenFault(
        status: 403, code: "SignatureDoesNotMatch",
        message: "Credential should be scoped to correct service: 'sts'.")

    static let otherBody = TokenFault(
        status: 403, code: "SignatureDoesNotMatch", message: "The body is not the one that was signed.")

    init(status: Int, code: String, message: String) {
        self.status = status
        self.code = code
        self.message = message
    }

    /// STS names some of S3's errors differently.
    init(reporting error: any Error) {
        if let fault = error as? TokenFault {
            self = fault
            return
        }
        let known = S3Error(reporting: error)
        switch known.code {
        case .invalidAccessKeyId, .invalidToken:
            self.init(
                status: 403, code: "InvalidClientTokenId",
                message: "The security token included in the request is invalid.")
        case .authorizationHeaderMalformed, .authorizationQueryParametersError:
            self.init(status: 400, code: "IncompleteSignature", message: known.message)
        case .internalError:
            self.init(status: 500, code: "InternalFailure", message: known.message)
        default: self.init(status: known.code.status, code: known.code.rawValue, message: known.message)
        }
    }
}
