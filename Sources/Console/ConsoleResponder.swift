package import Gateway
import NIOCore
import NIOHTTP1
package import Telemetry

/// Answers the paths below `/-/`: `/-/health`, `/-/status`, `/-/metrics` and the page itself. Only callers on this machine
/// get an answer: nobody signs in here, and the page tells names of buckets and access points.
package struct ConsoleResponder: Sendable {
    private let source: any StatusSource
    private let metrics: Metrics

    package init(source: any StatusSource, metrics: Metrics) {
        self.source = source
        self.metrics = metrics
    }

    /// - Parameter path: the request's path without its query, for example `/-/status`.
    package func respond(to request: HTTPRequest, path: String) async -> HTTPResponse {
        let isHead = request.method == "HEAD"
        guard Self.isLoopback(request.connection.remoteAddress) else {
            return Self.text(403, "The console answers only to callers on the machine it runs on.\n", isHead: isHead)
        }
        guard isHead || request.method == "GET" else {
            var refusal = Self.text(405, "The console can only be read: use GET.\n", isHead: isHead)
            refusal.headers.add(name: "Allow", value: "GET, HEAD")
            return refusal
        }
        switch path {
        case "/-/health":
            let isHealthy = await source.isHealthy()
            return Self.text(isHealthy ? 200 : 503, isHealthy ? "ok\n" : "not healthy, see /-/status\n", isHead: isHead)
        case "/-/status":
            return Self.answer(200, "application/json", await source.statusReport().encoded(), isHead: isHead)
        case "/-/metrics":
            let text = metrics.prometheusText()
            return Self.answer(200, PrometheusText.contentType, Array(text.utf8), isHead: isHead)
        case "/-/":
            let page = ConsolePage.html(await source.statusReport())
            var answer = Self.answer(200, "text/html; charset=utf-8", Array(page.utf8), isHead: isHead)
            answer.headers.add(name: "Content-Security-Policy", value: ConsolePage.contentSecurityPolicy)
            return answer
        case "/-/style.css":
            return Self.answer(200, "text/css; charset=utf-8", Array(ConsoleAssets.style.utf8), isHead: isHead)
        case "/-/refresh.js":
            return Self.answer(200, "text/javascript; charset=utf-8", Array(ConsoleAssets.script.utf8), isHead: isHead)
        case "/-":
            var answer = Self.text(308, "", isHead: isHead)
            answer.headers.add(name: "Location", value: "/-/")
            return answer
        default:
            return Self.text(
                404, "There is no \(path) here. Try /-/, /-/health, /-/status or /-/metrics.\n", isHead: isHead)
        }
    }

    /// 127.0.0.0/8, ::1, the IPv4-mapped form of the former, and Unix sockets. Unknown addresses are not.
    static func isLoopback(_ address: SocketAddress?) -> Bool {
        guard let address else { return false }
        switch address {
        case .unixDomainSocket: return true
        case .v4, .v6:
            guard let text = address.ipAddress else { return false }
            return text == "::1" || text.hasPrefix("127.") || text.lowercased().hasPrefix("::ffff:127.")
        }
    }

    private static func text(_ status: Int, _ text: String, isHead: Bool) -> HTTPResponse {
        answer(status, "text/plain; charset=utf-8", Array(text.utf8), isHead: isHead)
    }

    private static func answer(_ status: Int, _ type: String, _ bytes: [UInt8], isHead: Bool) -> HTTPResponse {
        let headers: HTTPHeaders = [
            "Content-Type": type, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
        ]
        let body: ResponseBody = isHead ? .headOnly(length: Int64(bytes.count)) : .buffer(ByteBuffer(bytes: bytes))
        return HTTPResponse(status: status, headers: headers, body: body)
    }
}
