import Cluster
import Environment
import S3Model
import Testing

@testable import AccessPoints

@Suite struct PolicyTests {
    private func document(
        principal: String = "{\"AWS\":\"arn:aws:iam::111122223333:user/reader\"}", resource: String,
        condition: String = "{}", effect: String = "Allow"
    ) -> String {
        """
        {"Version":"2012-10-17","Statement":[{"Effect":"\(effect)","Principal":\(principal),"Action":"s3:GetObject",
        "Resource":"\(resource)","Condition":\(condition)}]}
        """
    }

    private func point() throws -> AccessPoint {
        AccessPoint(
            name: try #require(AccessPointName("orders")), alias: try #require(AccessPointAlias("mabc.mrap")),
            account: try #require(AccountID("111122223333")), created: Timestamp(milliseconds: 0), status: .ready,
            regions: [], publicAccessBlock: PublicAccessBlock(), policy: AccessPointPolicy())
    }

    @Test func aPutIsProposedThenEstablished() async throws {
        let world = try World()
        try await world.makeBuckets()
        let edge = world.edge()
        let point = try await world.createReady(edge)
        #expect(try await edge.registry.policy(of: "orders", account: world.account) == AccessPointPolicy())
        #expect(try await edge.registry.policyStatus(of: "orders", account: world.account).isPublic == false)
        let first = document(resource: "\(point.arn)/object/*")
        let arn = try await edge.registry.putPolicy(
            name: "orders", policy: first, account: world.account, clientToken: "p1")
        #expect(arn.contains(":async-request/mrap/put-policy/TT"))
        #expect(
            try await edge.registry.policy(of: "orders", account: world.account)
                == AccessPointPolicy(established: nil, proposed: first))
        try await world.settle(edge)
        let settled = AccessPointPolicy(established: first, proposed: first)
        #expect(try await edge.registry.policy(of: "orders", account: world.account) == settled)
        #expect(edge.table.entry(alias: point.alias)?.accessPoint.policy == settled)

        for (index, (bad, expected)) in [
            ("{", AsyncOperation.Failure.Code.malformedPolicy), ("", .malformedPolicy),
            (document(principal: "\"*\"", resource: point.arn.description), .accessDenied),
        ].enumerated() {
            let arn = try await edge.registry.putPolicy(
                name: "orders", policy: bad, account: world.account, clientToken: "bad\(index)")
            try await world.settle(edge)
            let operation = try await edge.registry.describeOperation(arn, account: world.account)
            #expect(operation.failure?.code == expected)
            #expect(try await edge.registry.policy(of: "orders", account: world.account) == settled)
        }
        #expect(
            await code {
                _ = try await edge.registry.putPolicy(
                    name: "orders", policy: String(repeating: " ", count: 20_481), account: world.account,
                    clientToken: "big")
            } == .malformedPolicy)
        #expect(
            await code {
                _ = try await edge.registry.putPolicy(
                    name: "nothing", policy: first, account: world.account, clientToken: "n")
            } == .noSuchMultiRegionAccessPoint)
    }

    @Test func publicIsWhatEverybodyMayUse() throws {
        let point = try point()
        let arn = point.arn.description
        func isPublic(_ principal: String, _ condition: String, effect: String = "Allow") throws -> Bool {
            try PolicyDocumentReview().review(
                document(principal: principal, resource: arn, condition: condition, effect: effect), of: point
            ).isPublic
        }
        #expect(try isPublic("\"*\"", "{}"))
        #expect(try isPublic("{\"AWS\":[\"111122223333\",\"*\"]}", "{}"))
        #expect(try !isPublic("{\"AWS\":\"111122223333\"}", "{}"))
        #expect(try !isPublic("\"*\"", "{}", effect: "Deny"))
        let pinned = [
            #"{"StringEquals":{"aws:SourceVpc":"vpc-1"}}"#, #"{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}"#,
            #"{"StringLike":{"aws:userid":"AROAEXAMPLE:*"}}"#,
            #"{"StringEquals":{"aws:PrincipalOrgID":["o-1","o-2"]}}"#,
            #"{"StringEquals":{"S3:DataAccessPointAccount":"111122223333"}}"#,
        ]
        for condition in pinned { #expect(try !isPublic("\"*\"", condition), "\(condition)") }
        let open = [
            #"{"StringLike":{"aws:SourceVpc":"vpc-*"}}"#, #"{"StringNotEquals":{"aws:SourceVpc":"vpc-1"}}"#,
            #"{"IpAddress":{"aws:SourceIp":"0.0.0.0/0"}}"#, #"{"IpAddress":{"aws:SourceIp":"2001::/16"}}"#,
            #"{"StringEquals":{"aws:SourceVpc":"${aws:username}"}}"#, #"{"StringEquals":{"s3:prefix":"x"}}"#,
            #"{"StringLike":{"aws:userid":"*:x"}}"#, #"{"StringEquals":{"aws:SourceVpc":["vpc-1","*"]}}"#,
            #"{"StringEqualsIfExists":{"aws:SourceVpc":"vpc-1"}}"#,
        ]
        for condition in open { #expect(try isPublic("\"*\"", condition), "\(condition)") }
    }

    @Test func resourcesMustBeThisPoint() throws {
        let point = try point()
        let good = [
            "arn:aws:s3::111122223333:accesspoint/mabc.mrap", "arn:aws:s3::111122223333:accesspoint/mabc.mrap/object/*",
            "arn:aws:s3::111122223333:accesspoint/orders.mrap/object/a?", "arn:aws:s3::111122223333:accesspoint/*", "*",
        ]
        let bad = [
            "arn:aws:s3:::photos", "arn:aws:s3::111122223333:accesspoint/other.mrap/object/*", "", "mabc.mrap",
            "arn:aws:s3::444455556666:accesspoint/mabc.mrap",
            "arn:aws:s3::111122223333:accesspoint/mabc.mrapx/object/a",
        ]
        for resource in good { _ = try PolicyDocumentReview().review(document(resource: resource), of: point) }
        for resource in bad {
            #expect(throws: S3Error.self, "\(resource)") {
                _ = try PolicyDocumentReview().review(document(resource: resource), of: point)
            }
        }
    }

    /// Any damage to a document is either still a policy or MalformedPolicy.
    @Test(arguments: 0..<20 as Range<UInt64>) func damagedDocumentsNeverCrash(_ seed: UInt64) throws {
        let random = SeededRandom(seed)
        let point = try point()
        let bytes = Array(document(resource: point.arn.description, condition: #"{"IpAddress":{"a":["b",1]}}"#).utf8)
        for _ in 0..<300 {
            var damaged = bytes
            for _ in 0...random.uniform(below: 4) {
                let index = Int(random.uniform(below: UInt64(damaged.count)))
                switch random.uniform(below: 3) {
                case 0: damaged[index] = UInt8(truncatingIfNeeded: random.next())
                case 1: damaged.remove(at: index)
                default: damaged.insert(contentsOf: damaged[index...].prefix(20), at: index)
                }
            }
            do {
                _ = try PolicyDocumentReview().review(String(decoding: damaged, as: UTF8.self), of: point)
            } catch {
                #expect(error.code == .malformedPolicy)
            }
        }
        let deep = String(repeating: "[", count: 10_000)
        #expect(throws: S3Error.self) { _ = try PolicyDocumentReview().review(deep, of: point) }
    }
}
