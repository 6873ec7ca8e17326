import S3Model
import Storage

/// What is asked of a region in another process about what it has and others have not: the head of the call `read`.
enum ReadCall: Sendable, Hashable {
    static let name = "read"
    static let version: UInt8 = 1
    /// A key and a few names.
    static let maximumBytes = 16 * 1024

    /// Answered with ``Promises``.
    case promises(PromiseQuestion, of: BucketName, in: RegionName)
    /// Answered with ``Promises`` of the one version that a read of the key finds there, whether it is on its way or not;
    /// refused as such a read.
    case find(ObjectKey, version: VersionID?, of: BucketName, in: RegionName)
    /// Answered with the bytes of `range`, which is not empty, behind an empty ``Promises``; refused as `NoSuchVersion`
    /// when the version is gone.
    case content(ObjectKey, VersionStamp, isNull: Bool, range: Range<Int64>, of: BucketName, in: RegionName)
    /// Answered with ``OldestWork``.
    case oldestWork(in: RegionName)

    private enum Form {
        static let promises: UInt8 = 1
        static let content: UInt8 = 2
        static let find: UInt8 = 3
        static let oldestWork: UInt8 = 4
    }

    func encoded() -> [UInt8] {
        var writer = RecordWriter(version: Self.version)
        switch self {
        case .promises(let question, let bucket, let region):
            writer.write(Form.promises)
            writer.write(region.rawValue)
            writer.write(bucket.rawValue)
            writer.write(question.key.rawValue)
            Self.write(question.version, &writer)
            writer.write(question.destination.rawValue)
            writer.write(question.destinationOwner)
        case .find(let key, let version, let bucket, let region):
            writer.write(Form.find)
            writer.write(region.rawValue)
            writer.write(bucket.rawValue)
            writer.write(key.rawValue)
            Self.write(version, &writer)
        case .content(let key, let stamp, let isNull, let range, let bucket, let region):
            writer.write(Form.content)
            writer.write(region.rawValue)
            writer.write(bucket.rawValue)
            writer.write(key.rawValue)
            writer.write(stamp)
            writer.write(UInt8(isNull ? 1 : 0))
            writer.write(range.lowerBound)
            writer.write(range.upperBound)
        case .oldestWork(let region):
            writer.write(Form.oldestWork)
            writer.write(region.rawValue)
        }
        return writer.bytes
    }

    /// Throws `RecordError` for anything that ``encoded()`` would not have written.
    init(_ bytes: [UInt8]) throws {
        self = try RecordReader.message(bytes, version: Self.version, limit: Self.maximumBytes) {
            (reader) throws(RecordError) in try Self.read(&reader)
        }
    }

    private static func read(_ reader: inout RecordReader) throws(RecordError) -> ReadCall {
        let form = try reader.byte()
        let region = try reader.regionName()
        if form == Form.oldestWork { return .oldestWork(in: region) }
        let bucket = try reader.bucketName()
        let key = try reader.objectKey()
        switch form {
        case Form.promises:
            let question = PromiseQuestion(
                key: key, version: try versionID(&reader), destination: try reader.bucketName(),
                destinationOwner: try reader.owner())
            return .promises(question, of: bucket, in: region)
        case Form.find:
            return .find(key, version: try versionID(&reader), of: bucket, in: region)
        case Form.content:
            let stamp = try reader.stamp()
            let isNull = try reader.bool()
            let (start, end) = (try reader.signed(), try reader.signed())
            guard 0 <= start, start < end else { throw RecordError("has the empty range \(start)..<\(end)") }
            return .content(key, stamp, isNull: isNull, range: start..<end, of: bucket, in: region)
        default: throw RecordError("has the unknown form \(form)")
        }
    }

    private static func write(_ version: VersionID?, _ writer: inout RecordWriter) {
        switch version {
        case nil: writer.write(UInt8(0))
        case .null: writer.write(UInt8(1))
        case .stamp(let stamp):
            writer.write(UInt8(2))
            writer.write(stamp)
        }
    }

    private static func versionID(_ reader: inout RecordReader) throws(RecordError) -> VersionID? {
        switch try reader.byte() {
        case 0: return nil
        case 1: return .null
        case 2: return .stamp(try reader.stamp())
        case let other: throw RecordError("has the unknown kind of version \(other)")
        }
    }

    /// The answer's head: the least stamp of a region's replication work, ``RegionStore/oldestReplicationWork()``.
    struct OldestWork: Sendable, Hashable {
        var stamp: VersionStamp?

        init(_ stamp: VersionStamp?) { self.stamp = stamp }

        func encoded() -> [UInt8] {
            var writer = RecordWriter(version: ReadCall.version)
            writer.write(UInt8(stamp == nil ? 0 : 1))
            if let stamp { writer.write(stamp) }
            return writer.bytes
        }

        /// Throws `RecordError` for anything that ``encoded()`` would not have written.
        init(encoded bytes: [UInt8]) throws {
            stamp = try RecordReader.message(bytes, version: ReadCall.version, limit: PeerResponder.maximumHeadBytes) {
                (reader) throws(RecordError) in try reader.bool() ? try reader.stamp() : nil
            }
        }
    }

    /// The answer's head: what is on its way, newest first.
    struct Promises: Sendable, Hashable {
        var versions: [ObjectVersion]

        init(_ versions: [ObjectVersion]) { self.versions = versions }

        func encoded() -> [UInt8] {
            var writer = RecordWriter(version: ReadCall.version)
            writer.write(list: versions) { $0.write($1) }
            return writer.bytes
        }

        /// Throws `RecordError` for anything that ``encoded()`` would not have written.
        init(encoded bytes: [UInt8]) throws {
            versions = try RecordReader.message(
                bytes, version: ReadCall.version, limit: PeerResponder.maximumHeadBytes
            ) { (reader) throws(RecordError) in
                let versions = try reader.list { (reader) throws(RecordError) in try reader.objectVersion() }
                guard versions.count <= PromiseQuestion.promisesTold else {
                    throw RecordError("has \(versions.count) versions, too many")
                }
                return versions
            }
        }
    }
}
