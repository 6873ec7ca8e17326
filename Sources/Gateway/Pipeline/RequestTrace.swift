package import NIOCore
package import S3Model

/// What became of one request, for metrics and the access log.
package struct RequestTrace: Sendable {
    package let id: RequestID
    package let startedNanoseconds: UInt64
    package var method = ""
    package var path = ""
    package var operation: S3Operation?
    package var peer: SocketAddress?
    /// Of a signature that was found valid.
    package var accessKeyID: String?
    package var accessPoint: String?
    package var bucket: String?
    /// The region that served.
    package var region: RegionName?
    /// Why that region, for requests through an access point.
    package var reason: String?
    package var status = 0
    package var errorCode: String?
    package var bytesIn: Int64 = 0
    package var bytesOut: Int64 = 0
    package var durationNanoseconds: UInt64 = 0

    package init(id: RequestID, startedNanoseconds: UInt64) {
        self.id = id
        self.startedNanoseconds = startedNanoseconds
    }
}

/// Learns of every request that was answered.
package protocol RequestObserver: Sendable {
    func finished(_ trace: RequestTrace)
}
