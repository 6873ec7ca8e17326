import S3Model
import Testing

@Suite struct OperationTests {
    private func resolve(
        _ method: String, _ level: S3Operation.Level, _ query: [String: String] = [:], _ headers: [String: String] = [:]
    ) throws(S3Error) -> S3Operation {
        try S3Operation.resolve(method: method, level: level, query: { query[$0] }, header: { headers[$0] })
    }

    @Test func buckets() throws {
        #expect(try resolve("GET", .service) == .listBuckets)
        #expect(try resolve("PUT", .bucket) == .createBucket)
        #expect(try resolve("DELETE", .bucket) == .deleteBucket)
        #expect(try resolve("HEAD", .bucket) == .headBucket)
        #expect(try resolve("POST", .bucket) == .postObject)
        #expect(try resolve("POST", .bucket, ["delete": ""]) == .deleteObjects)
        #expect(try resolve("GET", .bucket) == .listObjects)
        #expect(try resolve("GET", .bucket, ["encoding-type": "url"]) == .listObjects)
        #expect(try resolve("GET", .bucket, ["list-type": "2", "prefix": "a"]) == .listObjectsV2)
        #expect(try resolve("GET", .bucket, ["versions": ""]) == .listObjectVersions)
        #expect(try resolve("GET", .bucket, ["uploads": ""]) == .listMultipartUploads)
        #expect(try resolve("GET", .bucket, ["location": ""]) == .getBucketLocation)
        #expect(try resolve("PUT", .bucket, ["replication": ""]) == .putBucketReplication)
        #expect(try resolve("DELETE", .bucket, ["tagging": ""]) == .deleteBucketTagging)
        #expect(try resolve("GET", .bucket, ["metrics": ""]) == .listBucketMetricsConfigurations)
        #expect(try resolve("GET", .bucket, ["metrics": "", "id": "x"]) == .getBucketMetricsConfiguration)
        #expect(try resolve("GET", .bucket, ["object-lock": ""]) == .getObjectLockConfiguration)
    }

    @Test func objects() throws {
        let copy = ["x-amz-copy-source": "a/b"]
        #expect(try resolve("GET", .object) == .getObject)
        #expect(try resolve("GET", .object, ["partNumber": "1", "versionId": "x"]) == .getObject)
        #expect(try resolve("HEAD", .object, ["tagging": ""]) == .headObject)
        #expect(try resolve("PUT", .object) == .putObject)
        #expect(try resolve("PUT", .object, [:], copy) == .copyObject)
        #expect(try resolve("PUT", .object, ["x-id": "PutObject"]) == .putObject)
        #expect(try resolve("DELETE", .object, ["versionId": "null"]) == .deleteObject)
        #expect(try resolve("POST", .object, ["uploads": ""]) == .createMultipartUpload)
        #expect(try resolve("PUT", .object, ["uploadId": "u", "partNumber": "1"]) == .uploadPart)
        #expect(try resolve("PUT", .object, ["uploadId": "u", "partNumber": "1"], copy) == .uploadPartCopy)
        #expect(try resolve("POST", .object, ["uploadId": "u"]) == .completeMultipartUpload)
        #expect(try resolve("DELETE", .object, ["uploadId": "u"]) == .abortMultipartUpload)
        #expect(try resolve("GET", .object, ["uploadId": "u"]) == .listParts)
        #expect(try resolve("PUT", .object, ["tagging": "", "versionId": "x"]) == .putObjectTagging)
        #expect(try resolve("GET", .object, ["attributes": ""]) == .getObjectAttributes)
        #expect(try resolve("POST", .object, ["select": "", "select-type": "2"]) == .selectObjectContent)
        let presigned = ["X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-Signature": "s", "X-Amz-Security-Token": "t"]
        #expect(try resolve("GET", .object, presigned) == .getObject)
        #expect(try resolve("PUT", .object, ["Signature": "x", "AWSAccessKeyId": "y", "Expires": "1"]) == .putObject)
    }

    @Test func wrongMethodsNeverReachTheResourceItself() {
        let cases: [(String, S3Operation.Level, String?)] = [
            ("DELETE", .bucket, "acl"), ("DELETE", .bucket, "versioning"), ("PUT", .bucket, "location"),
            ("POST", .bucket, "tagging"), ("DELETE", .object, "acl"), ("DELETE", .object, "retention"),
            ("PUT", .object, "uploads"), ("POST", .object, nil), ("DELETE", .object, "policy"),
            ("DELETE", .bucket, "restore"), ("PUT", .service, nil), ("PATCH", .object, nil), ("OPTIONS", .bucket, nil),
            ("GET", .control, nil), ("", .object, nil),
        ]
        for (method, level, name) in cases {
            let error = #expect(throws: S3Error.self) { try resolve(method, level, name.map { [$0: ""] } ?? [:]) }
            #expect(error?.code == .methodNotAllowed, "\(method) \(level) \(name ?? "")")
        }
    }

    @Test func halfAPartIsNeverAnObject() {
        for query in [["partNumber": "1"], ["uploadId": "u"]] {
            let error = #expect(throws: S3Error.self) { try resolve("PUT", .object, query) }
            #expect(error?.code == .invalidArgument)
        }
    }

    @Test func everyDataOperationCanBeReached() throws {
        var reached: Set<S3Operation> = []
        let names = [
            "", "abac", "accelerate", "acl", "analytics", "attributes", "cors", "delete", "encryption",
            "intelligent-tiering", "inventory", "legal-hold", "lifecycle", "location", "logging",
            "metadataConfiguration",
            "metadataInventoryTable", "metadataJournalTable", "metadataTable", "metrics", "notification", "object-lock",
            "ownershipControls", "policy", "policyStatus", "publicAccessBlock", "renameObject", "replication",
            "requestPayment", "restore", "retention", "select", "session", "tagging", "torrent", "uploads",
            "versioning",
            "versions", "website",
        ]
        let extras: [[String: String]] = [
            [:], ["id": "x"], ["uploadId": "u"], ["uploadId": "u", "partNumber": "1"], ["list-type": "2"],
            ["x-id": "ListDirectoryBuckets"],
        ]
        for level in [S3Operation.Level.service, .bucket, .object] {
            for method in ["GET", "HEAD", "PUT", "POST", "DELETE"] {
                for name in names {
                    for extra in extras {
                        for headers in [[:], ["x-amz-copy-source": "a/b"]] {
                            let query = extra.merging([name: ""]) { left, _ in left }
                            guard let operation = try? resolve(method, level, query, headers) else { continue }
                            #expect(operation.level == level)
                            reached.insert(operation)
                        }
                    }
                }
            }
        }
        let missing = S3Operation.allCases.filter { $0.level != .control && !reached.contains($0) }
        #expect(missing == [])
    }

    @Test func actions() {
        #expect(S3Operation.getObject.action == "s3:GetObject")
        #expect(S3Operation.headObject.action(hasVersionID: true) == "s3:GetObjectVersion")
        #expect(S3Operation.putObject.action(hasVersionID: true) == "s3:PutObject")
        #expect(S3Operation.deleteObjectTagging.action(hasVersionID: true) == "s3:DeleteObjectVersionTagging")
        #expect(S3Operation.listObjectsV2.action == "s3:ListBucket")
        #expect(S3Operation.uploadPartCopy.action == "s3:PutObject")
        #expect(S3Operation.putBucketReplication.action == "s3:PutReplicationConfiguration")
        #expect(S3Operation.submitMultiRegionAccessPointRoutes.action == "s3:SubmitMultiRegionAccessPointRoutes")
    }
}

@Suite struct ControlOperationTests {
    private static let base = "/v20180820/mrap/instances"
    private static let requests = "/v20180820/async-requests/mrap"
    private static let arn = "arn:aws:s3::111122223333:accesspoint/mfzwi23gnjvgw.mrap"

    @Test(
        arguments: [
            ("POST", requests + "/create", S3Operation.createMultiRegionAccessPoint, nil),
            ("POST", requests + "/delete", .deleteMultiRegionAccessPoint, nil),
            ("POST", requests + "/put-policy", .putMultiRegionAccessPointPolicy, nil),
            ("GET", requests + "/create", .describeMultiRegionAccessPointOperation, "create"),
            (
                "GET", requests + "/arn:aws:s3:us-west-2:1:async-request/mrap/create/TT-_1",
                .describeMultiRegionAccessPointOperation, "arn:aws:s3:us-west-2:1:async-request/mrap/create/TT-_1"
            ),
            ("GET", base, .listMultiRegionAccessPoints, nil),
            ("GET", base + "/", .listMultiRegionAccessPoints, nil),
            ("GET", base + "/orders", .getMultiRegionAccessPoint, "orders"),
            ("GET", base + "/policy", .getMultiRegionAccessPoint, "policy"),
            ("GET", base + "/orders/policy", .getMultiRegionAccessPointPolicy, "orders"),
            ("GET", base + "/policy/policy", .getMultiRegionAccessPointPolicy, "policy"),
            ("GET", base + "/orders/policystatus", .getMultiRegionAccessPointPolicyStatus, "orders"),
            ("GET", base + "/" + arn + "/routes", .getMultiRegionAccessPointRoutes, arn),
            ("PATCH", base + "/" + arn + "/routes", .submitMultiRegionAccessPointRoutes, arn),
            ("GET", "/v20180820/tags/" + arn, .listTagsForResource, arn),
            ("GET", "/v20180820/jobs/1234", .describeJob, "1234"),
            ("GET", "/v20180820/configuration/publicAccessBlock", .getAccountPublicAccessBlock, nil),
        ] as [(String, String, S3Operation, String?)])
    func resolves(_ method: String, _ path: String, _ operation: S3Operation, _ parameter: String?) throws {
        let found = try S3Operation.resolveControl(method: method, path: path, query: { _ in nil })
        #expect(found.operation == operation)
        #expect(found.parameter == parameter)
        #expect(operation.level == .control)
    }

    @Test(arguments: [
        ("GET", ""), ("GET", "/"), ("GET", "/v20180820/"), ("POST", requests + "/other"), ("GET", requests + "/"),
        ("PUT", base + "/orders"), ("POST", base + "/orders/routes"), ("DELETE", base), ("GET", "/v20180820/nothing"),
    ])
    func refuses(_ method: String, _ path: String) {
        let error = #expect(throws: S3Error.self) {
            try S3Operation.resolveControl(method: method, path: path, query: { _ in nil })
        }
        #expect(error?.code == .methodNotAllowed)
    }
}
