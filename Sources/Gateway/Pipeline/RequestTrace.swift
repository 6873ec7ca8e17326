package import NIOCore
package import S3Model
import Storage

/// What became of one request, for metrics and the access log.
package struct RequestTrace: Sendable {
    package let id: RequestID
    package let startedNanoseconds: UInt64
    package var method = ""
    package var path = ""
    package var operation: S3Operation?
    /// An operation of another service, in place of one of S3's: GetCallerIdentity.
    package var otherOperation: String?
    package var peer: SocketAddress?
    /// Of a signature that was found valid.
    package var accessKeyID: String?
    package var accessPoint: String?
    package var bucket: String?
    /// The region that served.
    package var region: RegionName?
    /// Why that region, for requests through an access point.
    package var reason: String?
    /// 0 when the client went away, or the body broke off, before the answer was complete.
    package var status = 0
    package var errorCode: String?
    /// Stored bytes turned out not to be what was written.
    package var foundDamage = false
    /// Of the body as it was received: what the client frames itself (`aws-chunked`) is in it.
    package var bytesIn: Int64 = 0
    /// Of the body.
    package var bytesOut: Int64 = 0
    /// From the request's head to the end of its answer.
    package var durationNanoseconds: UInt64 = 0

    /// No complete answer was sent.
    var isAborted = false

    package init(id: RequestID, startedNanoseconds: UInt64) {
        self.id = id
        self.startedNanoseconds = startedNanoseconds
    }
}

extension RequestTrace {
    /// Notes that the request failed with `error`. A client that has gone gets no answer, whatever was prepared for it.
    mutating func note(_ error: any Error) {
        switch error {
        case HTTPBodyError.incomplete, is CancellationError: isAborted = true
        case StorageError.corrupt: foundDamage = true
        default: break
        }
    }

    /// Notes how a body that was streamed has ended.
    mutating func note(_ end: ResponseEnd) {
        bytesOut = end.sentBytes
        if !end.isComplete { isAborted = true }
        guard let failure = end.failure else { return }
        note(failure)
        errorCode = S3Error(reporting: failure).code.rawValue
    }
}

/// Learns of every request, once its answer has ended.
package protocol RequestObserver: Sendable {
    func finished(_ trace: RequestTrace)
}
