package import Logging

/// One answered request, as the access log tells it. No header, no query value and no signature is in here.
package struct AccessLogEntry: Sendable {
    package var requestID: String
    package var remoteAddress: String?
    package var method: String
    /// The path without its query, which may hold a presigned signature.
    package var path: String
    package var operation: String
    /// The caller's access key id; `nil` for anonymous requests.
    package var accessKeyID: String?
    package var region: String?
    package var bucket: String?
    package var accessPoint: String?
    /// Why the route chooser took this region.
    package var routeReason: String?
    /// 0 when the client went away before the answer was complete.
    package var status: Int
    package var errorCode: String?
    package var bytesIn: Int64
    package var bytesOut: Int64
    package var nanoseconds: UInt64

    package init(
        requestID: String, method: String, path: String, operation: String, status: Int, bytesIn: Int64,
        bytesOut: Int64, nanoseconds: UInt64
    ) {
        self.requestID = requestID
        self.method = method
        self.path = path
        self.operation = operation
        self.status = status
        self.bytesIn = bytesIn
        self.bytesOut = bytesOut
        self.nanoseconds = nanoseconds
    }
}

/// Writes one line per request through the logger it is given, at level `info`. A logger with a higher level makes it
/// free: the line is not formatted.
package struct AccessLog: Sendable {
    private let logger: Logger

    package init(logger: Logger) { self.logger = logger }

    package var isEnabled: Bool { logger.logLevel <= .info }

    package func record(_ entry: @autoclosure () -> AccessLogEntry) {
        guard isEnabled else { return }
        let entry = entry()
        logger.info("request", metadata: Self.metadata(entry))
    }

    static func metadata(_ entry: AccessLogEntry) -> Logger.Metadata {
        var out: Logger.Metadata = [
            "request.id": .string(entry.requestID), "http.method": .string(entry.method),
            "http.path": .string(entry.path), "s3.operation": .string(entry.operation),
            "http.status": .stringConvertible(entry.status), "bytes.in": .stringConvertible(entry.bytesIn),
            "bytes.out": .stringConvertible(entry.bytesOut),
            "duration.us": .stringConvertible(entry.nanoseconds / 1000),
        ]
        func add(_ key: String, _ value: String?) { if let value { out[key] = .string(value) } }
        add("peer", entry.remoteAddress)
        add("access_key", entry.accessKeyID)
        add("region", entry.region)
        add("bucket", entry.bucket)
        add("access_point", entry.accessPoint)
        add("route.reason", entry.routeReason)
        add("s3.error", entry.errorCode)
        return out
    }
}
