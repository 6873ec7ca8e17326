import S3Model
import Testing

/// What a schema does not have is refused, never passed over (MalformedXML).
@Suite struct DocumentShapeTests {
    private static let replication = """
        <ReplicationConfiguration><Role>arn:aws:iam::111122223333:role/r</Role>
        <Rule><ID>a</ID><Priority>1</Priority><Status>Enabled</Status>
        <Filter><And><Prefix>p/</Prefix><Tag><Key>k</Key><Value>v</Value></Tag></And></Filter>
        <SourceSelectionCriteria><SseKmsEncryptedObjects><Status>Enabled</Status></SseKmsEncryptedObjects>
        <ReplicaModifications><Status>Enabled</Status></ReplicaModifications></SourceSelectionCriteria>
        <ExistingObjectReplication><Status>Enabled</Status></ExistingObjectReplication>
        <Destination><Bucket>arn:aws:s3:::orders</Bucket><Account>444455556666</Account>
        <StorageClass>STANDARD_IA</StorageClass>
        <AccessControlTranslation><Owner>Destination</Owner></AccessControlTranslation>
        <EncryptionConfiguration><ReplicaKmsKeyID>key</ReplicaKmsKeyID></EncryptionConfiguration>
        <ReplicationTime><Status>Enabled</Status><Time><Minutes>15</Minutes></Time></ReplicationTime>
        <Metrics><Status>Enabled</Status><EventThreshold><Minutes>15</Minutes></EventThreshold></Metrics>
        </Destination><DeleteMarkerReplication><Status>Disabled</Status></DeleteMarkerReplication></Rule>
        <Rule><ID>b</ID><Priority>2</Priority><Status>Disabled</Status><Filter><Prefix>q</Prefix></Filter>
        <Destination><Bucket>arn:aws:s3:::bills</Bucket></Destination>
        <DeleteMarkerReplication><Status>Enabled</Status></DeleteMarkerReplication></Rule>
        <Rule><ID>c</ID><Priority>3</Priority><Status>Enabled</Status>
        <Filter><Tag><Key>k</Key><Value>v</Value></Tag></Filter>
        <Destination><Bucket>arn:aws:s3:::bills</Bucket></Destination>
        <DeleteMarkerReplication><Status>Disabled</Status></DeleteMarkerReplication></Rule>
        </ReplicationConfiguration>
        """

    private static func tree() throws -> XMLElement { try XMLReader.parse(Array(replication.utf8)) }

    private static func count(_ element: XMLElement) -> Int { element.children.reduce(1) { $0 + count($1) } }

    /// The document with `change` made to its element of that number, in document order.
    private static func changed(_ number: Int, _ change: (XMLElement) -> XMLElement) throws -> [UInt8] {
        var left = number
        func rebuilt(_ element: XMLElement) -> XMLElement {
            let isChosen = left == 0
            left -= 1
            var copy = element
            copy.children = element.children.map(rebuilt)
            return isChosen ? change(copy) : copy
        }
        return Array(text(rebuilt(try tree())).utf8)
    }

    private static func text(_ element: XMLElement) -> String {
        let attributes = element.attributes.map { " \($0.name)='\($0.value)'" }.joined()
        let inner = element.text + element.children.map(text).joined()
        return "<\(element.name)\(attributes)>\(inner)</\(element.name)>"
    }

    private func isMalformed(_ body: [UInt8], naming name: String? = nil) -> Bool {
        do {
            _ = try ReplicationConfiguration.parse(body)
            return false
        } catch {
            return error.code == .malformedXML && name.map { error.message.contains($0) } ?? true
        }
    }

    @Test func anyRenamedElementIsRefused() throws {
        let whole = try Self.changed(0) { $0 }
        #expect(try ReplicationConfiguration.parse(whole).rules.count == 3)
        var generator = SeededGenerator(seed: 81)
        for number in 0..<Self.count(try Self.tree()) {
            for kind in 0..<4 {
                var name = ""
                let body = try Self.changed(number) { element in
                    name =
                        switch kind {
                        case 0: element.name.lowercased()
                        case 1: element.name + "s"
                        case 2: "ObjectSizeGreaterThan"
                        default: "X\(UInt16.random(in: 0...UInt16.max, using: &generator))"
                        }
                    return XMLElement(name: name, text: element.text, children: element.children)
                }
                #expect(isMalformed(body, naming: "'\(name)'"), "\(name)")
            }
        }
    }

    @Test func anyAddedElementOrTextIsRefused() throws {
        for number in 0..<Self.count(try Self.tree()) {
            let body = try Self.changed(number) { element in
                var copy = element
                copy.children.append(XMLElement(name: "Filtre"))
                return copy
            }
            #expect(isMalformed(body, naming: "'Filtre'"))
            var hasChildren = false
            let stray = try Self.changed(number) { element in
                hasChildren = !element.children.isEmpty
                var copy = element
                copy.text += "logs/"
                return copy
            }
            #expect(!hasChildren || isMalformed(stray, naming: "'logs/'"))
        }
        #expect(
            isMalformed(Array(Self.replication.replacing("<Prefix>q</Prefix>", with: "q").utf8), naming: "'Filter'"))
    }

    @Test func namespaces() throws {
        for number in 0..<Self.count(try Self.tree()) {
            let foreign = try Self.changed(number) { element in
                var copy = element
                copy.attributes = [.init(name: "xmlns", value: "urn:other")]
                return copy
            }
            #expect(isMalformed(foreign, naming: "'urn:other'"))
            let own = try Self.changed(number) { element in
                var copy = element
                copy.attributes = [.init(name: "xmlns", value: XMLNamespace.s3)]
                return copy
            }
            _ = try ReplicationConfiguration.parse(own)
        }
        let opening = "<ReplicationConfiguration>"
        func prefixed(_ declaration: String) -> [UInt8] {
            let text = Self.replication.replacing(opening, with: "<ReplicationConfiguration\(declaration)>")
                .replacing("<Role>", with: "<s3:Role>").replacing("</Role>", with: "</s3:Role>")
            return Array(text.utf8)
        }
        _ = try ReplicationConfiguration.parse(prefixed(" xmlns:s3='\(XMLNamespace.s3)'"))
        #expect(isMalformed(prefixed(" xmlns:s3='urn:other'"), naming: "'Role'"))
        #expect(isMalformed(prefixed(""), naming: "'Role'"))
        // An attribute's prefix is no element's.
        let attribute = Self.replication.replacing(
            opening, with: "<ReplicationConfiguration xmlns:xsi='urn:x' xsi:a='b'>")
        _ = try ReplicationConfiguration.parse(Array(attribute.utf8))
    }

    /// The other documents that are acted on.
    @Test func otherDocuments() throws {
        func code(_ parse: ([UInt8]) throws(S3Error) -> Void, _ text: String) -> S3ErrorCode? {
            do { try parse(Array(text.utf8)) } catch { return error.code }
            return nil
        }
        func delete(_ body: [UInt8]) throws(S3Error) { _ = try Delete.parse(body) }
        func versioning(_ body: [UInt8]) throws(S3Error) { _ = try VersioningConfiguration.parse(body) }
        func tagging(_ body: [UInt8]) throws(S3Error) { _ = try Tagging.parse(body, kind: .object) }
        func bucket(_ body: [UInt8]) throws(S3Error) { _ = try CreateBucketConfiguration.parse(body) }
        func point(_ body: [UInt8]) throws(S3Error) { _ = try CreateMultiRegionAccessPointRequest.parse(body) }
        func routes(_ body: [UInt8]) throws(S3Error) { _ = try SubmitMultiRegionAccessPointRoutesRequest.parse(body) }

        let cases: [(([UInt8]) throws(S3Error) -> Void, String, known: String, unknown: String)] = [
            (delete, "<Delete><Object><Key>k</Key><?>v</?></Object></Delete>", "VersionId", "VersionID"),
            (
                versioning,
                "<VersioningConfiguration><Status>Enabled</Status><?>Disabled</?></VersioningConfiguration>",
                "MfaDelete", "MFADelete"
            ),
            (tagging, "<Tagging><TagSet><?><Key>k</Key><Value>v</Value></?></TagSet></Tagging>", "Tag", "tag"),
            (
                bucket, "<CreateBucketConfiguration><?>eu-west-1</?></CreateBucketConfiguration>", "LocationConstraint",
                "Region"
            ),
            (
                point,
                "<CreateMultiRegionAccessPointRequest><Details><Name>n</Name><Regions><Region><Bucket>b</Bucket>"
                    + "<?>1</?></Region></Regions></Details></CreateMultiRegionAccessPointRequest>",
                "BucketAccountId", "BucketAccountID"
            ),
            (
                routes,
                "<SubmitMultiRegionAccessPointRoutesRequest><RouteUpdates><Route><?>b</?><Region>r</Region>"
                    + "<TrafficDialPercentage>0</TrafficDialPercentage></Route></RouteUpdates>"
                    + "</SubmitMultiRegionAccessPointRoutesRequest>", "Bucket", "Buckets"
            ),
        ]
        for (parse, text, known, unknown) in cases {
            #expect(code(parse, text.replacing("?", with: known)) == nil, "\(text)")
            #expect(code(parse, text.replacing("?", with: unknown)) == .malformedXML, "\(text)")
        }
    }
}
