/// The answers of the Security Token Service, in the form of its API of 2011-06-15.
package enum CallerIdentityDocument {
    package static let version = "2011-06-15"
    static let namespace = "https://sts.amazonaws.com/doc/2011-06-15/"

    /// The answer to GetCallerIdentity.
    package static func xml(arn: String, userID: String, account: AccountID, requestID: String) -> [UInt8] {
        XMLWriter.document("GetCallerIdentityResponse", namespace: namespace) { writer in
            writer.element("GetCallerIdentityResult") { writer in
                writer.element("Arn", arn)
                writer.element("UserId", userID)
                writer.element("Account", account.rawValue)
            }
            writer.element("ResponseMetadata") { $0.element("RequestId", requestID) }
        }
    }

    /// `isOurFault` tells a client whether to try again.
    package static func errorXML(code: String, message: String, isOurFault: Bool, requestID: String) -> [UInt8] {
        XMLWriter.document("ErrorResponse", namespace: namespace) { writer in
            writer.element("Error") { writer in
                writer.element("Type", isOurFault ? "Receiver" : "Sender")
                writer.element("Code", code)
                writer.element("Message", message)
            }
            writer.element("RequestId", requestID)
        }
    }
}
