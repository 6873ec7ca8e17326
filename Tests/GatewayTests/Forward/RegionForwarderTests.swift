import AccessPoints
import NIOCore
import NIOHTTP1
import S3Model
import SigV4
import Storage
import Synchronization
import Testing

@testable import Gateway

@Suite("Forwarding: between the processes of regions", .timeLimit(.minutes(1)))
struct RegionForwarderTests {
    /// The server and the process of another region that is not the bucket's either.
    @Test(arguments: [Processes.server, Processes.south])
    func objectsAreReachedThroughEveryProcess(from asked: RegionName) async throws {
        try await Processes.run { processes in
            try await processes.makeBucket("b-west", in: Processes.west)
            let client = try await processes.client(of: asked)
            let put = try await client.request("PUT", "/b-west/a%20key", body: "hello")
            #expect(put.status == 200)
            let get = try await client.request("GET", "/b-west/a%20key")
            #expect(get.body == "hello" && get.headers["etag"] == put.headers["etag"])
            let range = try await client.request("GET", "/b-west/a%20key", headers: [("Range", "bytes=1-2")])
            #expect(range.status == 206 && range.body == "el")
            let head = try await client.request("HEAD", "/b-west/a%20key")
            #expect(head.status == 200 && head.headers["content-length"] == ["5"])
            let list = try await client.request("GET", "/b-west?list-type=2")
            #expect(list.body.contains("<Key>a key</Key>"))
            #expect(try await client.request("HEAD", "/b-west").headers["x-amz-bucket-region"] == ["eu-west-1"])
            #expect(try await client.request("GET", "/b-west?location").body.contains("eu-west-1"))
            #expect(try await client.request("DELETE", "/b-west/a%20key").status == 204)
            #expect(try await client.request("GET", "/b-west/a%20key").status == 404)
            #expect(processes.takeAnswered().allSatisfy { $0.hasPrefix("eu-west-1 ") })
        }
    }

    @Test func uploadsInPartsGoThrough() async throws {
        try await Processes.run { processes in
            try await processes.makeBucket("b-west", in: Processes.west)
            let client = try await processes.client(of: Processes.server)
            let begun = try await client.request("POST", "/b-west/k?uploads=")
            let id = try #require(begun.body.firstMatch(of: #/<UploadId>([^<]+)</#)?.1)
            let part = String(repeating: "p", count: 6 << 20)
            let sent = try await client.request("PUT", "/b-west/k?partNumber=1&uploadId=\(id)", body: part)
            let etag = try #require(sent.headers.first(name: "etag"))
            let list =
                "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>\(etag)</ETag></Part>"
                + "</CompleteMultipartUpload>"
            let done = try await client.request("POST", "/b-west/k?uploadId=\(id)", body: list)
            #expect(done.status == 200 && done.body.contains("CompleteMultipartUploadResult"))
            #expect(try await client.request("GET", "/b-west/k").body == part)
        }
    }

    @Test func framedBodiesAndPresignedTargetsGoThrough() async throws {
        try await Processes.run { processes in
            try await processes.makeBucket("b-west", in: Processes.west)
            let client = try await processes.client(of: Processes.server)
            let framed = try await client.request(
                "PUT", "/b-west/framed",
                headers: [("Content-Encoding", "aws-chunked"), ("x-amz-decoded-content-length", "5")],
                body: "5\r\nhello\r\n0\r\n\r\n", payloadHash: "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
            #expect(framed.status == 200, "\(framed.body)")
            let target = client.signer.presign(
                method: "GET", target: "/b-west/framed", headers: [("Host", client.host)], lifetime: 60,
                now: client.now)
            try await client.raw.send("GET \(target) HTTP/1.1\r\nHost: \(client.host)\r\n\r\n")
            #expect(try await client.raw.response().body == "hello")
            let other = target.replacing("framed", with: "other")
            try await client.raw.send("GET \(other) HTTP/1.1\r\nHost: \(client.host)\r\n\r\n")
            let refused = try await client.raw.response()
            #expect(refused.status == 403 && refused.body.contains("SignatureDoesNotMatch"))
        }
    }

    @Test func aClientIsAskedForItsBodyByTheRegion() async throws {
        try await Processes.run { processes in
            try await processes.makeBucket("b-west", in: Processes.west)
            let client = try await processes.client(of: Processes.server)
            let expects = [(name: "Expect", value: "100-continue")]
            try await client.send("PUT", "/b-west/k", headers: expects, body: "later", sendsBody: false)
            #expect(try await client.raw.response().status == 100)
            try await client.raw.send("later")
            #expect(try await client.raw.response().status == 200)
            #expect(try await client.request("GET", "/b-west/k").body == "later")
            // What is refused by its head alone is refused before the body.
            try await client.send(
                "PUT", "/b-west/k", headers: expects + [("x-amz-acl", "public-read")], body: "never", sendsBody: false)
            #expect(try await client.raw.response().status == 400)
        }
    }

    @Test func requestsOfTheServiceAreTheServers() async throws {
        try await Processes.run { processes in
            try await processes.makeBucket("b-west", in: Processes.west)
            try await processes.makeBucket("b-south", in: Processes.south)
            try await processes.makeBucket("b-here", in: Processes.server)
            _ = processes.takeAnswered()
            let client = try await processes.client(of: Processes.west)
            let list = try await client.request("GET", "/")
            for name in ["b-here", "b-south", "b-west"] { #expect(list.body.contains("<Name>\(name)</Name>")) }
            #expect(list.body.matches(of: #/<CreationDate>20[^<]+</#).count == 3)
            #expect(try await client.request("GET", "/v20180820/mrap/instances").status != 404)
            #expect(processes.takeAnswered().map { $0.prefix(9) } == ["us-east-1", "us-east-1"])
            // Who asks for an identity is answered where it asks.
            let form = "Action=GetCallerIdentity&Version=2011-06-15"
            _ = try await client.request(
                "POST", "/", headers: [("Content-Type", "application/x-www-form-urlencoded")], body: form)
            #expect(processes.takeAnswered() == ["eu-west-1 GetCallerIdentity"])
            // So are our own pages, and what nobody knows.
            #expect(try await client.request("GET", "/-/x").body == "page")
            #expect(try await client.request("GET", "/no-such-bucket/k").body.contains("NoSuchBucket"))
            #expect(processes.takeAnswered() == ["eu-west-1 GetObject"])
        }
    }

    @Test func hostsOfOtherRegionsRedirect() async throws {
        try await Processes.run { processes in
            try await processes.makeBucket("b-west", in: Processes.west)
            let client = try await processes.client(of: Processes.server)
            for region in [Processes.server, Processes.south] {
                let host = [(name: "Host", value: "b-west.s3.\(region).amazonaws.com")]
                let answer = try await client.request("GET", "/k", headers: host)
                #expect(answer.status == 301)
                #expect(answer.headers["x-amz-bucket-region"] == ["eu-west-1"])
            }
            let own = [(name: "Host", value: "b-west.s3.eu-west-1.amazonaws.com")]
            #expect(try await client.request("GET", "/k", headers: own).body.contains("NoSuchKey"))
        }
    }

    // MARK: One hop

    @Test func configurationsThatDifferEndInARefusal() async throws {
        try await Processes.run { processes in
            try await processes.makeBucket("b-west", in: Processes.west)
            let client = try await processes.client(of: Processes.south)
            let now = client.now
            let note = processes.key.sign(ForwardingNote(claim: nil, isFinal: true), now: now)
            let sent = try await client.request("GET", "/b-west/k", note: note)
            #expect(sent.status == 503 && sent.body.contains("another process"), "\(sent.body)")
            #expect(sent.headers["retry-after"] == ["1"])
            #expect(processes.takeAnswered() == ["ap-south-1 GetObject"])
        }
    }

    @Test func notesThatAreForgedMeanNothing() async throws {
        try await Processes.run { processes in
            try await processes.makeBucket("b-west", in: Processes.west)
            let other = try #require(EdgeKey(bytes: Array(repeating: 8, count: EdgeKey.byteCount)))
            let client = try await processes.client(of: Processes.server)
            let old = Timestamp(milliseconds: client.now.milliseconds - 1_000_000)
            let notes = [
                "hop1", "hop1 \(client.now.seconds)",
                other.sign(ForwardingNote(claim: nil, isFinal: true), now: client.now),
                processes.key.sign(ForwardingNote(claim: nil, isFinal: true), now: old),
            ]
            for note in notes {
                let answer = try await client.request("GET", "/b-west/k", note: note)
                #expect(answer.status == 404, "\(note)")
            }
            #expect(processes.takeAnswered() == notes.map { _ in "eu-west-1 GetObject" })
        }
    }

    /// The process that sends a request knows of a bucket before the one that has it.
    @Test func aBucketIsFoundWhereItWasJustCreated() async throws {
        try await Processes.run { processes in
            let client = try await processes.client(of: Processes.server)
            let place =
                "<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint>"
                + "<Tags><Tag><Key>k</Key><Value>v</Value></Tag></Tags></CreateBucketConfiguration>"
            let made = try await client.request("PUT", "/b-new", body: place)
            #expect(made.status == 200, "\(made.body)")
            #expect(try await client.request("PUT", "/b-new/k", body: "x").status == 200)
            #expect(processes.takeAnswered() == ["us-east-1 CreateBucket", "eu-west-1 PutObject"])
            #expect(try await client.request("GET", "/b-new?tagging").body.contains("<Key>k</Key>"))
            // Asked again, by way of the region's own process, which leaves it to the server.
            let again = try await (try await processes.client(of: Processes.west)).request("PUT", "/b-new", body: place)
            #expect(again.status == 409 && again.body.contains("BucketAlreadyOwnedByYou"))
            let bucket = try #require(BucketName("b-new"))
            #expect(try processes.process(Processes.west).store.bucket(bucket).owner == processes.owner)
        }
    }

    /// In a region of the server's own process and in another's alike: the bucket of a creation that broke off before its
    /// name was confirmed is completed with the tags of the repetition, and one that is complete is not touched.
    @Test(arguments: [Processes.server, Processes.west])
    func aRepeatedCreationTakesTheTags(region: RegionName) async throws {
        try await Processes.run { processes in
            let bucket = try #require(BucketName("b-new"))
            let store = try processes.process(region).store
            _ = try await store.createBucket(bucket, owner: processes.owner)
            let client = try await processes.client(of: Processes.server)
            func request(_ value: String) -> String {
                let constraint = region == Processes.server ? "" : "<LocationConstraint>\(region)</LocationConstraint>"
                return
                    "<CreateBucketConfiguration>\(constraint)<Tags><Tag><Key>k</Key><Value>\(value)</Value></Tag></Tags>"
                    + "</CreateBucketConfiguration>"
            }
            let made = try await client.request("PUT", "/b-new", body: request("v"))
            #expect(made.status == 200, "\(made.body)")
            #expect(try store.bucket(bucket).tags == [S3Model.Tag(key: "k", value: "v")])
            let again = try await client.request("PUT", "/b-new", body: request("w"))
            #expect(again.status == 409 && again.body.contains("BucketAlreadyOwnedByYou"), "\(again.body)")
            #expect(try store.bucket(bucket).tags == [S3Model.Tag(key: "k", value: "v")])
        }
    }

    // MARK: Regions that are away

    @Test func aRegionThatIsAwaySaysSo() async throws {
        try await Processes.run { processes in
            try await processes.makeBucket("b-west", in: Processes.west)
            let client = try await processes.client(of: Processes.server)
            #expect(try await client.request("PUT", "/b-west/k", body: "x").status == 200)
            try await processes.kill(Processes.west)
            for method in ["GET", "PUT"] {
                let answer = try await client.request(method, "/b-west/k", body: method == "PUT" ? "x" : "")
                #expect(answer.status == 503 && answer.body.contains("eu-west-1"), "\(answer.body)")
                #expect(answer.headers["retry-after"] == ["1"])
            }
            // No bucket can be created there, and its name is left to others.
            func place(_ region: String) -> String {
                "<CreateBucketConfiguration><LocationConstraint>\(region)</LocationConstraint></CreateBucketConfiguration>"
            }
            let refused = try await client.request("PUT", "/b-new", body: place("eu-west-1"))
            #expect(refused.status == 503 && refused.headers["retry-after"] == ["1"], "\(refused.body)")
            #expect(try await client.request("PUT", "/b-new", body: place("ap-south-1")).status == 200)
            #expect(try await client.request("GET", "/").body.contains("b-west"))
        }
    }

    @Test func anAccessPointGoesToTheNextRegion() async throws {
        try await Processes.run { processes in
            try await processes.makePoint([(Processes.west, 100), (Processes.south, 100)])
            let client = try await processes.client(of: Processes.server)
            // eu-west-1 is nearer to us-east-1.
            for label in [Processes.alias, "orders"] {
                #expect(try await client.request("PUT", "/\(label)/k", body: "x").status == 200)
            }
            #expect(processes.takeAnswered() == ["eu-west-1 PutObject", "eu-west-1 PutObject"])
            let begun = try await client.request("POST", "/orders/large?uploads=")
            let id = try #require(begun.body.firstMatch(of: #/<UploadId>([^<]+)</#)?.1)
            _ = processes.takeAnswered()
            try await processes.kill(Processes.west)
            #expect(try await client.request("PUT", "/orders/k", body: "y").status == 200)
            let expects = [(name: "Expect", value: "100-continue")]
            try await client.send("PUT", "/orders/k", headers: expects, body: "later", sendsBody: false)
            #expect(try await client.raw.response().status == 100)
            try await client.raw.send("later")
            #expect(try await client.raw.response().status == 200)
            #expect(try await client.request("GET", "/orders/k").body == "later")
            #expect(processes.takeAnswered().allSatisfy { $0.hasPrefix("ap-south-1") })
            // What belongs to the region that is away stays there.
            let part = try await client.request("PUT", "/orders/large?partNumber=1&uploadId=\(id)", body: "p")
            #expect(part.status == 503 && part.body.contains("eu-west-1"))
            #expect(processes.takeAnswered().isEmpty)
        }
    }

    /// Traffic never moves to a region whose dial is at 0.
    @Test func aPassiveRegionDoesNotStepIn() async throws {
        try await Processes.run { processes in
            try await processes.makePoint([(Processes.west, 100), (Processes.south, 0)])
            let client = try await processes.client(of: Processes.server)
            try await processes.kill(Processes.west)
            for _ in 0..<2 {
                let answer = try await client.request("PUT", "/orders/k", body: "y")
                #expect(answer.status == 503 && answer.body.contains("eu-west-1"))
            }
            #expect(processes.takeAnswered().isEmpty)
        }
    }

    @Test func theOwnRegionStepsIn() async throws {
        try await Processes.run { processes in
            // Shares, so that the other region is drawn although this one is nearer.
            try await processes.makePoint([(Processes.south, 99), (Processes.west, 1)])
            try await processes.kill(Processes.south)
            let client = try await processes.client(of: Processes.west)
            for _ in 0..<20 {
                #expect(try await client.request("PUT", "/orders/k", body: "y").status == 200)
            }
            #expect(processes.takeAnswered() == Array(repeating: "eu-west-1 PutObject", count: 20))
        }
    }

    @Test func aClaimOfAnEdgeIsFollowedOnce() async throws {
        try await Processes.run { processes in
            try await processes.makePoint([(Processes.west, 100), (Processes.south, 100)], version: 5)
            let client = try await processes.client(of: Processes.server)
            func ask(_ region: RegionName, version: Int64) async throws -> [String] {
                let claim = RouteClaim(
                    region: region, reason: .nearest, home: Processes.server, routesVersion: version)
                let text = processes.key.sign(claim, now: client.now)
                _ = try await client.request("GET", "/orders/k", note: text)
                return processes.takeAnswered()
            }
            #expect(try await ask(Processes.south, version: 5) == ["ap-south-1 GetObject"])
            // The edge decided by other routes: decided anew.
            #expect(try await ask(Processes.south, version: 4) == ["eu-west-1 GetObject"])
        }
    }

    // MARK: In the middle

    /// Something was asked of the region, so that nobody else is.
    @Test func anUploadThatBreaksOffIsNotMoved() async throws {
        try await Processes.run { processes in
            try await processes.makePoint([(Processes.west, 100), (Processes.south, 100)])
            let client = try await processes.client(of: Processes.server)
            try await client.send(
                "PUT", "/orders/k", headers: [("Expect", "100-continue")],
                body: String(repeating: "x", count: 100_000), sendsBody: false)
            #expect(try await client.raw.response().status == 100)
            try await processes.kill(Processes.west)
            let answer = try await client.raw.response()
            #expect(answer.status == 503 && answer.body.contains("broke off"), "\(answer.body)")
            #expect(!processes.takeAnswered().contains { $0.hasPrefix("ap-south-1") })
        }
    }

    @Test func anAnswerThatBreaksOffIsCut() async throws {
        try await Processes.run { processes in
            try await processes.makeBucket("b-west", in: Processes.west)
            let client = try await processes.client(of: Processes.server)
            let body = String(repeating: "x", count: 64 << 20)
            #expect(try await client.request("PUT", "/b-west/k", body: body).status == 200)
            let port = try #require(processes.ports.withLock { $0[Processes.server] })
            let slow = SignedClient(raw: try await RawClient.connect(port, autoRead: false), host: client.host)
            try await slow.send("GET", "/b-west/k")
            // The head is read by hand: more than the buffers between the three hold is still to come.
            while slow.raw.receivedCount == 0 {
                try await slow.raw.channel.eventLoop.submit { try slow.raw.channel.read() }.get()
            }
            try await processes.kill(Processes.west)
            try await slow.raw.channel.setOption(.autoRead, value: true).get()
            await #expect(throws: RawClient.Failure.self) { try await slow.raw.response() }
        }
    }
}
