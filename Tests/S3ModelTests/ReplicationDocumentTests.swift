import S3Model
import Testing

@Suite struct ReplicationDocumentTests {
    private static let role = "<Role>arn:aws:iam::111122223333:role/r</Role>"
    private static let destination = "<Destination><Bucket>arn:aws:s3:::orders-euw1</Bucket></Destination>"
    private static let marker = "<DeleteMarkerReplication><Status>Disabled</Status></DeleteMarkerReplication>"

    private func parse(_ rules: String, role: String = role) throws(S3Error) -> ReplicationConfiguration {
        try ReplicationConfiguration.parse(
            Array("<ReplicationConfiguration>\(role)\(rules)</ReplicationConfiguration>".utf8))
    }

    /// A V2 rule; `change` replaces one piece of it.
    private func rule(
        id: String = "", priority: String = "<Priority>1</Priority>", status: String = "<Status>Enabled</Status>",
        filter: String = "<Filter><Prefix>p/</Prefix></Filter>", criteria: String = "",
        destination: String = destination, marker: String = marker
    ) -> String {
        "<Rule>\(id)\(priority)\(status)\(filter)\(criteria)\(destination)\(marker)</Rule>"
    }

    @Test func readsTheWholeDocument() throws {
        let configuration = try parse(
            """
            <Rule><ID>use1-to-euw1</ID><Priority>1</Priority><Status>Enabled</Status>
            <Filter><And><Prefix>invoices/</Prefix><Tag><Key>tier</Key><Value>gold</Value></Tag></And></Filter>
            <SourceSelectionCriteria><SseKmsEncryptedObjects><Status>Enabled</Status></SseKmsEncryptedObjects>
            <ReplicaModifications><Status>Enabled</Status></ReplicaModifications></SourceSelectionCriteria>
            <Destination><Bucket>arn:aws:s3:::orders-euw1</Bucket><Account>444455556666</Account>
            <StorageClass>STANDARD_IA</StorageClass>
            <AccessControlTranslation><Owner>Destination</Owner></AccessControlTranslation>
            <EncryptionConfiguration><ReplicaKmsKeyID>key</ReplicaKmsKeyID></EncryptionConfiguration>
            <ReplicationTime><Status>Enabled</Status><Time><Minutes>15</Minutes></Time></ReplicationTime>
            <Metrics><Status>Enabled</Status><EventThreshold><Minutes>15</Minutes></EventThreshold></Metrics>
            </Destination><DeleteMarkerReplication><Status>Disabled</Status></DeleteMarkerReplication></Rule>
            """)
        let rule = try #require(configuration.rules.first)
        #expect(configuration.role == "arn:aws:iam::111122223333:role/r")
        #expect(rule.id == "use1-to-euw1")
        #expect(rule.schema == .v2)
        #expect(rule.priority == 1)
        #expect(rule.prefix == "invoices/")
        #expect(rule.tags == [Tag(key: "tier", value: "gold")])
        #expect(rule.destination.bucket.rawValue == "orders-euw1")
        #expect(rule.destination.account?.rawValue == "444455556666")
        #expect(rule.destination.ownerOverride && rule.destination.metrics == true)
        #expect(rule.destination.watchesThreshold && rule.destination.hasEventThreshold)
        #expect(rule.replicaModifications == true)
        #expect(!rule.replicatesDeleteMarkers)
        #expect(try ReplicationConfiguration.parse(configuration.xml()) == configuration)
    }

    @Test func guideWithoutPriorityAndOldForm() throws {
        let guide = try parse(rule(priority: "", filter: "<Filter><Prefix/></Filter>"))
        #expect(guide.rules.first?.priority == nil)
        #expect(guide.rules.first?.id == "rule-1")
        #expect(try ReplicationConfiguration.parse(guide.xml()) == guide)
        let old = try parse(rule(priority: "", filter: "<Prefix>x</Prefix>", marker: ""))
        #expect(old.rules.first?.schema == .v1)
        #expect(old.rules.first?.replicatesDeleteMarkers == true)
        #expect(try ReplicationConfiguration.parse(old.xml()) == old)
        let two = try parse(rule() + rule(id: "<ID>rule-1</ID>", priority: "<Priority>2</Priority>"))
        #expect(Set(two.rules.map(\.id)).count == 2)
    }

    @Test(arguments: [
        "<Filter/>", "<Filter><Prefix/></Filter>", "<Filter><Tag><Key>k</Key><Value>v</Value></Tag></Filter>",
        "<Filter><And><Tag><Key>k</Key><Value>v</Value></Tag><Tag><Key>l</Key><Value/></Tag></And></Filter>",
        "<Filter><And><Prefix>p</Prefix><Tag><Key>k</Key><Value>v</Value></Tag></And></Filter>",
    ])
    func filtersRoundTrip(_ filter: String) throws {
        let configuration = try parse(rule(filter: filter))
        #expect(try ReplicationConfiguration.parse(configuration.xml()) == configuration)
    }

    /// A priority is needed only where there is something to win over.
    @Test func prioritiesOfSeveralRules() throws {
        func old(_ prefix: String) -> String { rule(priority: "", filter: "<Prefix>\(prefix)</Prefix>", marker: "") }
        func new(_ prefix: String, _ priority: String = "", to bucket: String = "orders-euw1") -> String {
            rule(
                priority: priority, filter: "<Filter><Prefix>\(prefix)</Prefix></Filter>",
                destination: "<Destination><Bucket>arn:aws:s3:::\(bucket)</Bucket></Destination>")
        }
        #expect(try parse(new("a/") + new("b/") + new("c")).rules.count == 3)
        #expect(try parse(new("a/") + new("a/", to: "orders-use1")).rules.count == 2)
        #expect(try parse(new("a/", "<Priority>1</Priority>") + new("b/")).rules.count == 2)
        #expect(try parse(old("a") + old("b")).rules.count == 2)
        let refused = [
            new("a/") + new("a/b"), new("") + new("z"), new("a") + new("b") + new("c") + new("b/x"),
            new("a/", "<Priority>1</Priority>") + new("a/b"), old("logs/") + old("logs/2026"),
        ]
        for rules in refused {
            let error = #expect(throws: S3Error.self) { try parse(rules) }
            #expect(error?.code == .invalidRequest, "\(rules)")
        }
    }

    /// What is put comes back, statuses that say no included: tools compare.
    @Test(arguments: [
        "<ReplicationTime><Status>Disabled</Status><Time><Minutes>15</Minutes></Time></ReplicationTime><Metrics><Status>Disabled</Status></Metrics>",
        "<Metrics><Status>Disabled</Status></Metrics>", "<Metrics><Status>Enabled</Status></Metrics>",
        "<Metrics><Status>Enabled</Status><EventThreshold><Minutes>15</Minutes></EventThreshold></Metrics>",
    ])
    func timeControlComesBack(_ elements: String) throws {
        let bucket = "<Bucket>arn:aws:s3:::orders</Bucket>"
        let text = String(
            decoding: try parse(rule(destination: "<Destination>\(bucket)\(elements)</Destination>")).xml(),
            as: UTF8.self)
        #expect(text.contains(elements), "\(text)")
    }

    @Test func aRuleWithoutAnIDIsNamedByItsPlace() {
        let second = rule(priority: "<Priority>2</Priority>", marker: "")
        let error = #expect(throws: S3Error.self) { try parse(rule() + second) }
        #expect(error?.message == "DeleteMarkerReplication must be specified in rule 2, which has no ID.")
        let named = #expect(throws: S3Error.self) { try parse(rule(id: "<ID>x</ID>", marker: "")) }
        #expect(named?.message.hasSuffix("in rule 'x'.") == true)
    }

    @Test func refusedDocuments() {
        let twoKinds = "<Filter><Prefix/><Tag><Key>k</Key><Value>v</Value></Tag></Filter>"
        let oneOfAnd = "<Filter><And><Prefix>p</Prefix></And></Filter>"
        let tagFilter = "<Filter><Tag><Key>k</Key><Value>v</Value></Tag></Filter>"
        let enabled = "<DeleteMarkerReplication><Status>Enabled</Status></DeleteMarkerReplication>"
        let modifications =
            "<SourceSelectionCriteria><ReplicaModifications><Status>Enabled</Status></ReplicaModifications></SourceSelectionCriteria>"
        let kms =
            "<SourceSelectionCriteria><SseKmsEncryptedObjects><Status>Enabled</Status></SseKmsEncryptedObjects></SourceSelectionCriteria>"
        let cases: [(String, S3ErrorCode)] = [
            ("", .malformedXML),
            (String(repeating: "<Rule/>", count: 1001), .malformedXML),
            (rule() + rule(), .invalidRequest),
            (rule() + rule(priority: ""), .invalidRequest),
            (rule(priority: "<Priority>-1</Priority>"), .invalidRequest),
            (rule(priority: "<Priority>2147483648</Priority>"), .invalidRequest),
            (rule(priority: "<Priority>x</Priority>"), .malformedXML),
            (rule(id: "<ID>a</ID>") + rule(id: "<ID>a</ID>", priority: "<Priority>2</Priority>"), .invalidArgument),
            (rule(id: "<ID>\(String(repeating: "a", count: 256))</ID>"), .invalidArgument),
            (rule(id: "<ID>é</ID>"), .invalidArgument),
            (rule(marker: ""), .invalidRequest),
            (rule(filter: tagFilter, marker: enabled), .invalidRequest),
            (rule(filter: "<Filter/><Prefix/>"), .malformedXML),
            (rule(filter: twoKinds), .malformedXML),
            (rule(filter: oneOfAnd), .malformedXML),
            (rule(filter: ""), .malformedXML),
            (rule() + rule(priority: "<Priority>2</Priority>", filter: "<Prefix/>"), .invalidRequest),
            (rule(filter: "<Prefix/>"), .invalidRequest),
            (rule(priority: "", filter: "<Prefix/>", marker: Self.marker), .invalidRequest),
            (rule(priority: "", filter: "<Prefix/>", criteria: modifications, marker: ""), .invalidRequest),
            (rule(status: ""), .malformedXML),
            (rule(status: "<Status>On</Status>"), .malformedXML),
            (rule(criteria: kms), .invalidRequest),
            (
                rule(filter: "<Filter><Prefix>\(String(repeating: "a", count: 1025))</Prefix></Filter>"),
                .invalidArgument
            ),
        ]
        for (rules, code) in cases {
            let error = #expect(throws: S3Error.self) { try parse(rules) }
            #expect(error?.code == code, "\(rules.prefix(400)): \(error?.message ?? "")")
        }
        #expect(throws: S3Error.self) { try parse(rule(), role: "") }
        #expect(throws: S3Error.self) { try parse(rule(), role: "<Role>me</Role>") }
    }

    @Test(
        arguments: [
            ("", .malformedXML),
            ("<Bucket>orders</Bucket>", .invalidArgument),
            ("<Bucket>arn:aws:s3::111122223333:accesspoint/x.mrap</Bucket>", .invalidArgument),
            ("<Bucket>arn:aws:s3:::orders</Bucket><Account/>", .invalidRequest),
            ("<Bucket>arn:aws:s3:::orders</Bucket><Account>1</Account>", .invalidArgument),
            ("<Bucket>arn:aws:s3:::orders</Bucket><StorageClass>FAST</StorageClass>", .malformedXML),
            (
                "<Bucket>arn:aws:s3:::orders</Bucket><AccessControlTranslation><Owner>Destination</Owner></AccessControlTranslation>",
                .invalidRequest
            ),
            (
                "<Bucket>arn:aws:s3:::orders</Bucket><EncryptionConfiguration><ReplicaKmsKeyID>k</ReplicaKmsKeyID></EncryptionConfiguration>",
                .invalidRequest
            ),
            (
                "<Bucket>arn:aws:s3:::orders</Bucket><ReplicationTime><Status>Enabled</Status><Time><Minutes>15</Minutes></Time></ReplicationTime>",
                .invalidRequest
            ),
            (
                "<Bucket>arn:aws:s3:::orders</Bucket><ReplicationTime><Status>Enabled</Status><Time><Minutes>5</Minutes></Time></ReplicationTime>",
                .invalidArgument
            ),
            (
                "<Bucket>arn:aws:s3:::orders</Bucket><ReplicationTime><Status>Enabled</Status><Time><Minutes>15</Minutes></Time></ReplicationTime><Metrics><Status>Enabled</Status></Metrics>",
                .invalidArgument
            ),
            (
                "<Bucket>arn:aws:s3:::orders</Bucket><ReplicationTime><Status>Enabled</Status><Time><Minutes>15</Minutes></Time></ReplicationTime><Metrics><Status>Disabled</Status><EventThreshold><Minutes>15</Minutes></EventThreshold></Metrics>",
                .invalidRequest
            ),
            ("<Bucket>arn:aws:s3:::orders</Bucket><Metrics/>", .invalidArgument),
        ] as [(String, S3ErrorCode)])
    func refusedDestinations(_ content: String, _ code: S3ErrorCode) {
        let error = #expect(throws: S3Error.self) {
            try parse(rule(destination: "<Destination>\(content)</Destination>"))
        }
        #expect(error?.code == code)
    }

    @Test func mutatedDocumentsNeverCrash() throws {
        let original = try parse(
            rule(filter: "<Filter><And><Prefix>p</Prefix><Tag><Key>k</Key><Value>v</Value></Tag></And></Filter>")
        ).xml()
        var generator = SeededGenerator(seed: 50)
        for _ in 0..<5_000 {
            guard let configuration = try? ReplicationConfiguration.parse(generator.mutate(original)) else { continue }
            #expect(try ReplicationConfiguration.parse(configuration.xml()) == configuration)
        }
    }
}
