import S3Model
import Testing

@Suite struct ControlDocumentTests {
    private let namespace = "xmlns=\"http://awss3control.amazonaws.com/doc/2018-08-20/\""
    private let allOn = """
        <PublicAccessBlock><BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls>\
        <BlockPublicPolicy>true</BlockPublicPolicy><RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlock>
        """

    private func create() throws -> CreateMultiRegionAccessPointRequest {
        try CreateMultiRegionAccessPointRequest.parse(
            Array(
                """
                <CreateMultiRegionAccessPointRequest \(namespace)>
                  <ClientToken>5b2f7c1e-create-1</ClientToken>
                  <Details><Name>orders-global</Name>
                    <PublicAccessBlock><BlockPublicPolicy>false</BlockPublicPolicy></PublicAccessBlock>
                    <Regions>
                      <Region><Bucket>orders-use1</Bucket></Region>
                      <Region><Bucket>orders-euw1</Bucket><BucketAccountId>444455556666</BucketAccountId></Region>
                    </Regions>
                  </Details>
                </CreateMultiRegionAccessPointRequest>
                """.utf8))
    }

    @Test func requests() throws {
        let request = try create()
        #expect(request.clientToken == "5b2f7c1e-create-1")
        #expect(request.name == "orders-global")
        #expect(request.publicAccessBlock.blockPublicAcls && !request.publicAccessBlock.blockPublicPolicy)
        #expect(request.regions.map(\.bucket) == ["orders-use1", "orders-euw1"])
        #expect(request.regions.map(\.bucketAccountID) == [nil, "444455556666"])
        let delete = try DeleteMultiRegionAccessPointRequest.parse(
            Array(
                "<DeleteMultiRegionAccessPointRequest><Details><Name>x</Name></Details></DeleteMultiRegionAccessPointRequest>"
                    .utf8))
        #expect(delete == DeleteMultiRegionAccessPointRequest(name: "x"))
        let policy = try PutMultiRegionAccessPointPolicyRequest.parse(
            Array(
                """
                <PutMultiRegionAccessPointPolicyRequest><ClientToken>t</ClientToken><Details><Name>x</Name>\
                <Policy>{&quot;a&quot;:"&lt;"}</Policy></Details></PutMultiRegionAccessPointPolicyRequest>
                """.utf8))
        #expect(policy.policy == "{\"a\":\"<\"}")
    }

    @Test(arguments: [
        ("<Details><Regions><Region><Bucket>b</Bucket></Region></Regions></Details>", S3ErrorCode.malformedXML),
        ("<Details><Name>n</Name></Details>", .malformedXML),
        ("<Details><Name>n</Name><Regions/></Details>", .malformedXML),
        ("<Details><Name>n</Name><Regions><Region/></Regions></Details>", .malformedXML),
        (
            "<ClientToken>a b</ClientToken><Details><Name>n</Name><Regions><Region><Bucket>b</Bucket></Region></Regions></Details>",
            .invalidRequest
        ),
    ])
    func refusedRequests(_ content: String, _ code: S3ErrorCode) {
        let root = "CreateMultiRegionAccessPointRequest"
        let error = #expect(throws: S3Error.self) {
            try CreateMultiRegionAccessPointRequest.parse(Array("<\(root)>\(content)</\(root)>".utf8))
        }
        #expect(error?.code == code)
    }

    @Test func asyncResultAndDescription() throws {
        let accepted = AsyncRequestResult(operation: .createMultiRegionAccessPoint, requestTokenARN: "arn:x")
        #expect(
            body(accepted.xml()) == """
                <CreateMultiRegionAccessPointResult \(namespace)><RequestTokenARN>arn:x</RequestTokenARN>\
                </CreateMultiRegionAccessPointResult>
                """)
        var request = try create()
        request.publicAccessBlock = PublicAccessBlockConfiguration(all: true)
        var operation = DescribeMultiRegionAccessPointOperationResult(
            creationTime: time, requestTokenARN: "arn:x", parameters: .create(request), status: "SUCCEEDED",
            details: .regions([.init(name: "us-east-1", status: "SUCCEEDED")]))
        let head = """
            <DescribeMultiRegionAccessPointOperationResult \(namespace)><AsyncOperation>\
            <CreationTime>2026-01-02T03:04:05.678Z</CreationTime><Operation>CreateMultiRegionAccessPoint</Operation>\
            <RequestTokenARN>arn:x</RequestTokenARN><RequestParameters><CreateMultiRegionAccessPointRequest>\
            <Name>orders-global</Name>\(allOn)<Regions><Region><Bucket>orders-use1</Bucket></Region>\
            <Region><Bucket>orders-euw1</Bucket><BucketAccountId>444455556666</BucketAccountId></Region></Regions>\
            </CreateMultiRegionAccessPointRequest></RequestParameters>
            """
        let tail = "</AsyncOperation></DescribeMultiRegionAccessPointOperationResult>"
        #expect(
            body(operation.xml()) == """
                \(head)<RequestStatus>SUCCEEDED</RequestStatus><ResponseDetails><MultiRegionAccessPointDetails><Regions>\
                <Region><Name>us-east-1</Name><RequestStatus>SUCCEEDED</RequestStatus></Region></Regions>\
                </MultiRegionAccessPointDetails></ResponseDetails>\(tail)
                """)
        operation.status = "FAILED"
        operation.details = .error(code: "NoSuchBucket", message: "m", resource: "b", requestID: "r")
        #expect(
            body(operation.xml()) == """
                \(head)<RequestStatus>FAILED</RequestStatus><ResponseDetails><ErrorDetails><Code>NoSuchBucket</Code>\
                <Message>m</Message><Resource>b</Resource><RequestId>r</RequestId></ErrorDetails></ResponseDetails>\(tail)
                """)
        operation.status = "INPROGRESS"
        operation.details = nil
        #expect(body(operation.xml()) == "\(head)<RequestStatus>INPROGRESS</RequestStatus>\(tail)")
    }

    @Test func reports() {
        let report = MultiRegionAccessPointReport(
            name: "orders-global", alias: "mfzwi23gnjvgw.mrap", createdAt: time,
            publicAccessBlock: PublicAccessBlockConfiguration(all: true), status: "READY",
            regions: [.init(bucket: "orders-use1", region: "us-east-1", bucketAccountID: "111122223333")])
        let point = """
            <AccessPoint><Name>orders-global</Name><Alias>mfzwi23gnjvgw.mrap</Alias>\
            <CreatedAt>2026-01-02T03:04:05.678Z</CreatedAt>\(allOn)<Status>READY</Status><Regions><Region>\
            <Bucket>orders-use1</Bucket><Region>us-east-1</Region><BucketAccountId>111122223333</BucketAccountId></Region>\
            </Regions></AccessPoint>
            """
        #expect(
            body(report.xml())
                == "<GetMultiRegionAccessPointResult \(namespace)>\(point)</GetMultiRegionAccessPointResult>")
        let list = ListMultiRegionAccessPointsResult(accessPoints: [report], nextToken: "n")
        #expect(
            body(list.xml()) == """
                <ListMultiRegionAccessPointsResult \(namespace)><AccessPoints>\(point)</AccessPoints>\
                <NextToken>n</NextToken></ListMultiRegionAccessPointsResult>
                """)
    }

    @Test func policies() {
        let root = "GetMultiRegionAccessPointPolicyResult"
        let both = GetMultiRegionAccessPointPolicyResult(established: "{}", proposed: "{\"a\":1}")
        #expect(
            body(both.xml()) == """
                <\(root) \(namespace)><Policy><Established><Policy>{}</Policy></Established>\
                <Proposed><Policy>{&quot;a&quot;:1}</Policy></Proposed></Policy></\(root)>
                """)
        let none = GetMultiRegionAccessPointPolicyResult(established: nil, proposed: nil)
        #expect(body(none.xml()) == "<\(root) \(namespace)><Policy/></\(root)>")
        let status = GetMultiRegionAccessPointPolicyStatusResult(isPublic: false)
        #expect(body(status.xml()).contains("<Established><IsPublic>false</IsPublic></Established>"))
    }

    @Test func routes() throws {
        let routes = GetMultiRegionAccessPointRoutesResult(
            mrap: "arn:m", routes: [.init(bucket: "b", region: "us-east-1", trafficDialPercentage: 100)])
        #expect(
            body(routes.xml()) == """
                <GetMultiRegionAccessPointRoutesResult \(namespace)><Mrap>arn:m</Mrap><Routes><Route><Bucket>b</Bucket>\
                <Region>us-east-1</Region><TrafficDialPercentage>100</TrafficDialPercentage></Route></Routes>\
                </GetMultiRegionAccessPointRoutesResult>
                """)
        func submit(_ content: String) throws(S3Error) -> SubmitMultiRegionAccessPointRoutesRequest {
            let root = "SubmitMultiRegionAccessPointRoutesRequest"
            return try SubmitMultiRegionAccessPointRoutesRequest.parse(
                Array("<\(root) \(namespace)><RouteUpdates>\(content)</RouteUpdates></\(root)>".utf8))
        }
        let dial = { (value: String) in "<TrafficDialPercentage>\(value)</TrafficDialPercentage>" }
        let request = try submit(
            "<Route><Region>eu-west-1</Region>\(dial("100"))</Route><Route><Bucket>b</Bucket>\(dial("0"))</Route>")
        #expect(
            request.routeUpdates == [
                .init(bucket: nil, region: "eu-west-1", trafficDialPercentage: 100),
                .init(bucket: "b", region: nil, trafficDialPercentage: 0),
            ])
        for (content, code) in [
            ("<Route><Region>r</Region></Route>", S3ErrorCode.malformedXML),
            ("<Route>\(dial("1"))</Route>", .invalidRequest),
            ("<Route><Region>r</Region>\(dial("101"))</Route>", .invalidRequest),
            ("<Route><Region>r</Region>\(dial("-1"))</Route>", .invalidRequest),
            ("<Route><Region>r</Region>\(dial("1.5"))</Route>", .malformedXML),
        ] {
            let error = #expect(throws: S3Error.self) { try submit(content) }
            #expect(error?.code == code)
        }
    }
}
