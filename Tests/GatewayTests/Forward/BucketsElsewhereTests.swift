import NIOCore
import NIOHTTP1
import S3Model
import Testing

@testable import Gateway

@Suite("Buckets in other processes: replication rules and copies", .timeLimit(.minutes(1)))
struct BucketsElsewhereTests {
    @Test func destinationsElsewhereAreChecked() async throws {
        try await Processes.run { processes in
            try await processes.makeBucket("b-here", in: Processes.server)
            try await processes.makeBucket("b-west", in: Processes.west)
            let client = try await processes.client(of: Processes.server)
            let enabled = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
            #expect(try await client.request("PUT", "/b-here?versioning", body: enabled).status == 200)
            let rules =
                "<ReplicationConfiguration><Role>arn:aws:iam::123456789012:role/r</Role><Rule><ID>r</ID>"
                + "<Status>Enabled</Status><Priority>1</Priority><Filter><Prefix></Prefix></Filter>"
                + "<DeleteMarkerReplication><Status>Disabled</Status></DeleteMarkerReplication>"
                + "<Destination><Bucket>arn:aws:s3:::b-west</Bucket></Destination></Rule></ReplicationConfiguration>"
            let refused = try await client.request("PUT", "/b-here?replication", body: rules)
            #expect(refused.status == 400 && refused.body.contains("must have versioning enabled"), "\(refused.body)")
            #expect(try await client.request("PUT", "/b-west?versioning", body: enabled).status == 200)
            #expect(try await client.request("PUT", "/b-here?replication", body: rules).status == 200)
            // A region that cannot be asked does not stand in the way.
            try await processes.kill(Processes.west)
            #expect(try await client.request("PUT", "/b-here?replication", body: rules).status == 200)
        }
    }

    /// Of an object in the database, and of one in files.
    @Test(arguments: [0, 1, 3 << 20]) func copiesComeFromElsewhere(size: Int) async throws {
        try await Processes.run { processes in
            try await processes.makeBucket("b-here", in: Processes.server)
            try await processes.makePoint([(Processes.west, 100)])
            let client = try await processes.client(of: Processes.server)
            let body = String(repeating: "x", count: size)
            let meta = [(name: "x-amz-meta-a", value: "b"), (name: "x-amz-tagging", value: "t=v")]
            let put = try await client.request("PUT", "/member-eu-west-1/k", headers: meta, body: body)
            #expect(put.status == 200)
            // By the bucket, by the access point's alias, and by its name.
            for source in ["member-eu-west-1/k", "\(Processes.alias)/k", "orders/k"] {
                let copy = try await client.request("PUT", "/b-here/k", headers: [("x-amz-copy-source", source)])
                #expect(copy.status == 200, "\(copy.body)")
                let get = try await client.request("GET", "/b-here/k")
                #expect(get.body == body && get.headers["etag"] == put.headers["etag"])
                #expect(get.headers["x-amz-meta-a"] == ["b"] && get.headers["x-amz-tagging-count"] == ["1"])
            }
            // From the server's region into another one.
            let back = [(name: "x-amz-copy-source", value: "b-here/k")]
            #expect(try await client.request("PUT", "/member-eu-west-1/copy", headers: back).status == 200)
            #expect(try await client.request("GET", "/member-eu-west-1/copy").body == body)
        }
    }

    @Test func partsAreCopiedFromElsewhere() async throws {
        try await Processes.run { processes in
            try await processes.makeBucket("b-here", in: Processes.server)
            try await processes.makeBucket("b-west", in: Processes.west)
            let client = try await processes.client(of: Processes.server)
            #expect(try await client.request("PUT", "/b-west/k", body: "0123456789").status == 200)
            let begun = try await client.request("POST", "/b-here/k?uploads=")
            let id = try #require(begun.body.firstMatch(of: #/<UploadId>([^<]+)</#)?.1)
            let part = try await client.request(
                "PUT", "/b-here/k?partNumber=1&uploadId=\(id)",
                headers: [("x-amz-copy-source", "b-west/k"), ("x-amz-copy-source-range", "bytes=2-4")])
            #expect(part.status == 200, "\(part.body)")
            let etag = try #require(part.body.firstMatch(of: #/<ETag>([^<]+)</#)?.1)
            let list =
                "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>\(etag)</ETag></Part>"
                + "</CompleteMultipartUpload>"
            #expect(try await client.request("POST", "/b-here/k?uploadId=\(id)", body: list).status == 200)
            #expect(try await client.request("GET", "/b-here/k").body == "234")
        }
    }

    @Test func copiesFromElsewhereAreRefusedAsOthersAre() async throws {
        try await Processes.run { processes in
            try await processes.makeBucket("b-here", in: Processes.server)
            try await processes.makeBucket("b-west", in: Processes.west)
            let client = try await processes.client(of: Processes.server)
            func copy(_ source: String, _ more: [(name: String, value: String)] = []) async throws -> String {
                let headers = [(name: "x-amz-copy-source", value: source)] + more
                let answer = try await client.request("PUT", "/b-here/k", headers: headers)
                let code = answer.body.firstMatch(of: #/<Code>([^<]+)</#)?.1 ?? ""
                return "\(answer.status) \(code)"
            }
            #expect(try await copy("b-west/none") == "404 NoSuchKey")
            #expect(try await copy("b-none/k") == "404 NoSuchBucket")
            #expect(try await client.request("PUT", "/b-west/k", body: "x").status == 200)
            #expect(try await copy("b-west/k", [("x-amz-copy-source-if-match", "\"a\"")]) == "412 PreconditionFailed")
            #expect(try await copy("b-west/k?versionId=null") == "200 ")
            try await processes.kill(Processes.west)
            #expect(try await copy("b-west/k") == "503 ServiceUnavailable")
        }
    }
}
