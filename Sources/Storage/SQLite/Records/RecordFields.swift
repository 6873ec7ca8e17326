package import S3Model

/// Fields that several records share. Their coding is part of each record's version: a change here is a new version of
/// all of them.
extension RecordWriter {
    package mutating func write(_ stamp: VersionStamp) { write(fixed: stamp.bytes) }
    package mutating func write(_ time: Timestamp) { write(time.milliseconds) }

    package mutating func write(_ owner: Owner) {
        write(owner.account.rawValue)
        write(owner.canonicalID)
        write(owner.displayName)
    }

    package mutating func write(_ tags: [Tag]) {
        write(list: tags) { writer, tag in
            writer.write(tag.key)
            writer.write(tag.value)
        }
    }

    mutating func write(_ algorithm: ChecksumAlgorithm?) {
        let code: UInt8 =
            switch algorithm {
            case nil: 0
            case .crc32: 1
            case .crc32c: 2
            case .crc64nvme: 3
            case .sha1: 4
            case .sha256: 5
            }
        write(code)
    }

    mutating func write(_ type: ChecksumType?) {
        let code: UInt8 =
            switch type {
            case nil: 0
            case .fullObject: 1
            case .composite: 2
            }
        write(code)
    }

    package mutating func write(_ checksum: ObjectChecksum?) {
        write(checksum?.algorithm)
        guard let checksum else { return }
        write(checksum.type)
        write(checksum.value)
    }

    /// A bit set says which of the headers are there; most objects have only a content type.
    mutating func write(_ metadata: ObjectMetadata) {
        let headers = [
            metadata.contentType, metadata.cacheControl, metadata.contentDisposition, metadata.contentEncoding,
            metadata.contentLanguage, metadata.expires, metadata.websiteRedirectLocation, metadata.storageClass,
        ]
        var present: UInt8 = 0
        for (bit, header) in headers.enumerated() where header != nil { present |= 1 << UInt8(bit) }
        write(present)
        for case let header? in headers { write(header) }
        write(list: metadata.user) { writer, item in
            writer.write(item.name)
            writer.write(item.value)
        }
    }

    mutating func write(_ data: ObjectData) {
        switch data {
        case .empty: write(UInt8(0))
        case .inline(let id, let crc32c):
            write(UInt8(1))
            write(id)
            write(UInt64(crc32c))
        case .blobs(let segments):
            write(UInt8(2))
            write(list: segments) { writer, segment in
                writer.write(segment.blob.rawValue)
                writer.write(segment.size)
            }
        }
    }
}

extension RecordReader {
    package mutating func stamp() throws(RecordError) -> VersionStamp {
        guard let stamp = VersionStamp(bytes: try fixed(VersionStamp.byteCount)) else {
            throw RecordError("has a stamp that is not one")
        }
        return stamp
    }

    package mutating func timestamp() throws(RecordError) -> Timestamp { Timestamp(milliseconds: try signed()) }

    package mutating func account() throws(RecordError) -> AccountID {
        let raw = try text()
        guard let account = AccountID(raw) else { throw RecordError("has an account that is not twelve digits") }
        return account
    }

    package mutating func owner() throws(RecordError) -> Owner {
        Owner(account: try account(), canonicalID: try text(), displayName: try text())
    }

    package mutating func bucketName() throws(RecordError) -> BucketName {
        let raw = try text()
        guard let name = BucketName(raw) else { throw RecordError("has a bucket name that breaks the rules") }
        return name
    }

    package mutating func tags() throws(RecordError) -> [Tag] {
        try list { (reader) throws(RecordError) in Tag(key: try reader.text(), value: try reader.text()) }
    }

    mutating func checksumAlgorithm() throws(RecordError) -> ChecksumAlgorithm? {
        switch try byte() {
        case 0: return nil
        case 1: return .crc32
        case 2: return .crc32c
        case 3: return .crc64nvme
        case 4: return .sha1
        case 5: return .sha256
        case let other: throw RecordError("has the unknown checksum algorithm \(other)")
        }
    }

    mutating func checksumType() throws(RecordError) -> ChecksumType? {
        switch try byte() {
        case 0: return nil
        case 1: return .fullObject
        case 2: return .composite
        case let other: throw RecordError("has the unknown checksum type \(other)")
        }
    }

    package mutating func checksum() throws(RecordError) -> ObjectChecksum? {
        guard let algorithm = try checksumAlgorithm() else { return nil }
        guard let type = try checksumType() else { throw RecordError("has a checksum without a type") }
        return ObjectChecksum(algorithm: algorithm, type: type, value: try text())
    }

    mutating func metadata() throws(RecordError) -> ObjectMetadata {
        var metadata = ObjectMetadata()
        let present = try byte()
        func header(_ bit: UInt8) throws(RecordError) -> String? { present & 1 << bit != 0 ? try text() : nil }
        metadata.contentType = try header(0)
        metadata.cacheControl = try header(1)
        metadata.contentDisposition = try header(2)
        metadata.contentEncoding = try header(3)
        metadata.contentLanguage = try header(4)
        metadata.expires = try header(5)
        metadata.websiteRedirectLocation = try header(6)
        metadata.storageClass = try header(7)
        metadata.user = try list { (reader) throws(RecordError) in
            UserMetadata(name: try reader.text(), value: try reader.text())
        }
        return metadata
    }

    mutating func objectData() throws(RecordError) -> ObjectData {
        switch try byte() {
        case 0: return .empty
        case 1:
            let id = try signed()
            let raw = try unsigned()
            guard let crc32c = UInt32(exactly: raw) else { throw RecordError("has a CRC32C over 32 bits") }
            return .inline(id: id, crc32c: crc32c)
        case 2:
            return .blobs(
                try list { (reader) throws(RecordError) in
                    BlobSegment(blob: BlobID(try reader.text()), size: try reader.signed())
                })
        case let other: throw RecordError("has the unknown kind of data \(other)")
        }
    }
}
