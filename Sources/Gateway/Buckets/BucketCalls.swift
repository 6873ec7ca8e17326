import Cluster
import S3Model

/// What processes tell each other about buckets: one byte of version, then JSON, as in the control store.
protocol BucketMessage: Codable, Sendable {
    static var version: UInt8 { get }
}

extension BucketMessage {
    static var version: UInt8 { 1 }
    /// Fifty tags of the largest size, every character of them escaped, and room.
    static var maximumBytes: Int { 512 * 1024 }

    func encoded() throws -> [UInt8] { try ControlValue.encode(self, version: Self.version) }

    /// Throws `InvalidRequest` for anything that is not such a message of this version.
    static func decode(_ bytes: [UInt8]) throws(S3Error) -> Self {
        guard bytes.count <= maximumBytes else {
            throw S3Error(
                .invalidRequest, "A message of \(bytes.count) bytes is too long, \(maximumBytes) are allowed.")
        }
        do {
            return try ControlValue.decode(Self.self, from: bytes, version: version)
        } catch {
            throw S3Error(.invalidRequest, "The message of another process cannot be read: \(error)")
        }
    }
}

/// "Create this bucket in that region."
struct CreateBucketCall: BucketMessage, Equatable {
    struct Pair: Codable, Equatable {
        var key: String
        var value: String
    }

    var name: String
    var region: RegionName
    var owner: Owner
    var tags: [Pair]

    init(name: BucketName, owner: Owner, tags: [Tag], region: RegionName) {
        self.name = name.rawValue
        self.region = region
        self.owner = owner
        self.tags = tags.map { Pair(key: $0.key, value: $0.value) }
    }

    /// Throws what CreateBucket would for a name or tags that break the rules.
    func checked() throws(S3Error) -> (name: BucketName, owner: Owner, tags: [Tag]) {
        guard let name = BucketName(name) else {
            throw S3Error(.invalidBucketName, "'\(name.prefix(80))' is not a valid bucket name.")
        }
        let tags = tags.map { Tag(key: $0.key, value: $0.value) }
        try Tagging.validate(tags, kind: .bucket)
        return (name, owner, tags)
    }
}

/// "What is this bucket like?"
struct BucketStateCall: BucketMessage, Equatable {
    var name: String
    var region: RegionName

    struct Answer: BucketMessage, Equatable {
        /// The raw value of ``VersioningState``; `nil` when there is no such bucket.
        var versioning: UInt8?

        var state: VersioningState? { versioning.flatMap { VersioningState(rawValue: $0) } }
    }
}
