import Cluster
import S3Model
import Storage

/// What a region asks of another when it brings a version: the head of the call `apply`. The version's bytes are the
/// content behind it, as far as ``Body`` says.
enum ApplyCall: Sendable {
    static let name = "apply"
    static let version: UInt8 = 1
    /// Ten thousand parts with checksums, metadata and tags are well below.
    static let maximumBytes = 4 << 20

    /// Whether anybody is there, at the price of a few bytes.
    case probe
    case push(ReplicaPush, to: RegionName, Body)

    enum Body: Sendable, Hashable {
        /// None: the peer says whether, and from where on, it wants the bytes.
        case none
        /// All bytes, and they cannot be taken up in the middle.
        case whole
        /// The bytes from this one on, which the peer wanted.
        case from(Int64)
    }

    private enum Form {
        static let probe: UInt8 = 0
        static let push: UInt8 = 1
    }

    func encoded() -> [UInt8] {
        var writer = RecordWriter(version: Self.version)
        switch self {
        case .probe: writer.write(Form.probe)
        case .push(let push, let region, let body):
            writer.write(Form.push)
            writer.write(region.rawValue)
            writer.write(push.source.rawValue)
            writer.write(push.sourceBucket.rawValue)
            writer.write(push.destination.rawValue)
            writer.write(push.ruleID)
            writer.write(push.kind.rawValue)
            writer.write(UInt8(push.createsVersion ? 1 : 0))
            switch body {
            case .none: writer.write(UInt8(0))
            case .whole: writer.write(UInt8(1))
            case .from(let offset):
                writer.write(UInt8(2))
                writer.write(offset)
            }
            writer.write(push.version)
        }
        return writer.bytes
    }

    /// Throws `RecordError` for anything that ``encoded()`` would not have written.
    init(_ bytes: [UInt8]) throws {
        self = try RecordReader.message(bytes, version: Self.version, limit: Self.maximumBytes) {
            (reader) throws(RecordError) in try Self.read(&reader)
        }
    }

    private static func read(_ reader: inout RecordReader) throws(RecordError) -> ApplyCall {
        switch try reader.byte() {
        case Form.probe: return .probe
        case Form.push: break
        case let other: throw RecordError("has the unknown form \(other)")
        }
        let region = try reader.regionName()
        let source = try reader.regionName()
        let sourceBucket = try reader.bucketName()
        let destination = try reader.bucketName()
        let rule = try reader.text()
        let kind = try reader.enumeration(OutboxEntry.Kind.self)
        let creates = try reader.bool()
        let body = try body(&reader)
        let version = try reader.objectVersion()
        if case .from(let offset) = body, !(0...(version.object?.size ?? 0)).contains(offset) {
            throw RecordError("has bytes from \(offset) on, which are not in the object")
        }
        var push = ReplicaPush(
            source: source, sourceBucket: sourceBucket, destination: destination, ruleID: rule, kind: kind,
            version: version)
        push.createsVersion = creates
        return .push(push, to: region, body)
    }

    private static func body(_ reader: inout RecordReader) throws(RecordError) -> Body {
        switch try reader.byte() {
        case 0: return .none
        case 1: return .whole
        case 2: return .from(try reader.signed())
        case let other: throw RecordError("has the unknown kind of body \(other)")
        }
    }
}

/// What the other region answers to ``ApplyCall``.
enum ApplyAnswer: Sendable, Hashable {
    static let version: UInt8 = 1
    private static let maximumBytes = 64 * 1024

    case done(ApplyOutcome)
    /// Ask again with the bytes from this one on.
    case wantsBytes(from: Int64)
    /// As ``PeerError``.
    case unavailable(reason: String)
    case refused(reason: String)
    /// To a probe.
    case awake

    func encoded() -> [UInt8] {
        var writer = RecordWriter(version: Self.version)
        switch self {
        case .done(let outcome):
            writer.write(UInt8(1))
            writer.write(outcome.rawValue)
        case .wantsBytes(let offset):
            writer.write(UInt8(2))
            writer.write(offset)
        case .unavailable(let reason):
            writer.write(UInt8(3))
            writer.write(String(reason.prefix(1024)))
        case .refused(let reason):
            writer.write(UInt8(4))
            writer.write(String(reason.prefix(1024)))
        case .awake: writer.write(UInt8(5))
        }
        return writer.bytes
    }

    /// Throws `RecordError` for anything that ``encoded()`` would not have written.
    init(_ bytes: [UInt8]) throws {
        self = try RecordReader.message(bytes, version: Self.version, limit: Self.maximumBytes) {
            (reader) throws(RecordError) in
            switch try reader.byte() {
            case 1: .done(try reader.enumeration(ApplyOutcome.self))
            case 2: .wantsBytes(from: try reader.signed())
            case 3: .unavailable(reason: try reader.text())
            case 4: .refused(reason: try reader.text())
            case 5: .awake
            case let other: throw RecordError("has the unknown form \(other)")
            }
        }
    }
}
