import NIOCore
import NIOHTTP1

/// The pages that nobody signs in for, given only to callers who name this machine: by an address, by `localhost` or a
/// name below it, by a configured domain or by the host of a listen address. Coming from this machine is not enough for a
/// browser: a page of a foreign name that is made to lead to 127.0.0.1 could read them (DNS rebinding).
///
/// What is signed, commands and calls of other processes, needs no such check: no browser can sign it.
package struct OwnHostPages: ConsoleResponding {
    private let names: Set<String>
    private let pages: any ConsoleResponding

    package init(domains: [String], listen: [ListenAddress], pages: any ConsoleResponding) {
        names = Set((domains + listen.map(\.host) + ["localhost"]).map { $0.lowercased() })
        self.pages = pages
    }

    package func respond(path: String, to request: HTTPRequest) async -> HTTPResponse {
        guard isOwn(host: Self.host(of: request)) else {
            let text =
                "Not for this Host: the pages below /-/ are for callers who name this machine, by an IP address, "
                + "localhost, a listen address or a configured domain.\n"
            return HTTPResponse(
                status: 403, headers: ["Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store"],
                body: request.method == "HEAD"
                    ? .headOnly(length: Int64(text.utf8.count)) : .buffer(ByteBuffer(string: text)))
        }
        return await pages.respond(path: path, to: request)
    }

    private static func host(of request: HTTPRequest) -> String? {
        (try? RequestTarget(parsing: request.target, skipsSignature: true))?.authority
            ?? request.headers.first(name: "host")
    }

    /// Without a host it is a client of HTTP/1.0, and no browser.
    func isOwn(host: String?) -> Bool {
        guard let host else { return true }
        let name = EndpointResolver.name(ofHost: host)
        return names.contains(name) || name.hasSuffix(".localhost")
            || (try? SocketAddress(ipAddress: name, port: 0)) != nil
    }
}
