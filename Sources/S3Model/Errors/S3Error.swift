/// The one error that reaches a client (DESIGN §5.9): S3's code, a message that says what was expected and what came, and
/// the fields that go into the error document or the headers.
package struct S3Error: Error, Sendable, CustomStringConvertible {
    package let code: S3ErrorCode
    package let message: String
    /// Extra elements of the error document in order, for example `("BucketName", "photos")`.
    package var fields: [Field]
    /// Extra response headers, for example `x-amz-bucket-region`.
    package var headers: [Field]

    package struct Field: Sendable, Hashable {
        package let name: String
        package let value: String
        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    package init(_ code: S3ErrorCode, _ message: String? = nil, fields: [Field] = [], headers: [Field] = []) {
        self.code = code
        self.message = message ?? code.defaultMessage
        self.fields = fields
        self.headers = headers
    }

    package var description: String { "\(code.rawValue): \(message)" }

    package func with(header name: String, _ value: String) -> S3Error {
        var copy = self
        copy.headers.append(Field(name, value))
        return copy
    }

    package func with(field name: String, _ value: String) -> S3Error {
        var copy = self
        copy.fields.append(Field(name, value))
        return copy
    }
}
