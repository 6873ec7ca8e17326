import Cluster
package import S3Model
import Storage

extension S3Error {
    /// The S3 error for anything that was thrown while a request was handled. Trouble that is not the client's is told
    /// without its inner detail, which goes to the log.
    package init(reporting error: any Error) {
        switch error {
        case let error as S3Error: self = error
        case let error as HTTPBodyError: self = Self.body(error)
        case let error as StorageError: self = Self.storage(error)
        case let error as ControlStoreError: self = Self.control(error)
        case is CancellationError:
            self = S3Error(.serviceUnavailable, "The server is stopping. Please try again.")
        default: self = S3Error(.internalError)
        }
    }

    private static func body(_ error: HTTPBodyError) -> S3Error {
        switch error {
        case .incomplete, .interrupted: S3Error(.incompleteBody)
        case .timeout:
            S3Error(
                .requestTimeout,
                "Your socket connection to the server was not read from or written to within the timeout period.")
        case .malformed: S3Error(.incompleteBody, "The body's transfer encoding is malformed.")
        }
    }

    private static func control(_ error: ControlStoreError) -> S3Error {
        switch error {
        case .conflict: S3Error(.operationAborted)
        case .unavailable:
            S3Error(
                .serviceUnavailable,
                "The installation's control store does not answer, which this request needs. Whether the change was made "
                    + "is not known. Please try again.")
        }
    }

    private static func storage(_ error: StorageError) -> S3Error {
        switch error {
        case .diskFull:
            S3Error(.serviceUnavailable, "The region's disk is full. Nothing was stored; free space and try again.")
        case .corrupt:
            S3Error(
                .internalError, "Stored bytes do not match their checksum. The damage is named in the server's log.")
        case .closed: S3Error(.serviceUnavailable, "The server is stopping. Please try again.")
        case .io, .unusable: S3Error(.internalError)
        }
    }

    static var anonymous: S3Error {
        S3Error(.accessDenied, "Access Denied: the request is not signed, and anonymous access is never allowed.")
    }

    static func tooLarge(limit: Int64) -> S3Error {
        S3Error(.entityTooLarge, fields: [.init("MaxSizeAllowed", "\(limit)")])
    }

    /// `InvalidArgument` with the argument's name and value, as S3 shows it.
    static func invalidArgument(_ message: String, name: String, value: String) -> S3Error {
        S3Error(
            .invalidArgument, message,
            fields: [.init("ArgumentName", name), .init("ArgumentValue", String(value.prefix(1024)))])
    }
}

extension S3ErrorCode {
    /// For something that never became a request.
    init(httpFailure status: Int) {
        self =
            switch status {
            case 403: .accessDenied
            case 408: .requestTimeout
            case 431: .requestHeaderSectionTooLarge
            case 503: .slowDown
            default: .invalidRequest
            }
    }
}
