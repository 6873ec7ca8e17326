import S3Model
import Testing

@testable import Gateway

/// Every address form of spec/clients.md §3.5.
@Suite struct EndpointResolverTests {
    let resolver = EndpointResolver(ownDomains: ["s3.example"])

    static let irelandHosts = [
        "photos.s3.eu-west-1.amazonaws.com", "photos.s3.dualstack.eu-west-1.amazonaws.com",
        "photos.s3-eu-west-1.amazonaws.com", "photos.s3.eu-west-1.localhost:9000",
        "photos.s3-fips.eu-west-1.amazonaws.com",
    ]

    @Test(arguments: irelandHosts)
    func virtualHostsThatNameARegion(host: String) throws {
        let endpoint = try resolver.resolve(host: host, path: "/a/b%20c")
        #expect(endpoint == .bucket(label: "photos", key: "a/b c", region: RegionName("eu-west-1")))
    }

    @Test(arguments: [
        "photos.s3.amazonaws.com", "photos.s3.localhost:9000", "photos.s3.example", "photos.localhost:9000",
        "PHOTOS.s3.example",
    ])
    func virtualHostsWithoutARegion(host: String) throws {
        #expect(
            try resolver.resolve(host: host, path: "/key") == .bucket(label: "photos", key: "key", region: nil))
    }

    @Test(arguments: [
        "127.0.0.1:9000", "[::1]:9000", "localhost:9000", "s3.localhost", "s3.amazonaws.com", "s3.example",
        "some-container", "10.1.2.3",
    ])
    func plainHostsUsePathStyle(host: String) throws {
        #expect(
            try resolver.resolve(host: host, path: "/photos/a/b") == .bucket(label: "photos", key: "a/b", region: nil))
        #expect(try resolver.resolve(host: host, path: "/photos/") == .bucket(label: "photos", key: nil, region: nil))
        #expect(try resolver.resolve(host: host, path: "/") == .service(region: nil))
    }

    @Test(arguments: [
        "mfzwi23gnjvgw.mrap.accesspoint.s3-global.amazonaws.com", "mfzwi23gnjvgw.mrap.accesspoint.s3-global.s3.example",
        "mfzwi23gnjvgw.mrap.accesspoint.s3-global.localhost:9000",
    ])
    func globalAccessPointHosts(host: String) throws {
        #expect(
            try resolver.resolve(host: host, path: "/k")
                == .accessPoint(label: "mfzwi23gnjvgw.mrap", account: nil, key: "k"))
    }

    @Test(arguments: [
        "/arn:aws:s3::123456789012:accesspoint/my-name.mrap/k/1",
        "/arn:aws:s3::123456789012:accesspoint:my-name.mrap/k/1",
        "/arn%3Aaws%3As3%3A%3A123456789012%3Aaccesspoint%2Fmy-name.mrap/k/1",
        "/arn%3Aaws%3As3%3A%3A123456789012%3Aaccesspoint/my-name.mrap/k/1",
    ])
    func arnsInThePath(path: String) throws {
        let account = AccountID("123456789012")
        for host in ["127.0.0.1:9000", "accesspoint.s3-global.amazonaws.com"] {
            #expect(
                try resolver.resolve(host: host, path: path)
                    == .accessPoint(label: "my-name.mrap", account: account, key: "k/1"))
        }
    }

    @Test func labelsWithDotsKeepThem() throws {
        #expect(
            try resolver.resolve(host: "my.photos.s3.eu-west-1.amazonaws.com", path: "/k")
                == .bucket(label: "my.photos", key: "k", region: RegionName("eu-west-1")))
        #expect(
            try resolver.resolve(host: "alias.mrap.s3.us-east-1.amazonaws.com", path: "/k")
                == .bucket(label: "alias.mrap", key: "k", region: RegionName("us-east-1")))
    }

    @Test func controlAndConsoleGoByPathOnAnyHost() throws {
        for host in ["123456789012.s3-control.us-west-2.amazonaws.com", "127.0.0.1", "123456789012.localhost:9000"] {
            #expect(try resolver.resolve(host: host, path: "/v20180820/mrap/instances") == .control)
        }
        #expect(try resolver.resolve(host: "localhost", path: "/-/health") == .console(path: "/-/health"))
    }

    @Test func connectIsOnlyForServiceNames() {
        for name in [
            "s3.us-east-1.amazonaws.com", "bucket.s3.amazonaws.com", "x.mrap.accesspoint.s3-global.amazonaws.com",
            "123456789012.s3-control.us-west-2.amazonaws.com", "bucket.s3.localhost",
        ] { #expect(resolver.isServiceName(name), "\(name)") }
        for name in [
            "example.com", "amazonaws.com", "ec2.us-east-1.amazonaws.com", "s3.amazonaws.com.evil.example",
            "evils3.amazonaws.comx", "",
        ] { #expect(!resolver.isServiceName(name), "\(name)") }
    }

    @Test func undecodablePathsAreRefused() {
        for path in ["/b/%zz", "/b/%", "/b/%ff%fe", "/%c3"] {
            #expect(throws: S3Error.self) { try resolver.resolve(host: "localhost", path: path) }
        }
    }

    @Test func noTargetCrashes() {
        var generator = SeededGenerator(seed: 7)
        let pieces = [
            "%", "%2F", "arn:aws:s3::", "accesspoint", "/", "?", "&", "=", "\u{0}", "é", "..", "http://", "x",
        ]
        for _ in 0..<3000 {
            let count = Int(generator.next() % 12)
            let text = (0..<count).map { _ in pieces[Int(generator.next() % UInt64(pieces.count))] }.joined()
            guard let target = try? RequestTarget(parsing: text) else { continue }
            _ = try? resolver.resolve(host: target.authority, path: target.rawPath)
        }
    }
}

/// splitmix64, so that a failing run can be repeated.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }
}
