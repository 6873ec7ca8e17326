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
        // A region that cannot be asked now is no reason to refuse.
        #expect(await code([Fixtures.rule("1", to: "dst-one")], destination: nil) == nil)
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
}
