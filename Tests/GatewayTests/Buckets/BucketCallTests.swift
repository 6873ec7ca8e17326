import Cluster
import S3Model
import Testing

@testable import Gateway

@Suite("Buckets: what processes tell each other") struct BucketCallTests {
    private func call(tags: [S3Model.Tag] = [S3Model.Tag(key: "a", value: "ü @")]) throws -> CreateBucketCall {
        let owner = Owner(account: try #require(AccountID("123456789012")), canonicalID: "c", displayName: "d")
        return CreateBucketCall(
            name: try #require(BucketName("bucket")), owner: owner, tags: tags, region: RegionName(literal: "eu-west-1")
        )
    }

    @Test func isReadBack() throws {
        let call = try call()
        let read = try CreateBucketCall.decode(call.encoded())
        #expect(read == call)
        let (name, owner, tags) = try read.checked()
        #expect(name.rawValue == "bucket" && owner == call.owner && tags == [S3Model.Tag(key: "a", value: "ü @")])
        for versioning in [nil, 0, 1, 2, 77] as [UInt8?] {
            let answer = BucketStateCall.Answer(versioning: versioning)
            let read = try BucketStateCall.Answer.decode(answer.encoded())
            #expect(read.state == versioning.flatMap { VersioningState(rawValue: $0) })
        }
    }

    @Test func otherVersionsAndGarbageAreRefused() throws {
        var bytes = try call().encoded()
        #expect(bytes[0] == 1)
        bytes[0] = 2
        #expect(throws: S3Error.self) { try CreateBucketCall.decode(bytes) }
        #expect(throws: S3Error.self) { try CreateBucketCall.decode([]) }
        #expect(throws: S3Error.self) {
            try CreateBucketCall.decode(Array(repeating: 1, count: CreateBucketCall.maximumBytes + 1))
        }
        var broken = try call()
        broken.name = "Not A Name"
        #expect(throws: S3Error.self) { try broken.checked() }
        let many = try call(tags: (0..<51).map { S3Model.Tag(key: "k\($0)", value: "v") })
        #expect(throws: S3Error.self) { try many.checked() }
    }

    /// Changed bytes are refused, or are another call that keeps the rules: nothing crashes.
    @Test(arguments: [UInt64(1), 2, 3]) func changedBytesDoNoHarm(seed: UInt64) throws {
        var state = seed
        func random(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        let bytes = try call().encoded()
        for _ in 0..<2_000 {
            var changed = bytes
            for _ in 0...random(3) { changed[random(changed.count)] = UInt8(random(256)) }
            if random(4) == 0 { changed = Array(changed.prefix(random(changed.count))) }
            guard let read = try? CreateBucketCall.decode(changed), let checked = try? read.checked() else { continue }
            #expect(BucketName(checked.name.rawValue) == checked.name)
        }
    }
}
