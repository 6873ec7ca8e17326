import NIOCore
import NIOHTTP1

/// Writes a request's head for the upstream: everything as the client sent it, because its signature covers it, but for
/// what belongs to the client's connection alone and what only an edge may say.
enum RequestHeadWriter {
    /// - Parameter claim: the edge's own header, already signed.
    static func write(_ request: HTTPRequest, claim: String?, into out: inout ByteBuffer) {
        out.writeString(request.method)
        out.writeInteger(UInt8(ascii: " "))
        out.writeString(request.target)
        out.writeString(" HTTP/1.1\r\n")
        for (name, value) in request.headers where !isDropped(name) {
            out.writeString(name)
            out.writeString(": ")
            out.writeString(value)
            out.writeString("\r\n")
        }
        if let claim {
            out.writeString(RouteClaim.header)
            out.writeString(": ")
            out.writeString(claim)
            out.writeString("\r\n")
        }
        out.writeString("\r\n")
    }

    /// Fields of the hop (RFC 9110 §7.6.1), and ours. By length first: nearly every field is let through by that alone.
    /// `Transfer-Encoding: chunked` stays, because the body is sent on in chunks.
    static func isDropped(_ name: String) -> Bool {
        switch name.utf8.count {
        case 7: name.equals(lowercase: "upgrade")
        case 10: name.equals(lowercase: "connection") || name.equals(lowercase: "keep-alive")
        case 16: name.lowercased() == "proxy-connection"
        case 19: name.lowercased() == "proxy-authorization"
        case RouteClaim.header.utf8.count: name.lowercased() == RouteClaim.header
        default: false
        }
    }
}
