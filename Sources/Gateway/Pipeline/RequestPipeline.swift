package import Environment
package import Logging
import NIOCore
import NIOHTTP1
import Policy
import S3Model
import SigV4

/// The journey of every request, top to bottom: target → endpoint → operation → signature → handler → answer.
/// Routing and authorization (``Router``) happen inside, because only bucket operations have anything to route to.
package struct RequestPipeline: HTTPResponder {
    package let endpoints: EndpointResolver
    package let authenticator: Authenticator
    package let operations: OperationDispatch
    package let console: any ConsoleResponding
    package let admin: any AdminResponding
    /// Whose signature the commands of ``admin`` need; `nil` when nobody's will do.
    package let rootAccessKeyID: String?
    package let observer: any RequestObserver
    package let time: any TimeSource
    package let random: any RandomSource
    private let ids: RequestIDs
    package let logger: Logger

    package init(
        endpoints: EndpointResolver, authenticator: Authenticator, operations: OperationDispatch,
        console: any ConsoleResponding, admin: any AdminResponding = NoAdmin(), rootAccessKeyID: String? = nil,
        observer: any RequestObserver, time: any TimeSource,
        random: any RandomSource, logger: Logger
    ) {
        self.endpoints = endpoints
        self.authenticator = authenticator
        self.operations = operations
        self.console = console
        self.admin = admin
        self.rootAccessKeyID = rootAccessKeyID
        self.observer = observer
        self.time = time
        self.random = random
        ids = RequestIDs(seed: random.next())
        self.logger = logger
    }

    package func respond(to http: HTTPRequest) async -> HTTPResponse {
        var trace = newTrace(method: http.method)
        trace.peer = http.connection.remoteAddress
        var isControl = false
        var response: HTTPResponse
        do {
            let target = try RequestTarget(parsing: http.target, skipsSignature: true)
            trace.path = target.rawPath
            let host = target.authority ?? http.headers.first(name: "host")
            let endpoint = try endpoints.resolve(host: host, path: target.rawPath)
            if case .console(let path) = endpoint {
                guard let command = Self.adminCommand(path) else { return await console.respond(path: path, to: http) }
                response = try await administer(command, http, target.query, trace: &trace)
                finish(&trace, response, bytesIn: 0)
                return response
            }
            isControl = endpoint == .control
            if case .service = endpoint, TokenService.isAddressed(http, host: host) {
                let now = Timestamp(milliseconds: time.wallMilliseconds())
                let response = await TokenService(authenticator: authenticator)
                    .respond(to: http, query: target.query, now: now, trace: &trace)
                finish(&trace, response, bytesIn: http.body.receivedBytes)
                return response
            }

            let call = try OperationCall(method: http.method, endpoint: endpoint, target: target, headers: http.headers)
            trace.operation = call.operation
            let now = Timestamp(milliseconds: time.wallMilliseconds())
            let authentication = try authenticator.authenticate(http, now: now)
            trace.accessKeyID = authentication.signature?.accessKeyID
            guard let caller = authentication.principal.identity else { throw S3Error.anonymous }

            var request = S3Request(
                id: trace.id, operation: call.operation, query: target.query, http: http,
                authentication: authentication, caller: caller, now: now, path: target.rawPath)
            request.note = http.note
            let answer = try await operations.perform(call, request, endpoint: endpoint, trace: &trace)
            response = ResponseEncoder.encode(answer, for: trace)
            try await StartedBody.start(&response)
        } catch {
            response = refuse(error, isControl: isControl, trace: &trace)
        }
        guard case .stream = response.body else {
            finish(&trace, response, bytesIn: http.body.receivedBytes)
            return response
        }
        response.ended = { [trace, body = http.body, status = response.status] in
            finish(trace, status: status, $0, bytesIn: body.receivedBytes)
        }
        return response
    }

    /// What follows `/-/admin/`; `nil` for other pages of ours.
    private static func adminCommand(_ path: String) -> String? {
        let prefix = "/-/admin/"
        return path.hasPrefix(prefix) ? String(path.dropFirst(prefix.count)) : nil
    }

    /// A command of our own command line: signed by the root identity of the installation, whoever has its keys.
    private func administer(
        _ command: String, _ http: HTTPRequest, _ query: QueryItems, trace: inout RequestTrace
    ) async throws -> HTTPResponse {
        let now = Timestamp(milliseconds: time.wallMilliseconds())
        let authentication = try authenticator.authenticate(http, now: now)
        trace.accessKeyID = authentication.signature?.accessKeyID
        guard let key = trace.accessKeyID, key == rootAccessKeyID else {
            throw S3Error(.accessDenied, "Access Denied: only the installation's root keys may do this.")
        }
        let answer = try await admin.perform(method: http.method, path: command, query: query)
        return ResponseEncoder.encode(S3Response(payload: .json(answer)), for: trace)
    }

    package func refuse(status: Int, reason: String) -> HTTPResponse {
        var trace = newTrace(method: "")
        var response = refuse(S3Error(S3ErrorCode(httpFailure: status), reason), isControl: false, trace: &trace)
        response.closes = true
        finish(&trace, response, bytesIn: 0)
        return response
    }

    private func newTrace(method: String) -> RequestTrace {
        var trace = RequestTrace(id: ids.next(), startedNanoseconds: time.monotonicNanoseconds())
        trace.method = method
        return trace
    }

    private func refuse(_ error: any Error, isControl: Bool, trace: inout RequestTrace) -> HTTPResponse {
        trace.note(error)
        let known = S3Error(reporting: error)
        // 501 is a client's wish for something that is not there, and no trouble of ours.
        if known.code.status >= 500, known.code != .notImplemented, !trace.isAborted {
            logger.error(
                "request failed",
                metadata: ["id": "\(trace.id)", "path": "\(trace.path.prefix(256))", "error": "\(error)"])
        }
        trace.errorCode = known.code.rawValue
        var response = ResponseEncoder.encode(error: known, isControl: isControl, for: trace)
        response.closes = error is HTTPBodyError
        return response
    }

    private func finish(_ trace: inout RequestTrace, _ response: HTTPResponse, bytesIn: Int64) {
        // The task of a request is cancelled when its connection ends.
        if Task.isCancelled { trace.isAborted = true }
        trace.bytesOut = trace.isAborted ? 0 : response.body.length
        observe(&trace, status: response.status, bytesIn: bytesIn)
    }

    /// The same for an answer whose body was streamed.
    private func finish(_ trace: RequestTrace, status: Int, _ end: ResponseEnd, bytesIn: Int64) {
        var trace = trace
        trace.note(end)
        if let failure = end.failure {
            logger.error(
                "answer broken off",
                metadata: ["id": "\(trace.id)", "path": "\(trace.path.prefix(256))", "error": "\(failure)"])
        }
        observe(&trace, status: status, bytesIn: bytesIn)
    }

    private func observe(_ trace: inout RequestTrace, status: Int, bytesIn: Int64) {
        trace.status = trace.isAborted ? 0 : status
        trace.bytesIn = bytesIn
        trace.durationNanoseconds = time.monotonicNanoseconds() - trace.startedNanoseconds
        observer.finished(trace)
    }
}

/// Our own pages below `/-/`.
package protocol ConsoleResponding: Sendable {
    func respond(path: String, to request: HTTPRequest) async -> HTTPResponse
}

extension ResponseBody {
    /// Bytes that will be sent, where known.
    var length: Int64 {
        switch self {
        case .empty, .headOnly: 0
        case .buffer(let buffer): Int64(buffer.readableBytes)
        case .stream(_, let length): length ?? 0
        }
    }
}
