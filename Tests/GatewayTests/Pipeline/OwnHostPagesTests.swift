import NIOCore
import NIOHTTP1
import Testing

@testable import Gateway

@Suite struct OwnHostPagesTests {
    private struct Page: ConsoleResponding {
        func respond(path: String, to request: HTTPRequest) async -> HTTPResponse { HTTPResponse(status: 200) }
    }

    private final class NoBody: RequestBody {
        var announcedLength: Int64? { 0 }
        var expectsContinue: Bool { false }
        func next() async throws -> ByteBuffer? { nil }
    }

    private let pages = OwnHostPages(
        domains: ["S3.example"], listen: [ListenAddress(host: "Store.lan", port: 9000)], pages: Page())

    private func status(host: String?, target: String = "/-/status") async -> Int {
        let headers: HTTPHeaders = host.map { ["Host": $0] } ?? [:]
        let request = HTTPRequest(
            method: "GET", target: target, headers: headers, body: NoBody(),
            connection: ConnectionInfo(remoteAddress: nil, isTLS: false, tunnelHost: nil))
        return await pages.respond(path: "/-/status", to: request).status
    }

    @Test(arguments: [
        "127.0.0.1", "127.0.0.1:9000", "[::1]:9000", "[::1]", "192.0.2.7:80", "localhost", "LOCALHOST:9000",
        "s3.localhost:9000", "a.b.localhost", "s3.example", "s3.Example:443", "store.lan:9000", nil,
    ])
    func thisMachineIsNamed(host: String?) async {
        #expect(await status(host: host) == 200)
    }

    @Test(arguments: [
        "evil.example.com", "evil.example.com:9000", "", ":9000", "127.0.0.1.evil.example", "localhost.evil.example",
        "evillocalhost", "evil.s3.example", "s3.example.evil", "[evil.example]", "127.1", "0x7f000001", "::1",
        "s3.us-east-1.amazonaws.com", "localhost@evil.example", "evil.example\u{0}.localhost.x",
    ])
    func foreignNamesAreRefused(host: String) async {
        #expect(await status(host: host) == 403)
    }

    /// As a proxy is asked: the target's name counts.
    @Test func theTargetsNameGoesFirst() async {
        #expect(await status(host: "localhost", target: "http://evil.example/-/status") == 403)
        #expect(await status(host: "evil.example", target: "http://localhost:9000/-/status") == 200)
    }
}
