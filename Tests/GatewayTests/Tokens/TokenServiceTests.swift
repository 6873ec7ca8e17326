import NIOCore
import NIOHTTP1
import Policy
import S3Model
import SigV4
import Storage
import Testing

@testable import Gateway

@Suite struct TokenServiceTests {
    private final class FormBody: RequestBody {
        let announcedLength: Int64?
        let expectsContinue = false
        private let source: BufferSource

        init(_ text: String) {
            announcedLength = Int64(text.utf8.count)
            source = BufferSource(ByteBuffer(string: text))
        }

        func next() async throws -> ByteBuffer? { try await source.next() }
    }

    private func request(
        _ method: String = "POST", _ target: String = "/", form: String = "", type: String? = nil
    ) -> HTTPRequest {
        HTTPRequest(
            method: method, target: target, headers: type.map { ["Content-Type": $0] } ?? [:], body: FormBody(form),
            connection: ConnectionInfo(remoteAddress: nil, isTLS: false, tunnelHost: nil))
    }

    @Test(arguments: [
        ("sts.amazonaws.com", true), ("sts.eu-west-1.amazonaws.com", true), ("sts-fips.us-east-1.amazonaws.com", true),
        ("sts.amazonaws.com.evil.example", false), ("sts.a.b.amazonaws.com", false), ("sts.localhost", false),
        ("monitoring.us-east-1.amazonaws.com", false), ("stsamazonaws.com", false),
    ])
    func names(host: String, isOurs: Bool) {
        #expect(TokenService.isServiceName(host) == isOurs)
        #expect(
            EndpointResolver(ownDomains: []).isServiceName(host) == (isOurs || host.hasSuffix("localhost")))
        #expect(TokenService.isAddressed(request("GET"), host: host + ":443") == isOurs)
    }

    @Test func formsOnOtherHostsAreForThisService() {
        let form = "application/x-www-form-urlencoded; charset=utf-8"
        #expect(TokenService.isAddressed(request(type: form), host: "127.0.0.1:9000"))
        #expect(!TokenService.isAddressed(request("GET", type: form), host: "127.0.0.1:9000"))
        #expect(!TokenService.isAddressed(request(type: "multipart/form-data; boundary=x"), host: "127.0.0.1:9000"))
        #expect(!TokenService.isAddressed(request(), host: nil))
    }

    @Test func userIDsStay() throws {
        let account = try #require(AccountID("123456789012"))
        let owner = Owner(account: account, canonicalID: "c", displayName: "d")
        #expect(TokenService.userID(of: Identity(owner: owner, userName: nil)) == "123456789012")
        let alice = TokenService.userID(of: Identity(owner: owner, userName: "alice"))
        #expect(alice.count == 21 && alice.hasPrefix("AIDA"))
        #expect(alice == TokenService.userID(of: Identity(owner: owner, userName: "alice")))
        #expect(alice != TokenService.userID(of: Identity(owner: owner, userName: "bob")))
    }

    @Test func unsignedRequestsAreRefusedInItsOwnForm() async throws {
        let endpoints = EndpointResolver(ownDomains: [])
        let service = TokenService(
            authenticator: Authenticator(
                identities: Identities([]), secrets: [:], endpoints: endpoints, isBucket: { _ in false }))
        var trace = RequestTrace(id: RequestID(1, 2), startedNanoseconds: 0)
        let response = await service.respond(
            to: request(form: "Action=GetCallerIdentity&Version=2011-06-15"), query: try QueryItems(parsing: ""),
            now: Timestamp(milliseconds: 0), trace: &trace)
        guard case .buffer(let buffer) = response.body else { return #expect(Bool(false), "no body") }
        let text = String(buffer: buffer)
        #expect(response.status == 403 && trace.errorCode == "MissingAuthenticationToken")
        #expect(
            text.contains(
                "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>"))

        var other = RequestTrace(id: RequestID(1, 2), startedNanoseconds: 0)
        let long = String(repeating: "a", count: 70_000)
        let refused = await service.respond(
            to: request(form: long), query: try QueryItems(parsing: ""), now: Timestamp(milliseconds: 0), trace: &other)
        #expect((400..<500).contains(refused.status) && other.errorCode == "MaxMessageLengthExceeded")
    }
}
