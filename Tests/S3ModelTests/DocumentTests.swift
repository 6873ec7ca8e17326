import S3Model
import Testing

/// The text of a document after its XML declaration.
func body(_ document: [UInt8]) -> String {
    let text = String(decoding: document, as: UTF8.self)
    let declaration = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    #expect(text.hasPrefix(declaration))
    return String(text.dropFirst(declaration.count))
}

let time = Timestamp(milliseconds: 1_767_323_045_678)

enum Samples {
    static func owner() throws -> Owner {
        Owner(account: try #require(AccountID("111122223333")), canonicalID: "c1", displayName: "me & you")
    }
}

@Suite struct DocumentTests {
    private let s3 = "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""

    @Test func errors() {
        let error = S3Error(.noSuchKey).with(field: "Key", "a<b")
        let document = ErrorDocument(error, resource: "/b/a", requestID: "R", hostID: "H")
        #expect(
            body(document.xml()) == """
                <Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message><Key>a&lt;b</Key>\
                <Resource>/b/a</Resource><RequestId>R</RequestId><HostId>H</HostId></Error>
                """)
        let control = ErrorDocument(
            S3Error(.noSuchMultiRegionAccessPoint, "No.", fields: [.init("Name", "n")]), resource: nil, requestID: "R",
            hostID: "H")
        #expect(
            body(control.controlXML()) == """
                <ErrorResponse xmlns="http://awss3control.amazonaws.com/doc/2018-08-20/"><Error><Type>Sender</Type>\
                <Code>NoSuchMultiRegionAccessPoint</Code><Message>No.</Message><Name>n</Name></Error>\
                <RequestId>R</RequestId><HostId>H</HostId></ErrorResponse>
                """)
    }

    @Test func bucketDocuments() throws {
        let list = ListAllMyBucketsResult(
            owner: try Samples.owner(), buckets: [.init(name: "b", creationDate: time, region: "eu-west-1")],
            continuationToken: "t")
        #expect(
            body(list.xml()) == """
                <ListAllMyBucketsResult \(s3)><Owner><ID>c1</ID><DisplayName>me &amp; you</DisplayName></Owner>\
                <Buckets><Bucket><Name>b</Name><CreationDate>2026-01-02T03:04:05.678Z</CreationDate>\
                <BucketRegion>eu-west-1</BucketRegion></Bucket></Buckets><ContinuationToken>t</ContinuationToken>\
                </ListAllMyBucketsResult>
                """)
        #expect(
            body(LocationConstraint(region: "us-east-1").xml()) == "<LocationConstraint \(s3)></LocationConstraint>")
        #expect(body(LocationConstraint(region: "eu-west-1").xml()).contains(">eu-west-1<"))
        let create = Array(
            """
            <CreateBucketConfiguration \(s3)><LocationConstraint>eu-west-1</LocationConstraint>
            <Tags><Tag><Key>k</Key><Value>v</Value></Tag></Tags></CreateBucketConfiguration>
            """.utf8)
        #expect(
            try CreateBucketConfiguration.parse(create)
                == CreateBucketConfiguration(locationConstraint: "eu-west-1", tags: [Tag(key: "k", value: "v")]))
        #expect(try CreateBucketConfiguration.parse([]) == CreateBucketConfiguration())
    }

    @Test func versioning() throws {
        for state in [VersioningState.enabled, .suspended] {
            let configuration = VersioningConfiguration(state: state)
            #expect(try VersioningConfiguration.parse(configuration.xml()) == configuration)
        }
        let empty = VersioningConfiguration(state: .unversioned).xml()
        #expect(body(empty) == "<VersioningConfiguration \(s3)></VersioningConfiguration>")
        let error = #expect(throws: S3Error.self) { try VersioningConfiguration.parse(empty) }
        #expect(error?.code == .illegalVersioningConfigurationException)
        #expect(throws: S3Error.self) { try VersioningConfiguration.parse(Array("<Versioning/>".utf8)) }
    }

    @Test func accessDocuments() throws {
        var block = PublicAccessBlockConfiguration(all: true)
        block.restrictPublicBuckets = false
        #expect(try PublicAccessBlockConfiguration.parse(block.xml()) == block)
        let absent = Array("<PublicAccessBlockConfiguration/>".utf8)
        #expect(try PublicAccessBlockConfiguration.parse(absent) == PublicAccessBlockConfiguration(all: false))
        for ownership in OwnershipControls.Ownership.allCases {
            let controls = OwnershipControls(ownership: ownership)
            #expect(try OwnershipControls.parse(controls.xml()) == controls)
        }
        let owner = try Samples.owner()
        let policy = try AccessControlPolicy.parse(AccessControlPolicy.xml(owner: owner))
        #expect(policy.grants.map(\.permission) == ["FULL_CONTROL"])
        #expect(policy.isOwnerFullControl(owner))
    }

    @Test func listings() throws {
        let object = ListBucketResult.Object(
            key: "a b/\u{1}", lastModified: time, etag: ETag("e"), size: 7, checksumAlgorithm: .crc32,
            checksumType: .fullObject, owner: try Samples.owner())
        let list = ListBucketResult(
            bucket: "b", prefix: "a ", delimiter: "/", maxKeys: 2, encoding: .url, isTruncated: true,
            paging: .tokens(startAfter: nil, continuationToken: "c", nextContinuationToken: "n"), objects: [object],
            commonPrefixes: ["a+/"])
        #expect(
            body(list.xml()) == """
                <ListBucketResult \(s3)><Name>b</Name><Prefix>a%20</Prefix><ContinuationToken>c</ContinuationToken>\
                <NextContinuationToken>n</NextContinuationToken><KeyCount>2</KeyCount><MaxKeys>2</MaxKeys>\
                <Delimiter>/</Delimiter><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>\
                <Contents><Key>a%20b/%01</Key><LastModified>2026-01-02T03:04:05.678Z</LastModified>\
                <ETag>&quot;e&quot;</ETag><ChecksumAlgorithm>CRC32</ChecksumAlgorithm>\
                <ChecksumType>FULL_OBJECT</ChecksumType><Size>7</Size>\
                <Owner><ID>c1</ID><DisplayName>me &amp; you</DisplayName></Owner><StorageClass>STANDARD</StorageClass>\
                </Contents><CommonPrefixes><Prefix>a%2B/</Prefix></CommonPrefixes></ListBucketResult>
                """)
        var first = list
        first.encoding = .none
        first.paging = .markers(marker: "m", nextMarker: nil)
        let text = body(first.xml())
        #expect(text.contains("<Marker>m</Marker><MaxKeys>"))
        #expect(text.contains("<Key>a b/&#x1;</Key>"))
        #expect(!text.contains("EncodingType") && !text.contains("KeyCount"))
        #expect(throws: S3Error.self) { try ListingEncoding(query: "base64") }
        #expect(throws: S3Error.self) { try ListingEncoding(query: "") }
        #expect(try ListingEncoding(query: "url") == .url)
    }

    @Test func versionListing() throws {
        let owner = try Samples.owner()
        var list = ListVersionsResult(
            bucket: "b", prefix: "", maxKeys: 1000, encoding: .none,
            entries: [
                .init(key: "k", versionID: "v2", isLatest: true, lastModified: time, owner: owner, content: nil),
                .init(
                    key: "k", versionID: "v1", isLatest: false, lastModified: time, owner: owner,
                    content: .init(etag: ETag("e"), size: 3)),
            ])
        list.nextKeyMarker = "k"
        list.nextVersionIDMarker = "v1"
        let root = try XMLReader.parse(list.xml(), root: "ListVersionsResult")
        #expect(
            root.children.map(\.name) == [
                "Name", "Prefix", "KeyMarker", "VersionIdMarker", "NextKeyMarker", "NextVersionIdMarker", "MaxKeys",
                "IsTruncated", "DeleteMarker", "Version",
            ])
        #expect(
            root.all("Version").first?.children.map(\.name) == [
                "Key", "VersionId", "IsLatest", "LastModified", "ETag", "Size", "Owner", "StorageClass",
            ])
        #expect(
            root.all("DeleteMarker").first?.children.map(\.name) == [
                "Key", "VersionId", "IsLatest", "LastModified", "Owner",
            ])
    }

    @Test func multipart() throws {
        let upload = Array(
            """
            <CompleteMultipartUpload \(s3)><Part><ETag>"a"</ETag><ChecksumCRC32>AAAAAA==</ChecksumCRC32>
            <PartNumber>1</PartNumber></Part><Part><PartNumber>3</PartNumber><ETag>&quot;b&quot;</ETag></Part>
            </CompleteMultipartUpload>
            """.utf8)
        let parsed = try CompleteMultipartUpload.parse(upload)
        #expect(parsed.parts.map(\.number) == [1, 3])
        #expect(parsed.parts.map(\.etag.rawValue) == ["a", "b"])
        #expect(parsed.parts[0].checksums == [.crc32: "AAAAAA=="])
        let checksum = ObjectChecksum(algorithm: .crc64nvme, type: .fullObject, value: "x")
        let result = CompleteMultipartUploadResult(
            location: "http://h/b/k", bucket: "b", key: "k", etag: ETag("e-2"), checksum: checksum)
        #expect(
            body(result.xml()) == """
                <CompleteMultipartUploadResult \(s3)><Location>http://h/b/k</Location><Bucket>b</Bucket><Key>k</Key>\
                <ETag>&quot;e-2&quot;</ETag><ChecksumCRC64NVME>x</ChecksumCRC64NVME>\
                <ChecksumType>FULL_OBJECT</ChecksumType></CompleteMultipartUploadResult>
                """)
        let owner = try Samples.owner()
        let parts = ListPartsResult(
            bucket: "b", key: "k", uploadID: "u", owner: owner, maxParts: 1000,
            parts: [.init(number: 2, lastModified: time, etag: ETag("p"), size: 5, checksum: checksum)])
        let root = try XMLReader.parse(parts.xml(), root: "ListPartsResult")
        #expect(try root.integer("NextPartNumberMarker") == 2)
        #expect(root.all("Part").first?.children.map(\.name).last == "ChecksumCRC64NVME")
        let uploads = ListMultipartUploadsResult(
            bucket: "b", prefix: "", maxUploads: 10, encoding: .none,
            uploads: [.init(key: "k", uploadID: "u", owner: owner, initiated: time)])
        let listing = try XMLReader.parse(uploads.xml())
        #expect(try listing.all("Upload").first?.trimmed("UploadId") == "u")
        #expect(try listing.trimmed("NextKeyMarker") == "k")
        #expect(try listing.trimmed("NextUploadIdMarker") == "u")
        let initiated = InitiateMultipartUploadResult(bucket: "b", key: "k&", uploadID: "u")
        #expect(try XMLReader.parse(initiated.xml()).trimmed("Key") == "k&")
        let copy = CopyResult(kind: .part, lastModified: time, etag: ETag("e"), checksum: nil)
        #expect(body(copy.xml()).hasPrefix("<CopyPartResult"))
    }

    @Test(arguments: [
        ("", S3ErrorCode.malformedXML), ("<Part><PartNumber>1</PartNumber></Part>", .malformedXML),
        ("<Part><ETag>a</ETag></Part>", .malformedXML),
        ("<Part><PartNumber>0</PartNumber><ETag>a</ETag></Part>", .invalidArgument),
        ("<Part><PartNumber>10001</PartNumber><ETag>a</ETag></Part>", .invalidArgument),
        ("<Part><PartNumber>99999999999999999999</PartNumber><ETag>a</ETag></Part>", .malformedXML),
        (String(repeating: "<Part><PartNumber>2</PartNumber><ETag>a</ETag></Part>", count: 2), .invalidPartOrder),
    ])
    func refusedCompletions(_ parts: String, _ code: S3ErrorCode) {
        let error = #expect(throws: S3Error.self) {
            try CompleteMultipartUpload.parse(Array("<CompleteMultipartUpload>\(parts)</CompleteMultipartUpload>".utf8))
        }
        #expect(error?.code == code)
    }

    @Test func largestCompletionFits() throws {
        let checksums = ChecksumAlgorithm.allCases.map { "<\($0.elementName)>AAAA</\($0.elementName)>" }.joined()
        let parts = (1...10_000).map { "<Part><PartNumber>\($0)</PartNumber><ETag>\"e\"</ETag>\(checksums)</Part>" }
        let document = Array("<CompleteMultipartUpload>\(parts.joined())</CompleteMultipartUpload>".utf8)
        #expect(try CompleteMultipartUpload.parse(document).parts.count == 10_000)
    }

    @Test func deletion() throws {
        func document(_ count: Int) -> [UInt8] {
            Array(("<Delete>" + String(repeating: "<Object><Key> k </Key></Object>", count: count) + "</Delete>").utf8)
        }
        #expect(try Delete.parse(document(1000)).objects.count == 1000)
        #expect(try Delete.parse(document(1)).objects[0].key == " k ")
        #expect(throws: S3Error.self) { try Delete.parse(document(1001)) }
        #expect(throws: S3Error.self) { try Delete.parse(document(0)) }
        #expect(throws: S3Error.self) { try Delete.parse(Array("<Delete><Object><Key/></Object></Delete>".utf8)) }
        let full = try Delete.parse(
            Array(
                """
                <Delete \(s3)><Object><Key>a</Key><VersionId>v</VersionId><ETag>"e"</ETag><Size>5</Size>
                <LastModifiedTime>Sun, 06 Nov 1994 08:49:37 GMT</LastModifiedTime></Object><Quiet>true</Quiet></Delete>
                """.utf8))
        #expect(full.isQuiet)
        #expect(full.objects[0].versionID == "v")
        #expect(full.objects[0].size == 5)
        #expect(full.objects[0].lastModified?.milliseconds == 784_111_777_000)
        var result = DeleteResult(
            deleted: [.init(key: "a", deleteMarkerVersionID: "m")],
            failures: [.init(key: "b", versionID: "v", error: S3Error(.accessDenied))], isQuiet: false)
        let failure =
            "<Error><Key>b</Key><VersionId>v</VersionId><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
        #expect(
            body(result.xml()) == """
                <DeleteResult \(s3)><Deleted><Key>a</Key><DeleteMarker>true</DeleteMarker>\
                <DeleteMarkerVersionId>m</DeleteMarkerVersionId></Deleted>\(failure)</DeleteResult>
                """)
        result.isQuiet = true
        #expect(body(result.xml()) == "<DeleteResult \(s3)>\(failure)</DeleteResult>")
    }

    @Test func attributes() {
        var response = GetObjectAttributesResponse()
        response.etag = ETag("\"e\"")
        response.size = 9
        response.checksum = ObjectChecksum(algorithm: .sha256, type: .composite, value: "x-1")
        response.parts = .init(
            totalCount: 1, partNumberMarker: 0, nextPartNumberMarker: 1, maxParts: 1000, isTruncated: false,
            parts: [.init(number: 1, size: 9, checksum: nil)])
        #expect(
            body(response.xml()) == """
                <GetObjectAttributesResponse \(s3)><ETag>e</ETag><Checksum><ChecksumSHA256>x</ChecksumSHA256>\
                <ChecksumType>COMPOSITE</ChecksumType></Checksum><ObjectParts><PartsCount>1</PartsCount>\
                <PartNumberMarker>0</PartNumberMarker><NextPartNumberMarker>1</NextPartNumberMarker>\
                <MaxParts>1000</MaxParts><IsTruncated>false</IsTruncated><Part><PartNumber>1</PartNumber><Size>9</Size>\
                </Part></ObjectParts><ObjectSize>9</ObjectSize></GetObjectAttributesResponse>
                """)
    }
}
