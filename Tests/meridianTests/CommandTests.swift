import Console
import Gateway
import Testing

@testable import meridian

@Suite struct ListenAddressTests {
    @Test(arguments: [
        ("127.0.0.1:9000", "127.0.0.1", 9000), ("[::1]:0", "::1", 0), ("s3.local:65535", "s3.local", 65_535),
    ])
    func addressesAreTaken(text: String, host: String, port: Int) throws {
        let address = try ListenAddress.parse(text)
        #expect(address == ListenAddress(host: host, port: port))
        #expect(address.description == text)
    }

    @Test(arguments: [
        "", ":", "9000", "host", "host:", ":9000", "::1:9000", "[::1:9000", "a:65536", "a:-1", "a:1x", "a b:1",
    ])
    func othersAreRefusedWithAnExample(text: String) throws {
        let error = try #require(throws: OperatorError.self) { try ListenAddress.parse(text) }
        #expect(error.message.contains("HOST:PORT"))
    }
}

@Suite struct EnvTests {
    private func variables(_ inherited: [String: String] = [:]) -> EnvironmentVariables {
        EnvironmentVariables(
            address: ListenAddress(host: "127.0.0.1", port: 9000), dataPath: "/d/botocore", certificate: "/d/ca.pem",
            credentials: RootCredentials(accessKeyID: "AKIAX", secretAccessKey: "s/e+c"),
            inherited: { inherited[$0] })
    }

    @Test func overlay() {
        #expect(
            variables().overlayLines == [
                "unset AWS_PROFILE AWS_SESSION_TOKEN", "export AWS_ENDPOINT_URL=http://127.0.0.1:9000",
                "export AWS_DATA_PATH=/d/botocore", "export AWS_ACCESS_KEY_ID=AKIAX",
                "export AWS_SECRET_ACCESS_KEY=s/e+c", "export AWS_DEFAULT_REGION=us-east-1",
            ])
    }

    @Test func proxy() {
        #expect(
            variables().proxyLines == [
                "unset AWS_PROFILE AWS_SESSION_TOKEN AWS_ENDPOINT_URL AWS_DATA_PATH https_proxy",
                "export HTTPS_PROXY=http://127.0.0.1:9000", "export AWS_CA_BUNDLE=/d/ca.pem",
                "export SSL_CERT_FILE=/d/ca.pem", "export AWS_ACCESS_KEY_ID=AKIAX",
                "export AWS_SECRET_ACCESS_KEY=s/e+c", "export AWS_DEFAULT_REGION=us-east-1",
            ])
    }

    @Test func changingOverTakesOnlyOurOwnProxyBack() {
        let ours = variables(["AWS_CA_BUNDLE": "/d/ca.pem"]).overlayLines
        #expect(ours[0] == "unset AWS_PROFILE AWS_SESSION_TOKEN HTTPS_PROXY AWS_CA_BUNDLE SSL_CERT_FILE")
        let theirs = variables(["AWS_CA_BUNDLE": "/corp.pem", "HTTP_PROXY": "http://corp", "NO_PROXY": "x"])
            .overlayLines
        #expect(!theirs[0].contains("HTTPS_PROXY"))
        #expect(theirs.contains("export no_proxy=127.0.0.1,localhost,::1,x"))
    }

    @Test(arguments: [
        ("/a b", "'/a b'"), ("it's", #"'it'\''s'"#), ("$(rm)", "'$(rm)'"), ("", "''"), ("a/b:1", "a/b:1"),
    ])
    func valuesAreQuotedForTheShell(value: String, quoted: String) {
        #expect(EnvironmentVariables.quote(value) == quoted)
    }

    @Test(
        arguments: [
            ([], "127.0.0.1:9000"), (["[::1]:5", "127.0.0.1:5"], "127.0.0.1:5"), (["0.0.0.0:80"], "127.0.0.1:80"),
            (["[::]:80"], "[::1]:80"),
        ] as [([String], String)])
    func clientsGetAnAddressTheyCanReach(bound: [String], expected: String) throws {
        #expect(try Env.address(bound).description == expected)
    }
}

@Suite struct StatusTests {
    @Test func theScreenSaysWhatIsWrong() {
        var report = StatusReport(
            server: "meridian 0.1.0", uptimeMilliseconds: 1500, listeners: ["127.0.0.1:9000"],
            regions: [StatusReport.Region(name: "us-east-1", isHome: true, isHealthy: true, buckets: 2)],
            accessPoints: [], replication: [], operations: [])
        report.regions[0].failedVersions = 0
        let well = StatusScreen.text(report)
        #expect(well.hasPrefix("meridian 0.1.0   healthy   up 1.5 s\nlistening on 127.0.0.1:9000\n"))
        #expect(well.contains("us-east-1 (home)  answers  2        0"))
        #expect(well.hasSuffix("Replication: nothing waits."))
        report.regions[0].isHealthy = false
        report.regions[0].detail = "disk full"
        report.accessPoints = [
            StatusReport.AccessPoint(
                name: "demo", alias: "m1.mrap", account: "1", status: "READY",
                routes: [StatusReport.Route(bucket: "b", region: "us-east-1", trafficDial: 70)])
        ]
        let ill = StatusScreen.text(report)
        #expect(ill.contains("NOT HEALTHY: disk full") && ill.contains("us-east-1 70%"))
        #expect(ill.hasSuffix("! Region us-east-1 is not healthy: disk full."))
        report.regions[0].isHealthy = true
        report.unservedRegions = ["berlin"]
        let fewer = StatusScreen.text(report)
        #expect(fewer.contains("   healthy") && fewer.contains("berlin            NOT SERVED: not configured"))
        #expect(fewer.hasSuffix("! Region berlin has data here but is not configured: its buckets are not served."))
    }

    @Test func whatHasFailedOrIsHeldIsNamed() {
        func row(_ rule: String, isEnabled: Bool?, waiting: Int64, failed: Int64) -> StatusReport.Replication {
            StatusReport.Replication(
                sourceRegion: "us-east-1", sourceBucket: "b", destination: "c", rule: rule, isEnabled: isEnabled,
                pendingVersions: waiting, pendingBytes: 0, oldestAgeMilliseconds: 0, retrying: 0,
                failedVersions: failed)
        }
        var region = StatusReport.Region(name: "us-east-1", isHome: true, isHealthy: true, buckets: 2)
        region.failedVersions = 3
        let report = StatusReport(
            server: "m", uptimeMilliseconds: 1, listeners: [], regions: [region], accessPoints: [],
            replication: [
                row("held", isEnabled: false, waiting: 7, failed: 0),
                row("gone", isEnabled: nil, waiting: 0, failed: 1),
                row("on", isEnabled: true, waiting: 0, failed: 2),
            ], operations: [])
        #expect(report.failedVersions == 3 && report.isHealthy)
        let text = StatusScreen.text(report)
        #expect(text.hasPrefix("m   healthy, 3 versions FAILED to replicate   up"))
        #expect(text.contains("answers  2        3") && !text.contains("nothing waits"))
        #expect(text.contains("held (disabled)  7") && text.contains("gone (removed)   0"))
        #expect(text.hasSuffix("! 3 versions of b FAILED to replicate: see `meridian replication failures b`."))
        #expect(StatusReport.decode(report.encoded()) == report)
        region.failedVersions = nil
        let unread = StatusReport(
            server: "m", uptimeMilliseconds: 1, listeners: [], regions: [region], accessPoints: [], replication: [],
            operations: [])
        #expect(StatusScreen.text(unread).contains("nothing waits in the regions that can be read."))
    }

    @Test func answersAreTakenApart() throws {
        let address = ListenAddress(host: "h", port: 1)
        let answer = try LocalHTTPClient.parse(Array("HTTP/1.1 503 No\r\nA: b\r\n\r\nbody".utf8), address)
        #expect(answer == LocalHTTPClient.Answer(status: 503, body: Array("body".utf8)))
        for text in ["", "HTTP", "SSH-2.0\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 99 x\r\n\r\n", "\r\n\r\n"] {
            #expect(throws: OperatorError.self) { try LocalHTTPClient.parse(Array(text.utf8), address) }
        }
    }

    @Test func theBannerNamesTheFolderOnlyWhenItIsNotTheDefault() {
        let plain = Banner.text(
            configuration: .standard, dataFolder: DataFolder(path: DataFolder.defaultPath),
            listeners: ["127.0.0.1:9000"], isFirstStart: false)
        #expect(plain.contains(#"eval "$(meridian env)""#) && plain.contains("http://127.0.0.1:9000/-/"))
        #expect(!plain.contains("credentials.json"))
        let other = Banner.text(
            configuration: .standard, dataFolder: DataFolder(path: "/srv/my data"), listeners: ["127.0.0.1:9000"],
            isFirstStart: true)
        #expect(other.contains("--data '/srv/my data'") && other.contains("credentials.json"))
    }
}
