package import S3Model

/// How a version travels between the processes of an installation: key, stamp and record, without where its bytes are.
extension RecordWriter {
    package mutating func write(_ version: ObjectVersion) {
        var version = version
        if case .object(var content) = version.content {
            content.data = .empty
            version.content = .object(content)
        }
        write(version.key.rawValue)
        write(version.stamp)
        let record = VersionRecord.encode(version)
        write(count: record.count)
        write(fixed: record)
    }
}

extension RecordReader {
    /// Above what any object can have (10,000 parts of 5 GiB), and low enough to be added up.
    private static let largestObject: Int64 = 1 << 50
    /// The end of the year 9999, in milliseconds.
    private static let latestTime: Int64 = 253_402_300_799_999

    /// What ``RecordWriter/write(_:)`` wrote of a version. Its numbers are within what objects can have.
    package mutating func objectVersion() throws(RecordError) -> ObjectVersion {
        let key = try objectKey()
        let stamp = try stamp()
        let version = try VersionRecord.decode(try fixed(try count()), key: key, stamp: stamp)
        guard (0...Self.latestTime).contains(version.modified.milliseconds) else {
            throw RecordError("was modified outside of the years that dates can show")
        }
        guard max(stamp.milliseconds, version.attributesStamp.milliseconds) <= VersionStamp.latestMilliseconds else {
            throw RecordError("has a stamp of a time that no clock shows")
        }
        guard let object = version.object else { return version }
        let sizes = 0...Self.largestObject
        guard sizes.contains(object.size), object.parts.count <= 10_000,
            object.parts.allSatisfy({ sizes.contains($0.size) && (1...10_000).contains($0.number) })
        else { throw RecordError("has sizes that no object has") }
        guard object.data == .empty else { throw RecordError("says where its bytes are") }
        return version
    }

    package mutating func objectKey() throws(RecordError) -> ObjectKey {
        let raw = try text()
        guard let key = ObjectKey(raw) else { throw RecordError("has a key that breaks the rules") }
        return key
    }

    package mutating func regionName() throws(RecordError) -> RegionName {
        let raw = try text()
        guard let name = RegionName(raw) else { throw RecordError("has a region name that breaks the rules") }
        return name
    }
}
