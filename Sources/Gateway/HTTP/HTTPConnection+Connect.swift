import NIOCore
import NIOHTTP1

/// CONNECT: the connection becomes one to a service name of ours.
extension HTTPConnection {
    /// Opens a tunnel that ends here, for our own service names at port 443 (spec/clients.md §3.2). Nothing is ever
    /// connected to.
    func connect(to target: String) {
        guard info.tunnelHost == nil, !info.isTLS else {
            return refuse(HTTPFailure(status: 403, reason: "CONNECT is not served inside TLS or another CONNECT."))
        }
        guard let authority = Authority(target), let port = authority.port else {
            return refuse(HTTPFailure(status: 400, reason: "CONNECT must name HOST:PORT."))
        }
        let host = authority.host.lowercased()
        guard port == 443, shared.isProxied(host) else {
            let reason = "This is not a general proxy: CONNECT is answered for S3 service names at port 443 only."
            return refuse(HTTPFailure(status: 403, reason: reason))
        }
        guard let context else { return }
        phase = .tunnelling
        disarm()
        let established = ByteBuffer(string: "HTTP/1.1 200 Connection established\r\n\r\n")
        context.writeAndFlush(wrapOutboundOut(established), promise: nil)
        tunnelHost = host
        if hasWholeRequest { leavePipeline() }
    }

    /// Makes room for what the tunnel carries. Not before the codec has delivered the end of the CONNECT request, its last
    /// part: the handlers that follow take bytes.
    func leavePipeline() {
        guard let context, let tunnelHost else { return }
        queue.removeAll()
        let pipeline = context.pipeline.syncOperations
        do {
            try pipeline.addHandler(FirstByteHandler(shared, tunnelHost: tunnelHost), position: .after(self))
        } catch {
            return context.close(promise: nil)
        }
        // The codec hands on what it has not decoded, which is where TLS starts.
        pipeline.removeHandler(self, promise: nil)
        pipeline.removeHandler(codec, promise: nil)
    }
}
