extension ReplicationConfiguration {
    package static let maximumRules = 1000

    private static let shape: DocumentShape = [
        "Role": [:],
        "Rule": [
            "ID": [:], "Priority": [:], "Prefix": [:], "Status": [:],
            "Filter": ["Prefix": [:], "Tag": .tag, "And": ["Prefix": [:], "Tag": .tag]],
            "SourceSelectionCriteria": ["SseKmsEncryptedObjects": .status, "ReplicaModifications": .status],
            "ExistingObjectReplication": .status,
            "DeleteMarkerReplication": .status,
            "Destination": [
                "Bucket": [:], "Account": [:], "StorageClass": [:],
                "AccessControlTranslation": ["Owner": [:]],
                "EncryptionConfiguration": ["ReplicaKmsKeyID": [:]],
                "ReplicationTime": ["Status": [:], "Time": ["Minutes": [:]]],
                "Metrics": ["Status": [:], "EventThreshold": ["Minutes": [:]]],
            ],
        ],
    ]

    /// The body of PutBucketReplication, with every rule of spec/mrap.md §15.3 that needs only the document. Versioning,
    /// the existence of buckets and their owners are for the caller to check.
    package static func parse(_ body: some Collection<UInt8>) throws(S3Error) -> ReplicationConfiguration {
        let root = try XMLReader.parse(
            body, root: "ReplicationConfiguration", shape: shape, namespace: XMLNamespace.s3)
        let role = try root.required("Role").trimmedText
        guard role.utf8.starts(with: "arn:".utf8), role.utf8.count <= 2048 else {
            throw S3Error(.invalidArgument, "Role must be the ARN of an IAM role, but it is '\(role.prefix(128))'.")
        }
        let elements = root.all("Rule")
        guard (1...maximumRules).contains(elements.count) else {
            throw .malformed("There must be 1 to \(maximumRules) rules, not \(elements.count).")
        }
        var filtered = 0
        for element in elements where try element.child("Filter") != nil { filtered += 1 }
        let schema: ReplicationRule.Schema = filtered > 0 ? .v2 : .v1
        var rules: [ReplicationRule] = []
        for (index, element) in elements.enumerated() {
            rules.append(try ReplicationRule.parse(element, schema: schema, number: index + 1))
        }
        try nameRules(&rules)
        try checkPriorities(rules)
        return ReplicationConfiguration(role: role, rules: rules)
    }

    /// Refuses ids that come twice and gives one to each rule without.
    private static func nameRules(_ rules: inout [ReplicationRule]) throws(S3Error) {
        var seen: Set<String> = []
        for rule in rules where !rule.id.isEmpty {
            guard seen.insert(rule.id).inserted else {
                throw S3Error(
                    .invalidArgument, "Rule Id must be unique. Found same Id for one or more rules: \(rule.id)")
            }
        }
        for index in rules.indices where rules[index].id.isEmpty {
            var number = index + 1
            while !seen.insert("rule-\(number)").inserted { number += rules.count }
            rules[index].id = "rule-\(number)"
        }
    }

    /// Priorities that are given are unique. One is needed only where two rules of the same destination could both cover
    /// an object, since elsewhere there is nothing to win over.
    private static func checkPriorities(_ rules: [ReplicationRule]) throws(S3Error) {
        var seen: Set<Int> = []
        for priority in rules.compactMap(\.priority) where !seen.insert(priority).inserted {
            throw S3Error(.invalidRequest, "Found duplicate priority \(priority). Rules must have unique priorities.")
        }
        var byDestination: [BucketName: [ReplicationRule]] = [:]
        for rule in rules { byDestination[rule.destination.bucket, default: []].append(rule) }
        for group in byDestination.values where group.contains(where: { $0.priority == nil }) {
            guard let (left, right) = firstOverlap(group) else { continue }
            throw S3Error(
                .invalidRequest,
                left.schema == .v1
                    ? "Found overlapping prefixes '\(left.prefix)' and '\(right.prefix)' for the same destination."
                    : "Priority must be specified where several rules cover the same keys for one destination, as "
                        + "'\(left.id)' and '\(right.id)' do.")
        }
    }

    /// Two rules of which one has no priority and whose prefixes can be those of one key. In byte order every prefix stands
    /// directly before the longer ones that begin with it, so a stack of open prefixes is enough.
    private static func firstOverlap(_ rules: [ReplicationRule]) -> (ReplicationRule, ReplicationRule)? {
        var open: [ReplicationRule] = []
        for rule in rules.sorted(by: { $0.prefix.utf8.lexicographicallyPrecedes($1.prefix.utf8) }) {
            while let last = open.last, !rule.prefix.utf8.starts(with: last.prefix.utf8) { open.removeLast() }
            if let outer = open.last(where: { rule.priority == nil || $0.priority == nil }) { return (outer, rule) }
            open.append(rule)
        }
        return nil
    }

    /// The answer of GetBucketReplication.
    package func xml() -> [UInt8] {
        XMLWriter.document("ReplicationConfiguration", namespace: XMLNamespace.s3) { writer in
            writer.element("Role", role)
            for rule in rules { writer.element("Rule") { rule.write(&$0) } }
        }
    }
}

extension ReplicationRule {
    fileprivate func write(_ writer: inout XMLWriter) {
        writer.element("ID", id)
        if let priority { writer.element("Priority", priority) }
        writer.status(isEnabled)
        switch schema {
        case .v1: writer.element("Prefix", prefix)
        case .v2: writer.element("Filter") { writeFilter(&$0) }
        }
        if sseKMSEncryptedObjects != nil || replicaModifications != nil {
            writer.element("SourceSelectionCriteria") { writer in
                writer.status(ifPresent: "SseKmsEncryptedObjects", sseKMSEncryptedObjects)
                writer.status(ifPresent: "ReplicaModifications", replicaModifications)
            }
        }
        writer.status(ifPresent: "ExistingObjectReplication", existingObjectReplication)
        writer.element("Destination") { destination.write(&$0) }
        writer.status(ifPresent: "DeleteMarkerReplication", deleteMarkerReplication)
    }

    private func writeFilter(_ writer: inout XMLWriter) {
        switch (tags.count, prefix.isEmpty) {
        case (0, _): writer.element("Prefix", prefix)
        case (1, true): writer.tags(tags)
        default:
            writer.element("And") { writer in
                if !prefix.isEmpty { writer.element("Prefix", prefix) }
                writer.tags(tags)
            }
        }
    }
}

extension ReplicationRule.Destination {
    fileprivate func write(_ writer: inout XMLWriter) {
        writer.element("Bucket", "\(Self.bucketARNPrefix)\(bucket)")
        writer.element(ifPresent: "Account", account?.rawValue)
        writer.element(ifPresent: "StorageClass", storageClass)
        if ownerOverride { writer.element("AccessControlTranslation") { $0.element("Owner", "Destination") } }
        if let replicaKMSKeyID {
            writer.element("EncryptionConfiguration") { $0.element("ReplicaKmsKeyID", replicaKMSKeyID) }
        }
        if let replicationTime {
            writer.element("ReplicationTime") { writer in
                writer.status(replicationTime)
                writer.element("Time") { $0.element("Minutes", Self.thresholdMinutes) }
            }
        }
        if let metrics {
            writer.element("Metrics") { writer in
                writer.status(metrics)
                if hasEventThreshold {
                    writer.element("EventThreshold") { $0.element("Minutes", Self.thresholdMinutes) }
                }
            }
        }
    }
}

extension XMLWriter {
    fileprivate mutating func status(_ isEnabled: Bool) { element("Status", isEnabled ? "Enabled" : "Disabled") }

    fileprivate mutating func status(ifPresent name: String, _ isEnabled: Bool?) {
        if let isEnabled { element(name) { $0.status(isEnabled) } }
    }
}
