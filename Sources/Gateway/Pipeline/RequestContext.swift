package import AccessPoints
package import NIOCore
package import NIOHTTP1
package import Policy
package import S3Model
package import SigV4
package import Storage
import Synchronization

/// A request that has been parsed and signed for: what handlers see.
package struct S3Request: Sendable {
    package let id: RequestID
    package let operation: S3Operation
    package let query: QueryItems
    package let headers: HTTPHeaders
    package let body: any RequestBody
    package let payload: PayloadMode
    package let signature: VerifiedSignature?
    package let now: Timestamp
    /// What is known of the process of ours that sent the request here, where that was looked at before.
    package var note: ForwardingNote?
    package let caller: Identity
    /// As received, for `Resource` in errors.
    package let path: String
    /// The loop that the request's connection and its task are on.
    package let eventLoop: (any EventLoop)?

    package init(
        id: RequestID, operation: S3Operation, query: QueryItems, http: HTTPRequest, authentication: Authentication,
        caller: Identity, now: Timestamp, path: String
    ) {
        self.id = id
        self.operation = operation
        self.query = query
        headers = http.headers
        body = http.body
        payload = authentication.payload
        signature = authentication.signature
        self.now = now
        self.caller = caller
        self.path = path
        eventLoop = http.connection.eventLoop
    }

    /// The same request seen as another operation.
    init(copying other: S3Request, operation: S3Operation, query: QueryItems) {
        id = other.id
        self.operation = operation
        self.query = query
        headers = other.headers
        body = other.body
        payload = other.payload
        signature = other.signature
        now = other.now
        note = other.note
        caller = other.caller
        path = other.path
        eventLoop = other.eventLoop
    }

    /// A header's value, names compared without case.
    package func header(_ name: String) -> String? { headers.first(name: name) }

    /// The IAM action, for example `s3:GetObjectVersion` when a version is named.
    package var action: String { operation.action(hasVersionID: query.contains("versionId")) }

    package var pinnedRegion: RegionName? { query.pinnedRegion }
}

extension QueryItems {
    /// The region that an upload id or a continuation token ties a request to (spec/mrap.md §8.4).
    var pinnedRegion: RegionName? {
        if let upload = self["uploadId"] { return MultipartUpload.region(ofUploadID: upload) }
        if let token = self["continuation-token"] { return ContinuationToken(token)?.region }
        return nil
    }
}

/// A request that has found the bucket it acts on, and may act on it.
package struct BucketRequest: Sendable {
    package let request: S3Request
    package let store: RegionStore
    package let bucket: Bucket
    /// `nil` for operations on the bucket itself.
    package let key: ObjectKey?
    /// The access point it came through.
    package let accessPoint: RoutingEntry?
    package let routing: RouteReason?

    package var region: RegionName { store.region }
    package var query: QueryItems { request.query }
    package var owner: Owner { request.caller.owner }

    package func header(_ name: String) -> String? { request.header(name) }

    /// The key of an object operation. The parser hands object operations over only with a key.
    package func objectKey() throws(S3Error) -> ObjectKey {
        guard let key else { throw S3Error(.invalidURI, "This operation needs an object key in the path.") }
        return key
    }

    /// The `versionId` parameter. Throws `InvalidArgument` for ids that cannot be ours, as S3 does.
    package func versionID() throws(S3Error) -> VersionID? {
        guard let text = query["versionId"] else { return nil }
        guard let version = VersionID(text) else {
            throw S3Error(
                .invalidArgument, "Invalid version id specified",
                fields: [.init("ArgumentName", "versionId"), .init("ArgumentValue", text)])
        }
        return version
    }
}

/// `x-amz-request-id` and `x-amz-id-2`.
package struct RequestID: Sendable, Hashable, CustomStringConvertible {
    private static let digits = Array("0123456789ABCDEF".utf8)
    private let random: UInt64
    private let second: UInt64

    package init(_ random: UInt64, _ second: UInt64) {
        self.random = random
        self.second = second
    }

    package var description: String {
        String(unsafeUninitializedCapacity: 16) { buffer in
            var value = random
            for index in 0..<16 {
                buffer[index] = Self.digits[Int(value & 15)]
                value >>= 4
            }
            return 16
        }
    }

    /// The longer companion that S3 sends along.
    package var hostID: String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(16)
        withUnsafeBytes(of: second) { bytes.append(contentsOf: $0) }
        withUnsafeBytes(of: random) { bytes.append(contentsOf: $0) }
        return Base64.encode(bytes)
    }
}

/// Makes the ids of requests: a random start and a counter, mixed by SplitMix64, so that no request costs a system call.
/// Different for as long as the process runs; nobody has to be unable to guess them.
final class RequestIDs: Sendable {
    private static let step: UInt64 = 0x9E37_79B9_7F4A_7C15
    private let state: Atomic<UInt64>

    init(seed: UInt64) { state = Atomic(seed) }

    func next() -> RequestID {
        let start = state.wrappingAdd(Self.step, ordering: .relaxed).newValue
        return RequestID(Self.mix(start), Self.mix(start ^ Self.step))
    }

    private static func mix(_ value: UInt64) -> UInt64 {
        var value = value
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}

/// Where the next page of ListObjectsV2 starts. It carries its region, because a page of one region's listing means
/// nothing in another (spec/mrap.md §8.4). Version 1: base64 of `1`, the region, a newline and the last key.
package struct ContinuationToken: Sendable, Hashable {
    package let region: RegionName
    package let after: String

    package init(region: RegionName, after: String) {
        self.region = region
        self.after = after
    }

    package init?(_ text: String) {
        guard text.utf8.count <= 2048, let bytes = Base64.decode(text), bytes.first == 1,
            let newline = bytes.firstIndex(of: UInt8(ascii: "\n")),
            let name = String(validating: bytes[1..<newline], as: UTF8.self), let region = RegionName(name),
            let after = String(validating: bytes[(newline + 1)...], as: UTF8.self)
        else { return nil }
        self.init(region: region, after: after)
    }

    package var text: String {
        Base64.encode([1] + Array(region.rawValue.utf8) + [UInt8(ascii: "\n")] + Array(after.utf8))
    }
}
