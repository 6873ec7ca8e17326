import S3Model
import Storage

/// What is asked of a region in another process when a read finds nothing in its own: the head of the call `read`.
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

    private enum Form {
        static let promises: UInt8 = 1
        static let content: UInt8 = 2
        static let find: UInt8 = 3
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
        }
        return writer.bytes
    }

    /// Throws `RecordError` for anything that ``encoded()`` would not have written.
    init(_ bytes: [UInt8]) throws {
        guard bytes.count <= Self.maximumBytes else { throw RecordError("is longer than \(Self.maximumBytes) bytes") }
        self = try bytes.withUnsafeBytes { bytes in
            var reader = try RecordReader(bytes, version: Self.version)
            let form = try reader.byte()
            let region = try reader.regionName()
            let bucket = try reader.bucketName()
            let key = try reader.objectKey()
            let call: ReadCall
            switch form {
            case Form.promises:
                let question = PromiseQuestion(
                    key: key, version: try Self.versionID(&reader), destination: try reader.bucketName(),
                    destinationOwner: try reader.owner())
                call = .promises(question, of: bucket, in: region)
            case Form.find:
                call = .find(key, version: try Self.versionID(&reader), of: bucket, in: region)
            case Form.content:
                let stamp = try reader.stamp()
                let isNull = try reader.bool()
                let (start, end) = (try reader.signed(), try reader.signed())
                guard 0 <= start, start < end else { throw RecordError("has the empty range \(start)..<\(end)") }
                call = .content(key, stamp, isNull: isNull, range: start..<end, of: bucket, in: region)
            default: throw RecordError("has the unknown form \(form)")
            }
            try reader.finish()
            return call
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
            versions = try bytes.withUnsafeBytes { bytes in
                var reader = try RecordReader(bytes, version: ReadCall.version)
                let versions = try reader.list { (reader) throws(RecordError) in try reader.objectVersion() }
                guard versions.count <= PromiseQuestion.promisesTold else {
                    throw RecordError("has \(versions.count) versions, too many")
                }
                try reader.finish()
                return versions
            }
        }
    }
}
