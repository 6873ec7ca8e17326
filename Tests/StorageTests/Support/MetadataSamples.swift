import S3Model
import Storage
import Testing

/// Steele, Lea and Flood's SplitMix64: the same numbers for the same seed on every machine.
struct SampleRandom: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}

/// Values for tests, made from a seed or from short arguments.
enum Sample {
    static let owner: Owner = {
        guard let account = AccountID("111122223333") else { preconditionFailure("twelve digits") }
        return Owner(account: account, canonicalID: String(repeating: "ab", count: 32), displayName: "tester")
    }()

    static func name(_ text: String) throws -> BucketName { try #require(BucketName(text)) }
    static func key(_ text: String) throws -> ObjectKey { try #require(ObjectKey(text)) }
    static func stamp(_ number: Int) -> VersionStamp {
        VersionStamp(milliseconds: UInt64(number), counter: 7, region: 9)
    }

    static func bucket(_ name: String) throws -> Bucket {
        Bucket(name: try self.name(name), owner: owner, created: Timestamp(milliseconds: 1_700_000_000_000))
    }

    static func object(_ key: String, _ stamp: Int, data: ObjectData = .empty, isNull: Bool = false) throws
        -> ObjectVersion
    {
        let content = ObjectContent(
            size: 3, etag: ETag("d41d8cd98f00b204e9800998ecf8427e"), metadata: ObjectMetadata(), data: data)
        return ObjectVersion(
            key: try self.key(key), stamp: self.stamp(stamp), isNull: isNull, content: .object(content),
            modified: Timestamp(milliseconds: Int64(stamp)), owner: owner)
    }

    static func marker(_ key: String, _ stamp: Int, isNull: Bool = false) throws -> ObjectVersion {
        ObjectVersion(
            key: try self.key(key), stamp: self.stamp(stamp), isNull: isNull, content: .deleteMarker,
            modified: Timestamp(milliseconds: Int64(stamp)), owner: owner)
    }

    static func blobs(_ names: String...) -> ObjectData {
        .blobs(names.map { BlobSegment(blob: BlobID($0), size: 100) })
    }

    static func upload(_ id: String, _ key: String, bucket: Int64) throws -> MultipartUpload {
        MultipartUpload(
            id: id, bucket: bucket, key: try self.key(key), initiated: Timestamp(milliseconds: 5), owner: owner,
            metadata: ObjectMetadata())
    }

    static func part(_ number: Int, data: ObjectData = .empty) -> UploadedPart {
        UploadedPart(
            number: number, size: 100, etag: ETag("e\(number)"), modified: Timestamp(milliseconds: 9), checksum: nil,
            data: data)
    }

    static func entry(
        _ bucket: Int64, _ key: String, _ stamp: Int, to destination: String = "destination", rule: String = "rule",
        bytes: Int64 = 10, enqueued: Int64 = 1
    ) throws -> OutboxEntry {
        OutboxEntry(
            bucket: bucket, key: try self.key(key), stamp: self.stamp(stamp), kind: .object,
            destination: try name(destination), ruleID: rule, bytes: bytes, enqueued: Timestamp(milliseconds: enqueued))
    }

    // MARK: Random values

    static func text(_ random: inout SampleRandom, upTo limit: Int) -> String {
        let alphabet: [Character] = ["a", "b", "/", "é", "e\u{301}", "🙂", "\u{0}", " ", "Z", "\u{FFFF}"]
        return String(
            (0..<Int.random(in: 0...limit, using: &random)).map { _ in
                alphabet.randomElement(using: &random) ?? "x"
            })
    }

    static func checksum(_ random: inout SampleRandom) -> ObjectChecksum? {
        guard Bool.random(using: &random), let algorithm = ChecksumAlgorithm.allCases.randomElement(using: &random)
        else { return nil }
        let type: ChecksumType = Bool.random(using: &random) ? .fullObject : .composite
        return ObjectChecksum(algorithm: algorithm, type: type, value: text(&random, upTo: 20))
    }

    static func metadata(_ random: inout SampleRandom) -> ObjectMetadata {
        var metadata = ObjectMetadata()
        let headers: [WritableKeyPath<ObjectMetadata, String?>] = [
            \.contentType, \.cacheControl, \.contentDisposition, \.contentEncoding, \.contentLanguage, \.expires,
            \.websiteRedirectLocation, \.storageClass,
        ]
        for header in headers where Int.random(in: 0..<3, using: &random) == 0 {
            metadata[keyPath: header] = text(&random, upTo: 30)
        }
        for _ in 0..<Int.random(in: 0..<3, using: &random) {
            metadata.user.append(
                UserMetadata(name: text(&random, upTo: 5), value: text(&random, upTo: 400)))
        }
        return metadata
    }

    static func tags(_ random: inout SampleRandom) -> [S3Model.Tag] {
        (0..<Int.random(in: 0..<3, using: &random)).map { _ in
            S3Model.Tag(key: text(&random, upTo: 6), value: text(&random, upTo: 6))
        }
    }

    static func data(_ random: inout SampleRandom) -> ObjectData {
        switch Int.random(in: 0..<3, using: &random) {
        case 0: .empty
        case 1:
            .inline(
                id: Int64.random(in: 1...Int64.max, using: &random),
                crc32c: UInt32.random(in: 0...UInt32.max, using: &random))
        default:
            .blobs(
                (0..<Int.random(in: 0..<40, using: &random)).map { _ in
                    BlobSegment(
                        blob: BlobID("e-\(UInt64.random(in: 0..<1000, using: &random))"),
                        size: Int64.random(in: 0...Int64.max, using: &random))
                })
        }
    }

    static func version(_ random: inout SampleRandom) throws -> ObjectVersion {
        let stamp = VersionStamp(
            milliseconds: random.next() >> 16, counter: UInt32.random(in: 0...9, using: &random),
            region: UInt32.random(in: 0...UInt32.max, using: &random))
        var content = ObjectContent(
            size: Int64.random(in: 0...Int64.max, using: &random), etag: ETag("abc-\(random.next())"),
            metadata: metadata(&random), data: data(&random))
        content.tags = tags(&random)
        content.checksum = checksum(&random)
        content.parts = (0..<Int.random(in: 0..<30, using: &random)).map { number in
            ObjectContent.Part(number: number + 1, size: Int64(number), checksum: checksum(&random))
        }
        var version = ObjectVersion(
            key: try key("k" + text(&random, upTo: 50)), stamp: stamp, isNull: Bool.random(using: &random),
            content: Int.random(in: 0..<4, using: &random) == 0 ? .deleteMarker : .object(content),
            modified: Timestamp(milliseconds: Int64.random(in: Int64.min...Int64.max, using: &random)), owner: owner,
            replication: ReplicationStatus(rawValue: UInt8.random(in: 0...4, using: &random)) ?? .none)
        if Bool.random(using: &random) {
            version.attributesStamp = VersionStamp(milliseconds: random.next() >> 16, counter: 0, region: 1)
        }
        return version
    }
}
