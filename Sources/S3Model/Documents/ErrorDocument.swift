/// The body of an error response.
package struct ErrorDocument: Sendable {
    package var error: S3Error
    /// The path of the resource; left out when `nil`.
    package var resource: String?
    package var requestID: String
    /// What goes into `x-amz-id-2`.
    package var hostID: String

    package init(_ error: S3Error, resource: String?, requestID: String, hostID: String) {
        self.error = error
        self.resource = resource
        self.requestID = requestID
        self.hostID = hostID
    }

    /// The flat form of the S3 API: `<Error><Code/><Message/>…<Resource/><RequestId/><HostId/></Error>`.
    package func xml() -> [UInt8] {
        XMLWriter.document("Error", capacity: 512) { writer in
            writeBody(&writer)
            writer.element(ifPresent: "Resource", resource)
            writer.element("RequestId", requestID)
            writer.element("HostId", hostID)
        }
    }

    /// The wrapped form of S3 Control, without which some SDKs lose the code (spec/mrap.md §5.2).
    package func controlXML() -> [UInt8] {
        XMLWriter.document("ErrorResponse", namespace: XMLNamespace.s3Control, capacity: 512) { writer in
            writer.element("Error") { writer in
                writer.element("Type", error.code.status >= 500 ? "Receiver" : "Sender")
                writeBody(&writer)
                writer.element(ifPresent: "Resource", resource)
            }
            writer.element("RequestId", requestID)
            writer.element("HostId", hostID)
        }
    }

    private func writeBody(_ writer: inout XMLWriter) {
        writer.element("Code", error.code.rawValue)
        writer.element("Message", error.message)
        for field in error.fields { writer.element(field.name, field.value) }
    }
}
