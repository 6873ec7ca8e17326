extension ReplicationRule {
    /// One `Rule` of a document of the given schema (spec/mrap.md §15.2, §15.3). The id is empty when there is none.
    ///
    /// - Parameter number: its place in the document, from 1, which names a rule without an id in messages.
    static func parse(_ element: XMLElement, schema: Schema, number: Int) throws(S3Error) -> ReplicationRule {
        let id = try parseID(element)
        let label = id.isEmpty ? "rule \(number), which has no ID" : "rule '\(id)'"
        guard let isEnabled = try element.enabled() else { throw .malformed("'Rule' must contain 'Status'.") }
        let destination = try Destination.parse(element.required("Destination"), rule: label)
        var rule = ReplicationRule(id: id, schema: schema, destination: destination)
        rule.isEnabled = isEnabled
        rule.priority = try parsePriority(element)
        rule.deleteMarkerReplication = try element.status(of: "DeleteMarkerReplication")
        rule.existingObjectReplication = try element.status(of: "ExistingObjectReplication")
        if let criteria = try element.child("SourceSelectionCriteria") {
            rule.sseKMSEncryptedObjects = try criteria.status(of: "SseKmsEncryptedObjects")
            rule.replicaModifications = try criteria.status(of: "ReplicaModifications")
        }
        try rule.parseSelection(element, label: label)
        try rule.checkSchema(label: label)
        guard (rule.sseKMSEncryptedObjects == true) == (destination.replicaKMSKeyID != nil) else {
            throw S3Error(
                .invalidRequest,
                "SseKmsEncryptedObjects must be Enabled exactly when EncryptionConfiguration is given, in \(label).")
        }
        return rule
    }

    private static func parseID(_ element: XMLElement) throws(S3Error) -> String {
        guard let id = try element.child("ID")?.text else { return "" }
        guard id.utf8.count <= 255, id.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) else {
            throw S3Error(.invalidArgument, "A rule's ID must have at most 255 printable ASCII characters.")
        }
        return id
    }

    private static func parsePriority(_ element: XMLElement) throws(S3Error) -> Int? {
        guard let priority = try element.integer("Priority") else { return nil }
        guard (0...2_147_483_647).contains(priority) else {
            throw S3Error(.invalidRequest, "Priority must be from 0 to 2147483647, but it is \(priority).")
        }
        return priority
    }

    /// Sets the prefix and the tags from `Filter`, or from the old form's `Prefix`.
    private mutating func parseSelection(_ element: XMLElement, label: String) throws(S3Error) {
        let filter = try element.child("Filter")
        let oldPrefix = try element.child("Prefix")
        guard filter == nil || oldPrefix == nil else {
            throw .malformed("Filter and Prefix are both given in \(label).")
        }
        if let filter {
            (prefix, tags) = try Self.parse(filter: filter, label: label)
        } else if schema == .v2 {
            throw S3Error(
                .invalidRequest,
                "Filter must be specified in every rule once one has it, but this is missing in \(label).")
        } else if let oldPrefix {
            prefix = oldPrefix.text
        } else {
            throw .malformed("Neither Filter nor Prefix is given in \(label).")
        }
        guard prefix.utf8.count <= ObjectKey.maximumByteCount else {
            throw S3Error(
                .invalidArgument, "The prefix is longer than \(ObjectKey.maximumByteCount) bytes in \(label).")
        }
    }

    private static func parse(
        filter: XMLElement, label: String
    ) throws(S3Error) -> (prefix: String, tags: [Tag]) {
        let prefix = try filter.child("Prefix")
        let tag = try filter.child("Tag")
        let and = try filter.child("And")
        let kinds = [prefix, tag, and].compactMap(\.self)
        guard kinds.count <= 1 else {
            throw .malformed("Filter must have only one of Prefix, Tag and And; use And for several, in \(label).")
        }
        guard let and else {
            let tags = try tag.map { element throws(S3Error) in [try Tagging.parse(tag: element)] } ?? []
            try Tagging.validate(tags, kind: .object)
            return (prefix?.text ?? "", tags)
        }
        let inner = try and.child("Prefix")
        let tags = try Tagging.parse(set: and, kind: .object)
        guard tags.count + (inner == nil ? 0 : 1) >= 2 else {
            throw .malformed("And must have two or more of Prefix and Tag, in \(label).")
        }
        return (inner?.text ?? "", tags)
    }

    private func checkSchema(label: String) throws(S3Error) {
        switch schema {
        case .v1:
            let found: String? =
                if priority != nil {
                    "Priority"
                } else if deleteMarkerReplication != nil {
                    "DeleteMarkerReplication"
                } else if replicaModifications != nil {
                    "ReplicaModifications"
                } else {
                    nil
                }
            guard let found else { return }
            throw S3Error(
                .invalidRequest, "\(found) needs rules with Filter, not the old form with Prefix; see \(label).")
        case .v2:
            guard let deleteMarkerReplication else {
                throw S3Error(.invalidRequest, "DeleteMarkerReplication must be specified in \(label).")
            }
            guard !deleteMarkerReplication || tags.isEmpty else {
                throw S3Error(
                    .invalidRequest,
                    "DeleteMarkerReplication must be Disabled with a tag filter, since delete markers have no tags; see \(label)."
                )
            }
        }
    }
}

extension ReplicationRule.Destination {
    static let bucketARNPrefix = "arn:aws:s3:::"
    private static let storageClasses: Set<String> = [
        "STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER", "DEEP_ARCHIVE",
        "OUTPOSTS", "GLACIER_IR", "SNOW", "EXPRESS_ONEZONE",
    ]

    fileprivate static func parse(_ element: XMLElement, rule label: String) throws(S3Error) -> Self {
        let arn = try element.required("Bucket").trimmedText
        guard arn.utf8.starts(with: bucketARNPrefix.utf8),
            let bucket = BucketName(String(arn.dropFirst(bucketARNPrefix.count)))
        else {
            throw S3Error(
                .invalidArgument,
                "Destination Bucket must be the ARN of a bucket, \(bucketARNPrefix)NAME, not '\(arn.prefix(128))' in \(label)."
            )
        }
        var destination = ReplicationRule.Destination(bucket: bucket)
        destination.account = try parseAccount(element, label)
        if let storageClass = try element.trimmed("StorageClass") {
            guard storageClasses.contains(storageClass) else {
                throw .malformed("StorageClass '\(storageClass.prefix(64))' is not known, in \(label).")
            }
            destination.storageClass = storageClass
        }
        if let translation = try element.child("AccessControlTranslation") {
            guard try translation.trimmed("Owner") == "Destination" else {
                throw .malformed("AccessControlTranslation must have the Owner 'Destination', in \(label).")
            }
            guard destination.account != nil else {
                throw S3Error(.invalidRequest, "AccessControlTranslation needs an Account, in \(label).")
            }
            destination.ownerOverride = true
        }
        if let encryption = try element.child("EncryptionConfiguration") {
            destination.replicaKMSKeyID = try encryption.trimmed("ReplicaKmsKeyID") ?? ""
        }
        try destination.parseTimeControl(element, label)
        return destination
    }

    private static func parseAccount(_ element: XMLElement, _ label: String) throws(S3Error) -> AccountID? {
        guard let text = try element.trimmed("Account") else { return nil }
        guard !text.isEmpty else { throw S3Error(.invalidRequest, "Account is empty in \(label).") }
        guard let account = AccountID(text) else {
            throw S3Error(.invalidArgument, "Account must be 12 digits, but it is '\(text.prefix(64))' in \(label).")
        }
        return account
    }

    /// Replication Time Control and its metrics come together or not at all; metrics alone are allowed.
    private mutating func parseTimeControl(_ element: XMLElement, _ label: String) throws(S3Error) {
        let time = try element.child("ReplicationTime")
        let metrics = try element.child("Metrics")
        if let time {
            guard let isEnabled = try time.enabled() else {
                throw .malformed("'ReplicationTime' must contain 'Status'.")
            }
            replicationTime = isEnabled
            try Self.checkMinutes(time.child("Time"), "Time", label)
        }
        if let metrics {
            guard let isEnabled = try metrics.enabled() else {
                throw S3Error(.invalidArgument, "Metrics must have a Status, in \(label).")
            }
            self.metrics = isEnabled
            let threshold = try metrics.child("EventThreshold")
            hasEventThreshold = threshold != nil
            if threshold != nil || replicationTime == true {
                try Self.checkMinutes(threshold, "EventThreshold", label)
            }
        }
        guard replicationTime == nil || replicationTime == self.metrics else {
            throw S3Error(.invalidRequest, "ReplicationTime needs Metrics with the same Status, in \(label).")
        }
    }

    private static func checkMinutes(_ element: XMLElement?, _ name: String, _ label: String) throws(S3Error) {
        guard try element?.integer("Minutes") == thresholdMinutes else {
            throw S3Error(.invalidArgument, "\(name) must have Minutes 15, the only value there is, in \(label).")
        }
    }
}

extension XMLElement {
    /// `Status` inside the child called `name`; `nil` without the child. Throws `MalformedXML` without the status.
    fileprivate func status(of name: String) throws(S3Error) -> Bool? {
        guard let element = try child(name) else { return nil }
        guard let isEnabled = try element.enabled() else { throw .malformed("'\(name)' must contain 'Status'.") }
        return isEnabled
    }
}
