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
    private let random: any RandomSource
    private let logger: Logger

    package init(
        router: EdgeRouter, forwarder: Forwarder, key: EdgeKey, time: any TimeSource, random: any RandomSource,
        logger: Logger
    ) {
        self.router = router
        self.forwarder = forwarder
        signer = ClaimSigner(key)
        self.time = time
        self.random = random
        self.logger = logger
    }

    package func respond(to request: HTTPRequest) async -> HTTPResponse {
        let claim: String?
        switch router.decide(request) {
        case .own(let path): return own(path, request)
        case .unrouted: claim = nil
        case .region(let choice): claim = signer.sign(choice, now: Timestamp(milliseconds: time.wallMilliseconds()))
        }
        do {
            return try await forwarder.forward(request, claim: claim)
        } catch {
            return refuse(error, request)
        }
    }

    package func refuse(status: Int, reason: String) -> HTTPResponse {
        var response = encode(S3Error(S3ErrorCode(httpFailure: status), reason), method: "", path: "")
        response.closes = true
        return response
    }

    private func refuse(_ error: any Error, _ request: HTTPRequest) -> HTTPResponse {
        let path = String(request.target.prefix { $0 != "?" }.prefix(1024))
        let told: S3Error
        if let fault = error as? UpstreamFault {
            logger.warning(
                "forwarding failed", metadata: ["path": "\(path.prefix(256))", "error": "\(fault)"])
            told = S3Error(.serviceUnavailable, Self.explain(fault))
        } else {
            told = S3Error(reporting: error)
        }
        var response = encode(told, method: request.method, path: path)
        response.closes = error is HTTPBodyError
        return response
    }

    private static func explain(_ fault: UpstreamFault) -> String {
        switch fault {
        case .cannotConnect: "The region behind this endpoint cannot be reached now. Please try again."
        case .closedBeforeAnswer, .brokenAnswer:
            "The region behind this endpoint broke off before it answered. Whether it has done what was asked is unknown."
        case .timeout: "The region behind this endpoint did not answer in time."
        }
    }

    private func encode(_ error: S3Error, method: String, path: String) -> HTTPResponse {
        var trace = RequestTrace(id: RequestID(random.next(), random.next()), startedNanoseconds: 0)
        trace.method = method
        trace.path = path
        return ResponseEncoder.encode(error: error, isControl: path.hasPrefix("/v20180820/"), for: trace)
    }

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
