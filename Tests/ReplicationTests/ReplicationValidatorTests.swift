import Cluster
import Replication
import S3Model
import Storage
import Testing

@Suite struct ReplicationValidatorTests {
    private func validator(destination state: VersioningState?) -> ReplicationValidator {
        ReplicationValidator(
            locate: { name in
                name.rawValue == "missing"
                    ? nil
                    : BucketLocation(name: name, region: RegionName(literal: "us-east-1"), owner: Fixtures.owner)
            }, versioning: { _ in state })
    }

    private func code(
        _ rules: [ReplicationRule], destination: VersioningState? = .enabled, source: VersioningState = .enabled
    ) async -> S3ErrorCode? {
        var bucket = Fixtures.bucket("source", rules: [])
        bucket.versioning = source
        do {
            try await validator(destination: destination).validate(
                ReplicationConfiguration(role: "", rules: rules), source: bucket)
            return nil
        } catch {
            return (error as? S3Error)?.code
        }
    }

    @Test func acceptsWhatCanWork() async {
        #expect(await code([Fixtures.rule("1", to: "dst-one"), Fixtures.rule("2", to: "dst-two")]) == nil)
    }

    /// A destination that cannot be looked at is refused, unless the source has a rule for it already.
    @Test func regionsThatCannotBeAsked() async throws {
        let known = Fixtures.rule("old", to: "dst-one")
        let source = Fixtures.bucket("source", rules: [known])
        func validate(_ rules: [ReplicationRule], _ source: Bucket) async throws {
            try await validator(destination: nil).validate(
                ReplicationConfiguration(role: "", rules: rules), source: source)
        }
        try await validate([Fixtures.rule("new", to: "dst-one"), Fixtures.rule("2", to: "dst-one")], source)
        for (rules, source) in [
            ([known], Fixtures.bucket("source", rules: [])), ([known, Fixtures.rule("2", to: "dst-two")], source),
        ] {
            let error = await #expect(throws: S3Error.self) { try await validate(rules, source) }
            #expect(error?.code == .serviceUnavailable)
            #expect(error?.message.contains("us-east-1") == true)
        }
    }

    @Test func bothSidesNeedVersioning() async {
        let rules = [Fixtures.rule("1", to: "dst-one")]
        #expect(await code(rules, source: .unversioned) == .invalidRequest)
        #expect(await code(rules, source: .suspended) == .invalidRequest)
        #expect(await code(rules, destination: .unversioned) == .invalidRequest)
        #expect(await code(rules, destination: .suspended) == .invalidRequest)
    }

    @Test func destinationMustExistAndBeAnother() async {
        #expect(await code([Fixtures.rule("1", to: "missing")]) == .invalidRequest)
        #expect(await code([Fixtures.rule("1", to: "dst-one"), Fixtures.rule("2", to: "source")]) == .invalidRequest)
    }

    @Test func accountMustOwnTheDestination() async {
        var rule = Fixtures.rule("1", to: "dst-one")
        rule.destination.account = Fixtures.account("999999999999")
        #expect(await code([rule]) == .invalidArgument)
        rule.destination.account = Fixtures.owner.account
        #expect(await code([rule]) == nil)
    }

    /// Only a policy of the destination could allow it, and there are none.
    @Test func bucketsOfOtherAccountsAreRefusedByName() async {
        var source = Fixtures.bucket("source", rules: [])
        source.owner = Owner(account: Fixtures.account("999999999999"), canonicalID: "beef", displayName: "bob")
        let rules = [Fixtures.rule("1", to: "dst-one")]
        let error = await #expect(throws: S3Error.self) {
            try await validator(destination: .enabled).validate(
                ReplicationConfiguration(role: "", rules: rules), source: source)
        }
        #expect(error?.code == .notImplemented)
    }

    @Test func whatIsNotActedOnIsRefusedByName() async throws {
        let changes: [(String, @Sendable (inout ReplicationRule) -> Void)] = [
            ("EncryptionConfiguration", { $0.destination.replicaKMSKeyID = "key" }),
            ("EncryptionConfiguration", { $0.sseKMSEncryptedObjects = true }),
            ("ExistingObjectReplication", { $0.existingObjectReplication = true }),
            ("GLACIER", { $0.destination.storageClass = "GLACIER" }),
            ("OUTPOSTS", { $0.destination.storageClass = "OUTPOSTS" }),
        ]
        for (name, change) in changes {
            var rule = Fixtures.rule("1", to: "dst-one")
            change(&rule)
            let refused = rule
            let error = await #expect(throws: S3Error.self) {
                try await validator(destination: .enabled).validate(
                    ReplicationConfiguration(role: "", rules: [refused]), source: Fixtures.bucket("source", rules: []))
            }
            #expect(error?.code == .notImplemented)
            #expect(error?.message.contains(name) == true)
        }
        var rule = Fixtures.rule("1", to: "dst-one")
        rule.sseKMSEncryptedObjects = false
        rule.existingObjectReplication = false
        rule.destination.storageClass = "STANDARD_IA"
        #expect(await code([rule]) == nil)
    }
}
