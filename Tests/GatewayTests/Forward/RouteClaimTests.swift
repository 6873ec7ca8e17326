import AccessPoints
import NIOCore
import NIOHTTP1
import S3Model
import Testing

@testable import Gateway

@Suite("Forwarding: what an edge tells a region") struct RouteClaimTests {
    static let now = Timestamp(milliseconds: 1_800_000_000_000)
    static let home = RegionName(literal: "us-east-1")
    static let away = RegionName(literal: "eu-west-1")

    static func key(_ byte: UInt8 = 7) throws -> EdgeKey {
        try #require(EdgeKey(bytes: Array(repeating: byte, count: EdgeKey.byteCount)))
    }

    static func entry(dials: [Int], version: Int64 = 3) throws -> RoutingEntry {
        let account = try #require(AccountID("123456789012"))
        let buckets = try [("b-one", home), ("b-two", away)].map { (try #require(BucketName($0.0)), $0.1) }
        let point = AccessPoint(
            name: try #require(AccessPointName("orders")), alias: try #require(AccessPointAlias("m1234.mrap")),
            account: account, created: now, status: .ready,
            regions: buckets.map { MemberBucket(bucket: $0.0, account: account, region: $0.1) },
            publicAccessBlock: PublicAccessBlock(), policy: AccessPointPolicy())
        let routes = Routes(
            version: version, changed: now,
            dials: zip(buckets, dials).map { Routes.Dial(bucket: $0.0, region: $0.1, percentage: $1) })
        return RoutingEntry(accessPoint: point, routes: routes)
    }

    static func claim(_ reason: RouteReason = .nearest, version: Int64 = 3) -> RouteClaim {
        RouteClaim(region: away, reason: reason, home: home, routesVersion: version)
    }

    @Test(arguments: RouteReason.allCases) func isReadBack(reason: RouteReason) throws {
        let key = try Self.key()
        let text = key.sign(Self.claim(reason), now: Self.now)
        #expect(key.claim(text, now: Self.now) == Self.claim(reason))
        #expect(text.hasPrefix("v1 eu-west-1 \(reason.rawValue) us-east-1 3 1800000000 "))
    }

    @Test func isRefusedWhenChanged() throws {
        let key = try Self.key()
        let text = Array(key.sign(Self.claim(), now: Self.now).utf8)
        for index in text.indices {
            var changed = text
            changed[index] = changed[index] == UInt8(ascii: "1") ? UInt8(ascii: "2") : UInt8(ascii: "1")
            #expect(key.claim(String(decoding: changed, as: UTF8.self), now: Self.now) == nil)
            #expect(key.claim(String(decoding: text[..<index], as: UTF8.self), now: Self.now) == nil)
        }
        #expect(try Self.key(8).claim(String(decoding: text, as: UTF8.self), now: Self.now) == nil)
        for garbage in ["", " ", "v1", "v1 a b c d e f", String(repeating: "x ", count: 500)] {
            #expect(key.claim(garbage, now: Self.now) == nil)
        }
    }

    @Test(arguments: [(-301, false), (-300, true), (300, true), (301, false)])
    func isGoodForAWhile(seconds: Int64, isGood: Bool) throws {
        let key = try Self.key()
        let text = key.sign(Self.claim(), now: Self.now)
        let proof = key.signFeedRequest(now: Self.now)
        let later = Timestamp(milliseconds: Self.now.milliseconds + seconds * 1000)
        #expect((key.claim(text, now: later) != nil) == isGood)
        #expect(key.isFeedRequest(proof, now: later) == isGood)
        // One kind of proof is not the other.
        #expect(!key.isFeedRequest(text, now: Self.now))
        #expect(key.claim(proof, now: Self.now) == nil)
    }

    @Test func countsOnlyWhileBothKnowTheSameRoutes() throws {
        let active = try Self.entry(dials: [100, 100])
        #expect(Self.claim().choice(in: active)?.member.region == Self.away)
        #expect(Self.claim(version: 2).choice(in: active) == nil)
        #expect(Self.claim(version: 4).choice(in: active) == nil)
        let passive = try Self.entry(dials: [100, 0])
        #expect(Self.claim().choice(in: passive) == nil)
        #expect(Self.claim(.pinned).choice(in: passive)?.reason == .pinned)
        let elsewhere = RouteClaim(
            region: RegionName(literal: "ap-south-1"), reason: .nearest, home: Self.home, routesVersion: 3)
        #expect(elsewhere.choice(in: active) == nil)
    }

    @Test func aSignerSignsAnewWithTime() throws {
        let signer = ClaimSigner(try Self.key())
        let first = signer.sign(Self.claim(), now: Self.now)
        #expect(signer.sign(Self.claim(), now: Timestamp(milliseconds: Self.now.milliseconds + 29_000)) == first)
        let later = Timestamp(milliseconds: Self.now.milliseconds + 3_600_000)
        let second = signer.sign(Self.claim(), now: later)
        #expect(second != first)
        #expect(try Self.key().claim(second, now: later) == Self.claim())
    }

    @Test func theHeadGoesOnAsItCame() {
        let headers: HTTPHeaders = [
            "Host": "a", "connection": "keep-alive", "Authorization": "AWS4-HMAC-SHA256 …", "Expect": "100-continue",
            "X-Meridian-Edge-Route": "forged", "Keep-Alive": "1", "Upgrade": "h2c", "Content-Length": "3",
            "x-amz-meta-Ünïcode": "é", "Proxy-Authorization": "secret",
        ]
        let request = HTTPRequest(
            method: "PUT", target: "/b/k%2f?x=%20", headers: headers, body: NoBytes(),
            connection: ConnectionInfo(remoteAddress: nil, isTLS: false, tunnelHost: nil))
        var out = ByteBuffer()
        RequestHeadWriter.write(request, claim: nil, into: &out)
        #expect(
            String(buffer: out) == "PUT /b/k%2f?x=%20 HTTP/1.1\r\nHost: a\r\nAuthorization: AWS4-HMAC-SHA256 …\r\n"
                + "Expect: 100-continue\r\nContent-Length: 3\r\nx-amz-meta-Ünïcode: é\r\n\r\n")
        out.clear()
        RequestHeadWriter.write(request, claim: "mine", into: &out)
        #expect(String(buffer: out).hasSuffix("\r\nx-meridian-edge-route: mine\r\n\r\n"))
    }

    final class NoBytes: RequestBody {
        let announcedLength: Int64? = 0
        let expectsContinue = false
        func next() async throws -> ByteBuffer? { nil }
    }
}
