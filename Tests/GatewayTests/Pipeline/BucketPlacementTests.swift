import S3Model
import Testing

@testable import Gateway

@Suite struct BucketPlacementTests {
    private static let names = ["us-east-1", "eu-west-1", "berlin"]
    private let placement = BucketPlacement(
        regions: Set(names.compactMap { RegionName($0) }), home: RegionName(literal: "berlin"))

    private func place(_ constraint: String?, host: String? = nil, scope: String?) throws -> String {
        try placement.region(
            constraint: constraint, host: host.flatMap { RegionName($0) }, scope: scope.flatMap { RegionName($0) }
        ).rawValue
    }

    @Test func theSignaturesRegionIsThePreference() throws {
        #expect(try place(nil, scope: "us-east-1") == "us-east-1")
        #expect(try place("", scope: "us-east-1") == "us-east-1")
        #expect(try place(nil, host: "us-east-1", scope: "eu-west-1") == "us-east-1")
    }

    @Test(arguments: [nil, "sa-east-1"])
    func withoutAConfiguredRegionTheHomeRegionServes(scope: String?) throws {
        #expect(try place(nil, scope: scope) == "berlin")
        let other = BucketPlacement(regions: [RegionName(literal: "berlin")], home: RegionName(literal: "berlin"))
        #expect(try other.region(constraint: nil, host: nil, scope: RegionName("us-east-1")).rawValue == "berlin")
    }

    @Test func theConstraintDecides() throws {
        #expect(try place("EU", scope: "us-east-1") == "eu-west-1")
        #expect(try place("us-east-1", scope: nil) == "us-east-1")
        #expect(try place("eu-west-1", scope: "eu-west-1") == "eu-west-1")
    }

    @Test func refusalsAreAWSs() {
        func code(_ constraint: String?, scope: String) -> S3ErrorCode? {
            do { _ = try place(constraint, scope: scope) } catch { return (error as? S3Error)?.code }
            return nil
        }
        #expect(code(nil, scope: "eu-west-1") == .illegalLocationConstraintException)
        #expect(code("us-east-1", scope: "eu-west-1") == .illegalLocationConstraintException)
        #expect(code("sa-east-1", scope: "us-east-1") == .invalidLocationConstraint)
    }
}
