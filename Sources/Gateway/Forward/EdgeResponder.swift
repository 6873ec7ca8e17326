import AccessPoints
package import Environment
package import Logging
import NIOCore
import NIOHTTP1
import S3Model

/// The global endpoint in a process of its own: chooses the region of each request and forwards it. The region verifies
/// the client's own signature, so nothing of a request is changed on the way.
package struct EdgeResponder: HTTPResponder {
    private let router: EdgeRouter
    private let forwarder: Forwarder
    private let signer: ClaimSigner
    private let time: any TimeSource
    private let refusal: ForwardingRefusal

    package init(
        router: EdgeRouter, forwarder: Forwarder, key: EdgeKey, time: any TimeSource, random: any RandomSource,
        logger: Logger
    ) {
        self.router = router
        self.forwarder = forwarder
        signer = ClaimSigner(key)
        self.time = time
        refusal = ForwardingRefusal(random: random, logger: logger)
    }

    package func respond(to request: HTTPRequest) async -> HTTPResponse {
        let claim: String?
        switch router.decide(request) {
        case .own(let path): return own(path, request)
        case .accessPoint(let choice):
            claim = signer.sign(choice, now: Timestamp(milliseconds: time.wallMilliseconds()))
        case .unknown, .bucket, .creation, .service, .token, .control: claim = nil
        }
        do {
            return try await forwarder.forward(request, claim: claim)
        } catch {
            return refusal.answer(error, to: request, region: nil)
        }
    }

    package func refuse(status: Int, reason: String) -> HTTPResponse { refusal.answer(status: status, reason: reason) }

    /// `/-/health`, for load balancers. The origin's own pages are not for whoever reaches this edge.
    private func own(_ path: String, _ request: HTTPRequest) -> HTTPResponse {
        let isHealth = path == "/-/health"
        let isReady = router.table.revision >= 0
        let text = !isHealth ? "This is an edge: only /-/health is here.\n" : isReady ? "ok\n" : "no routes yet\n"
        return HTTPResponse(
            status: !isHealth ? 404 : isReady ? 200 : 503,
            headers: ["Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store"],
            body: request.method == "HEAD"
                ? .headOnly(length: Int64(text.utf8.count)) : .buffer(ByteBuffer(string: text)))
    }
}
