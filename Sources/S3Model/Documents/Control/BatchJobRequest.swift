/// The body of CreateJob (spec/mrap.md §16): the subset that replicates what is in a bucket already. What is not in the
/// subset is refused by name. Stored with the job, hence `Codable`.
package struct CreateJobRequest: Sendable, Hashable, Codable {
    package var confirmationRequired: Bool
    package var report: BatchJobReport
    package var clientRequestToken: String
    package var manifest: BatchManifestGenerator
    package var description: String?
    package var priority: Int
    package var roleARN: String

    package init(
        report: BatchJobReport, clientRequestToken: String, manifest: BatchManifestGenerator, priority: Int,
        roleARN: String
    ) {
        confirmationRequired = false
        self.report = report
        self.clientRequestToken = clientRequestToken
        self.manifest = manifest
        self.priority = priority
        self.roleARN = roleARN
    }
}

/// Where and whether the outcome of each task is written.
package struct BatchJobReport: Sendable, Hashable, Codable {
    package enum Scope: String, Sendable, Hashable, Codable {
        case allTasks = "AllTasks"
        case failedTasksOnly = "FailedTasksOnly"
    }

    /// The only format there is.
    package static let format = "Report_CSV_20180820"

    package var isEnabled: Bool
    /// The bucket's ARN; with `scope` always there when the report is enabled.
    package var bucketARN: String?
    package var prefix: String?
    package var scope: Scope?

    package init(isEnabled: Bool = false) { self.isEnabled = isEnabled }

    /// `nil` when the report is off, or its ARN is none of a bucket.
    package var bucket: BucketName? { isEnabled ? bucketARN.flatMap(BucketName.init(arn:)) : nil }
}

/// `S3JobManifestGenerator`: which versions of which bucket.
package struct BatchManifestGenerator: Sendable, Hashable, Codable {
    package var expectedBucketOwner: String?
    package var sourceBucketARN: String
    package var filter: BatchManifestFilter

    package init(sourceBucketARN: String, filter: BatchManifestFilter = BatchManifestFilter()) {
        self.sourceBucketARN = sourceBucketARN
        self.filter = filter
    }
}

/// `S3JobManifestGeneratorFilter`. All that is set must hold; of a list, one is enough.
package struct BatchManifestFilter: Sendable, Hashable, Codable {
    package enum Status: String, Sendable, Hashable, Codable, CaseIterable {
        case none = "NONE"
        case failed = "FAILED"
        case completed = "COMPLETED"
        case replica = "REPLICA"
    }

    package var eligibleForReplication: Bool?
    package var createdAfter: Timestamp?
    package var createdBefore: Timestamp?
    /// Empty for any.
    package var statuses: [Status] = []
    package var prefixes: [String] = []
    package var suffixes: [String] = []
    package var substrings: [String] = []
    package var sizeGreaterThan: Int64?
    package var sizeLessThan: Int64?
    package var storageClasses: [String] = []

    package init() {}
}

extension BucketName {
    /// `arn:aws:s3:::NAME`; `nil` for anything else.
    package init?(arn: String) {
        let fields = arn.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        guard fields.count == 6, fields[0] == "arn", fields[1].utf8.starts(with: "aws".utf8), fields[2] == "s3",
            fields[3].isEmpty, fields[4].isEmpty
        else { return nil }
        self.init(String(fields[5]))
    }
}

// MARK: Reading

extension CreateJobRequest {
    private static let members: DocumentShape = ["member": [:]]

    /// What is not implemented is known all the same, to be refused by name.
    private static let shape: DocumentShape = [
        "ConfirmationRequired": [:], "ClientRequestToken": [:], "Description": [:], "Priority": [:], "RoleArn": [:],
        "Operation": .anything, "Manifest": .anything, "Tags": .anything,
        "Report": [
            "Bucket": [:], "ExpectedBucketOwner": [:], "Format": [:], "Enabled": [:], "Prefix": [:],
            "ReportScope": [:],
        ],
        "ManifestGenerator": [
            "S3JobManifestGenerator": [
                "ExpectedBucketOwner": [:], "SourceBucket": [:], "EnableManifestOutput": [:],
                "ManifestOutputLocation": .anything,
                "Filter": [
                    "EligibleForReplication": [:], "CreatedAfter": [:], "CreatedBefore": [:],
                    "ObjectReplicationStatuses": members,
                    "KeyNameConstraint": [
                        "MatchAnyPrefix": members, "MatchAnySuffix": members, "MatchAnySubstring": members,
                    ],
                    "ObjectSizeGreaterThanBytes": [:], "ObjectSizeLessThanBytes": [:],
                    "MatchAnyStorageClass": members, "MatchAnyObjectEncryption": .anything,
                ],
            ]
        ],
    ]

    /// Throws `MalformedXML` for a document that is not one, `InvalidRequest` for what it may not say.
    package static func parse(_ body: some Collection<UInt8>) throws(S3Error) -> CreateJobRequest {
        let root = try XMLReader.parse(body, root: "CreateJobRequest", shape: shape)
        try checkOperation(try root.required("Operation"))
        guard try root.child("Manifest") == nil else {
            throw .job("A job with a manifest of its own is not implemented by Meridian; use ManifestGenerator.")
        }
        guard try root.child("Tags")?.children.isEmpty != false else {
            throw .job("Tags of jobs are not implemented by Meridian (docs/compat.md).")
        }
        let token = try root.required("ClientRequestToken").trimmedText
        guard (1...64).contains(token.unicodeScalars.count) else {
            throw .job("ClientRequestToken must have 1 to 64 characters.")
        }
        guard let priority = try root.integer("Priority"), (0...Int(Int32.max)).contains(priority) else {
            throw .job("Priority must be a number from 0 to 2147483647.")
        }
        let role = try root.required("RoleArn").trimmedText
        guard isRole(role) else {
            throw .job("RoleArn must be arn:aws:iam::ACCOUNT:role/NAME, but it is '\(role.prefix(128))'.")
        }
        let generator = try root.required("ManifestGenerator").required("S3JobManifestGenerator")
        var request = CreateJobRequest(
            report: try BatchJobReport.parse(try root.required("Report")), clientRequestToken: token,
            manifest: try BatchManifestGenerator.parse(generator), priority: priority, roleARN: role)
        request.confirmationRequired = try root.boolean("ConfirmationRequired") ?? false
        request.description = try root.child("Description")?.text
        if let text = request.description, !(1...256).contains(text.unicodeScalars.count) {
            throw .job("Description must have 1 to 256 characters.")
        }
        return request
    }

    private static func checkOperation(_ element: XMLElement) throws(S3Error) {
        guard element.children.count == 1, let operation = element.children.first else {
            throw .job("Operation must name exactly one operation.")
        }
        guard operation.name == "S3ReplicateObject" else {
            throw .job("The operation \(operation.name.prefix(64)) is not implemented; S3ReplicateObject is.")
        }
    }

    private static func isRole(_ text: String) -> Bool {
        guard (20...2048).contains(text.utf8.count) else { return false }
        let fields = text.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        return fields.count == 6 && fields[0] == "arn" && fields[1].utf8.starts(with: "aws".utf8) && fields[2] == "iam"
            && fields[3].isEmpty && AccountID(String(fields[4])) != nil && fields[5].utf8.starts(with: "role/".utf8)
            && fields[5].utf8.count > 5
    }
}

extension BatchJobReport {
    static func parse(_ element: XMLElement) throws(S3Error) -> BatchJobReport {
        guard let isEnabled = try element.boolean("Enabled") else {
            throw .malformed("'Report' must contain 'Enabled'.")
        }
        var report = BatchJobReport(isEnabled: isEnabled)
        report.bucketARN = try element.trimmed("Bucket")
        report.prefix = try element.child("Prefix")?.text
        if let text = try element.trimmed("ReportScope") {
            guard let scope = Scope(rawValue: text) else {
                throw .job("ReportScope must be AllTasks or FailedTasksOnly, but it is '\(text.prefix(64))'.")
            }
            report.scope = scope
        }
        if let found = try element.trimmed("Format"), found != format {
            throw .job("The report's Format must be \(format), but it is '\(found.prefix(64))'.")
        }
        guard isEnabled else { return report }
        guard report.bucket != nil else { throw .job("An enabled report needs Bucket, the ARN of a bucket.") }
        guard report.scope != nil, try element.trimmed("Format") != nil else {
            throw .job("An enabled report needs Format and ReportScope.")
        }
        guard (report.prefix ?? "").utf8.count <= 512 else {
            throw .job("The report's Prefix must have at most 512 bytes.")
        }
        return report
    }
}

extension BatchManifestGenerator {
    static func parse(_ element: XMLElement) throws(S3Error) -> BatchManifestGenerator {
        let arn = try element.required("SourceBucket").trimmedText
        guard BucketName(arn: arn) != nil else {
            throw .job("SourceBucket must be the ARN of a bucket, but it is '\(arn.prefix(128))'.")
        }
        var generator = BatchManifestGenerator(sourceBucketARN: arn)
        generator.expectedBucketOwner = try element.trimmed("ExpectedBucketOwner")
        if let owner = generator.expectedBucketOwner, AccountID(owner) == nil {
            throw .job("ExpectedBucketOwner must be twelve digits, but it is '\(owner.prefix(64))'.")
        }
        guard let isWritten = try element.boolean("EnableManifestOutput") else {
            throw .malformed("'S3JobManifestGenerator' must contain 'EnableManifestOutput'.")
        }
        guard !isWritten, try element.child("ManifestOutputLocation") == nil else {
            throw .job(
                "Writing the generated manifest is not implemented by Meridian: EnableManifestOutput must be false.")
        }
        if let filter = try element.child("Filter") { generator.filter = try BatchManifestFilter.parse(filter) }
        return generator
    }
}

extension BatchManifestFilter {
    /// More constraints than these in one list are refused.
    private static let listLimit = 100

    static func parse(_ element: XMLElement) throws(S3Error) -> BatchManifestFilter {
        var filter = BatchManifestFilter()
        filter.eligibleForReplication = try element.boolean("EligibleForReplication")
        filter.createdAfter = try time("CreatedAfter", element)
        filter.createdBefore = try time("CreatedBefore", element)
        for text in try list("ObjectReplicationStatuses", element) {
            guard let status = Status(rawValue: text) else {
                throw .job(
                    "ObjectReplicationStatuses has no '\(text.prefix(64))'; they are NONE, FAILED, COMPLETED, REPLICA.")
            }
            filter.statuses.append(status)
        }
        if let names = try element.child("KeyNameConstraint") {
            filter.prefixes = try list("MatchAnyPrefix", names)
            filter.suffixes = try list("MatchAnySuffix", names)
            filter.substrings = try list("MatchAnySubstring", names)
        }
        filter.sizeGreaterThan = try size("ObjectSizeGreaterThanBytes", element)
        filter.sizeLessThan = try size("ObjectSizeLessThanBytes", element)
        filter.storageClasses = try list("MatchAnyStorageClass", element)
        guard try element.child("MatchAnyObjectEncryption") == nil else {
            throw .job("MatchAnyObjectEncryption is not implemented by Meridian.")
        }
        try filter.checkRanges()
        return filter
    }

    /// Ranges that nothing can be in are mistakes.
    private func checkRanges() throws(S3Error) {
        if let createdAfter, let createdBefore, createdAfter > createdBefore {
            throw .job("CreatedAfter must not be later than CreatedBefore.")
        }
        if let sizeGreaterThan, let sizeLessThan, sizeGreaterThan > sizeLessThan {
            throw .job("ObjectSizeGreaterThanBytes must not be greater than ObjectSizeLessThanBytes.")
        }
    }

    private static func list(_ name: String, _ element: XMLElement) throws(S3Error) -> [String] {
        guard let list = try element.child(name) else { return [] }
        let members = list.all("member").map(\.text)
        guard members.count <= listLimit, members.allSatisfy({ (1...1024).contains($0.utf8.count) }) else {
            throw .job("\(name) takes at most \(listLimit) entries of 1 to 1024 bytes.")
        }
        return members
    }

    private static func time(_ name: String, _ element: XMLElement) throws(S3Error) -> Timestamp? {
        guard let text = try element.trimmed(name) else { return nil }
        guard let time = Timestamp(iso8601: text) else {
            throw .job("\(name) must be a time as 2026-01-01T00:00:00Z, but it is '\(text.prefix(64))'.")
        }
        return time
    }

    private static func size(_ name: String, _ element: XMLElement) throws(S3Error) -> Int64? {
        guard let value = try element.integer(name) else { return nil }
        guard value >= 0 else { throw .job("\(name) must not be negative.") }
        return Int64(value)
    }
}

extension S3Error {
    static func job(_ message: String) -> S3Error { S3Error(.invalidRequest, message) }
}
