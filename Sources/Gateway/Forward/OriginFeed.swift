package import Cluster
package import Environment
package import NIOCore
import NIOHTTP1
import S3Model
import Storage

/// The private page by which an origin tells its edges the routes: `GET /-/routes?after=REVISION`, answered as soon as
/// there is a higher revision, or with 204 after a while.
package enum RouteFeedPage {
    package static let path = "/-/routes"
    /// Carries ``EdgeKey/signFeedRequest(now:)``.
    static let header = "x-meridian-edge-feed"
    static let patienceMilliseconds: Int64 = 20_000
    /// 1,000 access points with 17 regions each are about 4 MB.
    static let maximumBytes = 64 * 1024 * 1024
}

/// The origin's side: answers the feed's page to who knows the key, and leaves all other pages to the console.
package struct RouteFeedResponder: ConsoleResponding {
    private let feed: ControlFeed
    private let key: EdgeKey
    private let time: any TimeSource
    private let console: any ConsoleResponding

    package init(feed: ControlFeed, key: EdgeKey, time: any TimeSource, otherwise console: any ConsoleResponding) {
        self.feed = feed
        self.key = key
        self.time = time
        self.console = console
    }

    package func respond(path: String, to request: HTTPRequest) async -> HTTPResponse {
        guard path == RouteFeedPage.path else { return await console.respond(path: path, to: request) }
        let now = Timestamp(milliseconds: time.wallMilliseconds())
        guard request.method == "GET", let proof = request.headers.first(name: RouteFeedPage.header),
            key.isFeedRequest(proof, now: now)
        else { return HTTPResponse(status: 403) }
        guard let target = try? RequestTarget(parsing: request.target),
            let after = target.query["after"].flatMap({ Int64($0) })
        else { return HTTPResponse(status: 400) }
        let document = await feed.document(after: after, patience: RouteFeedPage.patienceMilliseconds)
        guard let document else { return HTTPResponse(status: 204) }
        return HTTPResponse(
            status: 200, headers: ["Content-Type": "application/octet-stream", "Cache-Control": "no-store"],
            body: .buffer(ByteBuffer(bytes: document)))
    }
}

/// The edge's side: asks the origin for its routes.
package final class OriginFeed: ControlFeedSource {
    private let forwarder: Forwarder
    private let eventLoop: any EventLoop
    private let executor: EventLoopTaskExecutor
    private let key: EdgeKey
    private let time: any TimeSource

    package init(origin: ListenAddress, on eventLoop: any EventLoop, key: EdgeKey, time: any TimeSource) {
        var limits = UpstreamLimits()
        limits.stall = .milliseconds(RouteFeedPage.patienceMilliseconds * 2)
        forwarder = Forwarder(to: origin, group: eventLoop, limits: limits)
        self.eventLoop = eventLoop
        executor = EventLoopTaskExecutor(eventLoop)
        self.key = key
        self.time = time
    }

    package struct Refused: Error, CustomStringConvertible {
        package let status: Int
        package var description: String {
            status == 403
                ? "the origin does not take this edge for one of its own: both need the same edge.json and about the same time"
                : "the origin answered with status \(status)"
        }
    }

    package func fetch(after revision: Int64) async throws -> [UInt8]? {
        let now = Timestamp(milliseconds: time.wallMilliseconds())
        let request = HTTPRequest(
            method: "GET", target: "\(RouteFeedPage.path)?after=\(revision)",
            headers: ["Host": "\(forwarder.upstream)", RouteFeedPage.header: key.signFeedRequest(now: now)],
            body: NoBody(),
            connection: ConnectionInfo(remoteAddress: nil, isTLS: false, tunnelHost: nil, eventLoop: eventLoop))
        return try await withTaskExecutorPreference(executor) {
            let response = try await self.forwarder.forward(request, claim: nil)
            switch (response.status, response.body) {
            case (204, _): return nil
            case (200, .buffer(let bytes)): return Array(bytes.readableBytesView)
            case (200, .stream(let source, _)):
                return Array(try await source.collect(upTo: RouteFeedPage.maximumBytes).readableBytesView)
            default: throw Refused(status: response.status)
            }
        }
    }

    package func close() { forwarder.close() }
}

/// The body of a request that has none.
private final class NoBody: RequestBody {
    let announcedLength: Int64? = 0
    let expectsContinue = false
    func next() async throws -> ByteBuffer? { nil }
}
