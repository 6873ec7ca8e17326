import Environment
import FoundationEssentials
import NIOCore
import NIOSSL
import SwiftASN1
import Synchronization
import Testing
import X509

@testable import Gateway

/// A folder that is gone when the test is.
final class TemporaryFolder {
    let path: String
    init() throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "meridian-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }
    deinit { try? FileManager.default.removeItem(atPath: path) }
}

@Suite("HTTP: TLS and CONNECT", .timeLimit(.minutes(1)))
struct HTTPTunnelTests {
    let folder: TemporaryFolder
    let authority: CertificateAuthority
    let trusting: NIOSSLContext

    init() throws {
        folder = try TemporaryFolder()
        authority = try CertificateAuthority.loadOrCreate(directory: folder.path, time: WallClock())
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.trustRoots = .certificates(
            try NIOSSLCertificate.fromPEMBytes(Array(authority.certificatePEM.utf8)))
        trusting = try NIOSSLContext(configuration: configuration)
    }

    @Sendable static func respond(_ request: HTTPRequest) async -> HTTPResponse {
        let connection = request.connection
        if request.target == "/echo" { return await HTTPExchangeTests.respond(request) }
        return .text("\(request.target) \(connection.isTLS) \(connection.tunnelHost ?? "-")")
    }

    static let mrapHost = "my-global-access-point.mrap.accesspoint.s3-global.amazonaws.com"

    @Test(arguments: ["localhost", mrapHost, "a.b.c.s3.eu-west-1.amazonaws.com"])
    func servesTLSByServerName(name: String) async throws {
        try await withFront(tls: authority, respond: Self.respond) { _, port in
            let client = try await RawClient.connect(port, tls: trusting, serverName: name)
            for _ in 0..<2 {
                try await client.send("GET /a HTTP/1.1\r\nHost: \(name)\r\n\r\n")
                #expect(try await client.response().body == "/a true -")
            }
            let body = String(repeating: "b", count: 300_000)
            try await client.send("PUT /echo HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 300000\r\n\r\n")
            #expect(try await client.receive(through: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
            try await client.send(body)
            #expect(try await client.response().body == body)
        }
    }

    @Test func withoutServerNameItIsLocalhost() async throws {
        try await withFront(tls: authority, respond: Self.respond) { _, port in
            var configuration = TLSConfiguration.makeClientConfiguration()
            // BoringSSL cannot verify addresses below a name constraint; OpenSSL, Go and rustls can.
            configuration.certificateVerification = .none
            let client = try await RawClient.connect(port, tls: try NIOSSLContext(configuration: configuration))
            try await client.send("GET /a HTTP/1.1\r\n\r\n")
            #expect(try await client.response().body == "/a true -")
            let peer = try #require(try await client.channel.nioSSL_peerCertificate().get())
            let certificate = try Certificate(derEncoded: peer.toDERBytes())
            let names = try #require(try certificate.extensions.subjectAlternativeNames)
            #expect(names.contains(.dnsName("localhost")))
            #expect(names.contains(.ipAddress(ASN1OctetString(contentBytes: [127, 0, 0, 1]))))
        }
    }

    @Test func aForeignNameGetsNoCertificate() async throws {
        try await withFront(tls: authority, respond: Self.respond) { _, port in
            let client = try await RawClient.connect(port, tls: trusting, serverName: "example.com")
            try? await client.send("GET /a HTTP/1.1\r\n\r\n")
            #expect(await client.receiveToEnd() == "")
            #expect(!client.errors.isEmpty)
        }
    }

    @Test(arguments: ["HTTP/1.1\r\nHost: x", "HTTP/1.0"]) func endsATunnelHere(version: String) async throws {
        try await withFront(tls: authority, respond: Self.respond) { _, port in
            let client = try await RawClient.connect(port)
            let host = Self.mrapHost
            try await client.send("CONNECT \(host.uppercased()):443 \(version)\r\n\r\n")
            #expect(try await client.receive(through: "\r\n\r\n") == "HTTP/1.1 200 Connection established\r\n\r\n")
            try await client.startTLS(trusting, serverName: host)
            for number in 0..<3 {
                try await client.send("GET /\(number) HTTP/1.1\r\nHost: \(host)\r\n\r\n")
                #expect(try await client.response().body == "/\(number) true \(host)")
            }
            try await client.send("CONNECT \(host):443 HTTP/1.1\r\n\r\n")
            #expect(try await client.response().status == 403)
        }
    }

    @Test func aTunnelMayCarryPlainHTTPSentAlong() async throws {
        try await withFront(tls: authority, respond: Self.respond) { _, port in
            let client = try await RawClient.connect(port)
            try await client.send("CONNECT s3.amazonaws.com:443 HTTP/1.1\r\n\r\nGET /early HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try await client.receive(through: "\r\n\r\n") == "HTTP/1.1 200 Connection established\r\n\r\n")
            #expect(try await client.response().body == "/early false s3.amazonaws.com")
        }
    }

    @Test func withoutAnAuthorityTLSIsClosed() async throws {
        try await withFront(respond: Self.respond) { front, port in
            let client = try await RawClient.connect(port, tls: trusting, serverName: "localhost")
            try? await client.send("GET /a HTTP/1.1\r\n\r\n")
            #expect(await client.receiveToEnd() == "")
        }
    }
}

@Suite("Certificate authority")
struct CertificateAuthorityTests {
    @Test func isMadeOnceAndKept() throws {
        let folder = try TemporaryFolder()
        let first = try CertificateAuthority.loadOrCreate(
            directory: folder.path, names: ["s3.example"], time: WallClock())
        let second = try CertificateAuthority.loadOrCreate(
            directory: folder.path, names: ["s3.example"], time: WallClock())
        #expect(first.certificatePEM == second.certificatePEM)
        let key = try FileManager.default.attributesOfItem(atPath: folder.path + "/ca-key.pem")
        #expect((key[.posixPermissions] as? Int).map { $0 & 0o777 } == 0o600)
        let certificate = try FileManager.default.attributesOfItem(atPath: folder.path + "/ca.pem")
        #expect((certificate[.posixPermissions] as? Int).map { $0 & 0o777 } == 0o644)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["ca-key.pem", "ca.pem"])
    }

    @Test func isLimitedToItsNames() throws {
        let folder = try TemporaryFolder()
        let authority = try CertificateAuthority.loadOrCreate(
            directory: folder.path, names: ["S3.Example", "10.1.2.3"], time: WallClock())
        let certificate = try Certificate(pemEncoded: authority.certificatePEM)
        let constraints = try #require(try certificate.extensions.nameConstraints)
        #expect(Array(constraints.permittedDNSDomains) == ["amazonaws.com", "localhost", "s3.example"])
        #expect(Array(constraints.permittedIPRanges).count == 3)
        for name in ["s3.amazonaws.com", "LOCALHOST", "a.s3.example"] { #expect(authority.permits(name)) }
        for name in ["example.com", "xamazonaws.com", "a..localhost", "", ".localhost", "bad name.localhost"] {
            #expect(!authority.permits(name))
        }
    }

    @Test func refusesFilesItCannotUse() throws {
        let folder = try TemporaryFolder()
        _ = try CertificateAuthority.loadOrCreate(directory: folder.path, time: WallClock())
        let path = folder.path + "/ca.pem"
        #expect(throws: CertificateAuthorityError.nameNotPermitted("s3.example", path: path)) {
            try CertificateAuthority.loadOrCreate(directory: folder.path, names: ["s3.example"], time: WallClock())
        }
        let other = try TemporaryFolder()
        _ = try CertificateAuthority.loadOrCreate(directory: other.path, time: WallClock())
        let key = try String(contentsOfFile: other.path + "/ca-key.pem", encoding: .utf8)
        for content in [key, "garbage", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
            try content.write(toFile: folder.path + "/ca-key.pem", atomically: true, encoding: .utf8)
            #expect(throws: CertificateAuthorityError.self) {
                try CertificateAuthority.loadOrCreate(directory: folder.path, time: WallClock())
            }
        }
        try FileManager.default.removeItem(atPath: folder.path + "/ca-key.pem")
        #expect(throws: CertificateAuthorityError.self) {
            try CertificateAuthority.loadOrCreate(directory: folder.path, time: WallClock())
        }
        #expect(throws: CertificateAuthorityError.self) {
            try CertificateAuthority.loadOrCreate(directory: folder.path + "/none", time: WallClock())
        }
    }

    @Test func aCrashBetweenKeyAndCertificateIsMended() throws {
        let folder = try TemporaryFolder()
        _ = try CertificateAuthority.loadOrCreate(directory: folder.path, time: WallClock())
        let key = try String(contentsOfFile: folder.path + "/ca-key.pem", encoding: .utf8)
        try FileManager.default.removeItem(atPath: folder.path + "/ca.pem")
        _ = try CertificateAuthority.loadOrCreate(directory: folder.path, time: WallClock())
        #expect(try String(contentsOfFile: folder.path + "/ca-key.pem", encoding: .utf8) == key)
    }

    @Test func leavesAreCachedBoundedAndRenewed() throws {
        final class Clock: TimeSource {
            let now = Mutex(WallClock().wallMilliseconds())
            func wallMilliseconds() -> Int64 { now.withLock { $0 } }
            func monotonicNanoseconds() -> UInt64 { 0 }
            func sleep(nanoseconds: UInt64) async throws {}
        }
        let folder = try TemporaryFolder()
        let clock = Clock()
        let authority = try CertificateAuthority.loadOrCreate(directory: folder.path, time: clock)
        let first = try authority.context(forServerName: "a.localhost")
        #expect(try authority.context(forServerName: "A.localhost") === first)
        #expect(try authority.context(forServerName: nil) === authority.context(forServerName: "example.com"))
        clock.now.withLock { $0 += 8 * 86_400_000 }
        let renewed = try authority.context(forServerName: "a.localhost")
        #expect(renewed !== first)
        for number in 0..<CertificateAuthority.maximumCachedLeaves {
            _ = try authority.context(forServerName: "h\(number).localhost")
        }
        #expect(try authority.context(forServerName: "a.localhost") !== renewed)
    }
}
