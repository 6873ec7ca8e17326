import Gateway
import NIOCore
import NIOHTTP1
import Telemetry
import Testing

@testable import Console

private struct FixedSource: StatusSource {
    var report: StatusReport
    func statusReport() async -> StatusReport { report }
    func isHealthy() async -> Bool { report.isHealthy }
}

private final class NoBody: RequestBody {
    var announcedLength: Int64? { 0 }
    var expectsContinue: Bool { false }
    func next() async throws -> ByteBuffer? { nil }
}

@Suite struct ConsoleResponderTests {
    static let report = StatusReport(
        server: "meridian 0.1.0", uptimeMilliseconds: 61_000, listeners: ["127.0.0.1:9000"],
        regions: [StatusReport.Region(name: "us-east-1", isHome: true, isHealthy: true, buckets: 2)],
        accessPoints: [
            StatusReport.AccessPoint(
                name: "demo", alias: "mabc.mrap", account: "123456789012", status: "READY",
                routes: [StatusReport.Route(bucket: "<b>", region: "us-east-1", trafficDial: 70)])
        ],
        replication: [
            StatusReport.Replication(
                sourceRegion: "us-east-1", sourceBucket: "here", destination: "there", rule: "<r>", isEnabled: false,
                pendingVersions: 42, pendingBytes: 1536, oldestAgeMilliseconds: 3100, retrying: 1, failedVersions: 5)
        ], operations: [])

    private func ask(
        _ path: String, method: String = "GET", from address: String? = "127.0.0.1", report: StatusReport = report
    ) async throws -> HTTPResponse {
        let metrics = Metrics()
        metrics.counter("meridian_test_total", help: "Test.").add()
        let peer = try address.map { try SocketAddress(ipAddress: $0, port: 5000) }
        let request = HTTPRequest(
            method: method, target: path, headers: [:], body: NoBody(),
            connection: ConnectionInfo(remoteAddress: peer, isTLS: false, tunnelHost: nil))
        return await ConsoleResponder(source: FixedSource(report: report), metrics: metrics)
            .respond(to: request, path: path)
    }

    private func text(_ response: HTTPResponse) -> String {
        if case .buffer(let buffer) = response.body { String(buffer: buffer) } else { "" }
    }

    @Test(arguments: ["192.0.2.1", "128.0.0.1", "2001:db8::1", "::ffff:192.0.2.1", nil])
    func strangersGetNothing(address: String?) async throws {
        for path in ["/-/", "/-/status", "/-/metrics", "/-/health", "/-/nothing"] {
            let response = try await ask(path, from: address)
            #expect(response.status == 403)
            #expect(!text(response).contains("demo") && !text(response).contains("here"))
        }
    }

    @Test(arguments: ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
    func thisMachineGetsAnswers(address: String) async throws {
        #expect(try await ask("/-/health", from: address).status == 200)
    }

    @Test func healthFollowsTheStores() async throws {
        var ill = Self.report
        ill.regions[0].isHealthy = false
        #expect(try await ask("/-/health", report: ill).status == 503)
        ill.regions = []
        #expect(try await ask("/-/health", report: ill).status == 503)
    }

    @Test func statusReadsBackAsItWas() async throws {
        let body = text(try await ask("/-/status"))
        #expect(StatusReport.decode(Array(body.utf8)) == Self.report)
        let newer = body.replacing("\"version\" : 1", with: "\"version\" : 2")
        #expect(newer != body)
        #expect(StatusReport.decode(Array(newer.utf8)) == nil, "another version is not guessed at")
    }

    @Test func metricsArePrometheusText() async throws {
        let response = try await ask("/-/metrics")
        #expect(response.headers.first(name: "content-type") == "text/plain; version=0.0.4; charset=utf-8")
        #expect(text(response).contains("meridian_test_total 1\n"))
    }

    @Test func thePageSaysItWithoutScriptAndEscapes() async throws {
        let page = text(try await ask("/-/"))
        for part in [
            "us-east-1", "mabc.mrap", "70 %", "&lt;b&gt;", "1.5 KiB", "3.1 s", "42", "being retried",
            "&lt;r&gt; (disabled)", "Healthy, 5 versions FAILED to replicate", "5 versions of here FAILED",
            "<span class=\"bad\">5</span>",
        ] {
            #expect(page.contains(part), "\(part) is missing")
        }
        #expect(!page.contains("<b>b"))
        #expect(!page.contains("http://") && !page.contains("https://"), "nothing comes from elsewhere")
    }

    @Test func onlyReading() async throws {
        let refused = try await ask("/-/status", method: "POST")
        #expect(refused.status == 405)
        #expect(refused.headers.first(name: "allow") == "GET, HEAD")
        let head = try await ask("/-/health", method: "HEAD")
        guard case .headOnly(3) = head.body else {
            Issue.record("a HEAD has no body")
            return
        }
        #expect(try await ask("/-/..").status == 404)
    }

    @Test(
        arguments: [
            (0, "0 ms"), (999, "999 ms"), (3100, "3.1 s"), (245_000, "4 min 5 s"), (7_380_000, "2 h 3 min"),
            (440_000_000, "5 d 2 h"), (-5, "0 ms"),
        ] as [(Int64, String)])
    func durations(milliseconds: Int64, text: String) {
        #expect(Quantity.duration(milliseconds: milliseconds) == text)
    }

    @Test(arguments: [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (1 << 30, "1.0 GiB")] as [(Int64, String)])
    func sizes(count: Int64, text: String) {
        #expect(Quantity.bytes(count) == text)
    }
}
