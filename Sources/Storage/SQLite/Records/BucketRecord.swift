import S3Model

/// How a ``Bucket`` is stored; id and name are columns.
enum BucketRecord {
    /// Version 2 keeps all statuses of a replication rule as the document had them.
    static let version: UInt8 = 2

    static func encode(_ bucket: Bucket) -> [UInt8] {
        var writer = RecordWriter(version: version)
        writer.write(bucket.owner)
        writer.write(bucket.created)
        writer.write(bucket.versioning.rawValue)
        writer.write(bucket.tags)
        writer.write(bucket.revision)
        writer.write(UInt8(bucket.replication == nil ? 0 : 1))
        if let replication = bucket.replication {
            writer.write(replication.role)
            writer.write(list: replication.rules) { writer, rule in write(rule, to: &writer) }
        }
        return writer.bytes
    }

    private static func write(_ rule: ReplicationRule, to writer: inout RecordWriter) {
        writer.write(rule.id)
        writer.write(UInt8(rule.schema == .v1 ? 1 : 2))
        write(rule.priority, to: &writer)
        writer.write(UInt8(rule.isEnabled ? 1 : 0))
        writer.write(rule.prefix)
        writer.write(rule.tags)
        writer.write(rule.destination.bucket.rawValue)
        writer.write(rule.destination.account?.rawValue)
        writer.write(rule.destination.storageClass)
        writer.write(UInt8(rule.destination.ownerOverride ? 1 : 0))
        writer.write(UInt8(rule.destination.hasEventThreshold ? 1 : 0))
        let choices = [
            rule.destination.replicationTime, rule.destination.metrics, rule.deleteMarkerReplication,
            rule.replicaModifications, rule.existingObjectReplication, rule.sseKMSEncryptedObjects,
        ]
        for choice in choices {
            writer.write(choice.map { $0 ? UInt8(1) : UInt8(0) } ?? UInt8(2))
        }
    }

    private static func write(_ number: Int?, to writer: inout RecordWriter) {
        writer.write(UInt8(number == nil ? 0 : 1))
        if let number { writer.write(Int64(number)) }
    }

    static func decode(_ bytes: UnsafeRawBufferPointer, id: Int64, name: BucketName) throws(RecordError) -> Bucket {
        let format: UInt8 = bytes.first == 1 ? 1 : version
        var reader = try RecordReader(bytes, version: format)
        var bucket = Bucket(id: id, name: name, owner: try reader.owner(), created: try reader.timestamp())
        bucket.versioning = try reader.enumeration(VersioningState.self)
        bucket.tags = try reader.tags()
        bucket.revision = try reader.signed()
        if try reader.bool() {
            let role = try reader.text()
            let rules = try reader.list { (reader) throws(RecordError) in try rule(&reader, format) }
            bucket.replication = ReplicationConfiguration(role: role, rules: rules)
        }
        try reader.finish()
        return bucket
    }

    private static func rule(
        _ reader: inout RecordReader, _ format: UInt8
    ) throws(RecordError) -> ReplicationRule {
        let id = try reader.text()
        let schema: ReplicationRule.Schema
        switch try reader.byte() {
        case 1: schema = .v1
        case 2: schema = .v2
        case let other: throw RecordError("has the unknown rule schema \(other)")
        }
        let priority = try number(&reader)
        let isEnabled = try reader.bool()
        let prefix = try reader.text()
        let tags = try reader.tags()
        var destination = ReplicationRule.Destination(bucket: try reader.bucketName())
        if try reader.bool() { destination.account = try reader.account() }
        destination.storageClass = try reader.optionalText()
        destination.ownerOverride = try reader.bool()
        if format == 1 {
            let minutes = try number(&reader)
            destination.replicationTime = minutes.map { _ in true }
            destination.metrics = try reader.bool() ? true : nil
            destination.hasEventThreshold = minutes != nil
        } else {
            destination.hasEventThreshold = try reader.bool()
            destination.replicationTime = try choice(&reader)
            destination.metrics = try choice(&reader)
        }
        var rule = ReplicationRule(id: id, schema: schema, destination: destination)
        rule.priority = priority
        rule.isEnabled = isEnabled
        rule.prefix = prefix
        rule.tags = tags
        rule.deleteMarkerReplication = try choice(&reader)
        rule.replicaModifications = try choice(&reader)
        rule.existingObjectReplication = try choice(&reader)
        if format > 1 { rule.sseKMSEncryptedObjects = try choice(&reader) }
        return rule
    }

    private static func number(_ reader: inout RecordReader) throws(RecordError) -> Int? {
        try reader.bool() ? try reader.int() : nil
    }

    private static func choice(_ reader: inout RecordReader) throws(RecordError) -> Bool? {
        switch try reader.byte() {
        case 0: return false
        case 1: return true
        case 2: return nil
        case let other: throw RecordError("has \(other) where yes, no or nothing was expected")
        }
    }
}
