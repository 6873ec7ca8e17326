import Environment
import Logging
import NIOHTTP1
import S3Model

/// What a client is told when its request could not be forwarded.
struct ForwardingRefusal: Sendable {
    let random: any RandomSource
    let logger: Logger

    /// - Parameter region: the one that the request belongs to, where that is known.
    func answer(_ error: any Error, to request: HTTPRequest, region: RegionName?) -> HTTPResponse {
        let path = String(request.target.prefix { $0 != "?" }.prefix(1024))
        let told: S3Error
        if let fault = error as? UpstreamFault {
            logger.warning(
                "forwarding failed",
                metadata: [
                    "path": "\(path.prefix(256))", "region": "\(region?.rawValue ?? "unknown")", "error": "\(fault)",
                ])
            told = S3Error(
                .serviceUnavailable, Self.explain(fault, region), headers: [.init("Retry-After", "1")])
        } else {
            told = S3Error(reporting: error)
        }
        var response = encode(told, method: request.method, path: path)
        response.closes = error is HTTPBodyError
        return response
    }

    func answer(status: Int, reason: String) -> HTTPResponse {
        var response = encode(S3Error(S3ErrorCode(httpFailure: status), reason), method: "", path: "")
        response.closes = true
        return response
    }

    /// Without addresses, which are for operators (``UpstreamFault/description``).
    private static func explain(_ fault: UpstreamFault, _ region: RegionName?) -> String {
        let region = region.map { "The region \($0)" } ?? "The region behind this endpoint"
        return switch fault {
        case .cannotConnect: "\(region) cannot be reached now. Please try again."
        case .closedBeforeAnswer, .brokenAnswer:
            "\(region) broke off before it answered. Whether it has done what was asked is unknown."
        case .timeout: "\(region) did not answer in time. Whether it has done what was asked is unknown."
        }
    }

    private func encode(_ error: S3Error, method: String, path: String) -> HTTPResponse {
        var trace = RequestTrace(id: RequestID(random.next(), random.next()), startedNanoseconds: 0)
        trace.method = method
        trace.path = path
        return ResponseEncoder.encode(error: error, isControl: path.hasPrefix("/v20180820/"), for: trace)
    }
}
